"""`python -m bench.hundred_million`: what questions of usage take over a ledger of 100 million entries, on one machine.

First the entries, as Parquet files in the shape of `weighbridge ledger export`: a year, a file for each month, made by
DuckDB from a hash of each entry's number, so that the same number of rows and seed gives the same files. Models, who
serves them and at what price are the catalogue's; some are much used and most little. A cost is the tokens by the row's
price, to the last digit. Beside them lie the sums that an export makes (`weighbridge ledger sum-up`).

Then each question, asked as `weighbridge usage --from-parquet DIR` asks it: from a new connection to the rows of the
answer. Files lie in the page cache, as far as there is memory for them. It exits 1 if one takes five seconds, or if a
total is not that of all entries. With `--without-sums` the entries are asked.
"""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from bench.machine import describe
from weighbridge.app.offer import hosts
from weighbridge.catalog.load import every_provider, load
from weighbridge.catalog.model import Catalog
from weighbridge.config import read
from weighbridge.ledger import directory as files
from weighbridge.ledger.parquet import COLUMNS
from weighbridge.ledger.questions import Known, Question, answer
from weighbridge.ledger.tabular import COMPRESSION
from weighbridge.providers.rows import read_rows

YEAR = 2025
PROMISED = 5.0
"""Seconds."""

QUESTIONS = {
    "--by model": Question(("model",), latency=False, savings=False),
    "--by lab": Question(("lab",), latency=False, savings=False),
    "--by country,licence,weights": Question(("country", "licence", "weights"), latency=False, savings=False),
    "--by provider": Question(("provider",), latency=False, savings=False),
    "--by provider_country": Question(("provider_country",), latency=False, savings=False),
    "--by key": Question(("key",), latency=False, savings=False),
    "--by organisation,project": Question(("organisation", "project"), latency=False, savings=False),
    "--by user --top 20": Question(("user",), top=20, latency=False, savings=False),
    "--by tag": Question(("tag",), latency=False, savings=False),
    "--by ending,error": Question(("ending", "error"), latency=False, savings=False),
    "--by hour": Question(("hour",), latency=False, savings=False),
    "--by month,country": Question(("month", "country"), latency=False, savings=False),
    "--by model --latency": Question(("model",), savings=False),
    "--by provider --savings": Question(("provider",), latency=False),
    "--by day --where country=CN --since 2025-11-01 --until 2025-12-01": Question(
        ("day",),
        since=datetime(YEAR, 11, 1, tzinfo=UTC),
        until=datetime(YEAR, 12, 1, tzinfo=UTC),
        where=(("country", "CN"),),
        latency=False,
        savings=False,
    ),
    "--by model --where key=key-0007 --latency --savings": Question(("model",), where=(("key", "key-0007"),)),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question took."""

    question: str
    seconds: float
    """The least of some rounds: the others say what else the machine was doing."""
    cpu_seconds: float
    """Of all cores, in that round."""
    groups: int
    requests: int
    of_all: bool
    """Whether nothing was left out."""


def main() -> None:
    """Make the files where they are not there, ask, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.hundred_million", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-sums", action="store_true")
    given = parser.parse_args()
    if not list(given.out.glob("entries-*.parquet")):
        started = time.monotonic()
        make(given.out, rows=given.rows, seed=given.seed)
        print(f"made in {time.monotonic() - started:.0f} s")
    if given.without_sums:
        with tempfile.TemporaryDirectory() as bare:
            for file in given.out.glob("entries-*.parquet"):
                (Path(bare) / file.name).symlink_to(file.resolve())
            report(Path(bare), rounds=given.rounds)
    else:
        sum_up(given.out)
        report(given.out, rounds=given.rounds)


def sum_up(directory: Path) -> None:
    """Make the sums that are missing."""
    made: list[Path] = []
    started, worked = time.monotonic(), time.process_time()
    files.keep_sums(directory, made=made.append)
    if made:
        taken, cpu = time.monotonic() - started, time.process_time() - worked
        size = sum(path.stat().st_size for path in made) / 2**30
        print(f"summed up in {taken:.0f} s, {cpu:.0f} CPU s: {len(made)} files, {size:.2f} GiB")


def make(directory: Path, *, rows: int, seed: int) -> None:
    """Write `rows` entries of a year, a file for each month."""
    directory.mkdir(parents=True, exist_ok=True)
    months = [date(YEAR, month, 1) for month in range(1, 13)] + [date(YEAR + 1, 1, 1)]
    year = (months[-1] - months[0]).days
    done = 0
    for begin, end in itertools.pairwise(months):
        until = rows * (end - months[0]).days // year
        _month(directory, begin, end, {"first": done, "until": until, "seed": seed})
        print(f"{begin:%Y-%m}: {until - done:,} entries", flush=True)
        done = until


def report(directory: Path, *, rounds: int) -> None:
    """Ask every question, print a table, and exit 1 if one takes too long or leaves something out."""
    entries = sorted(directory.glob("entries-*.parquet"))
    total = sum(pq.read_metadata(file).num_rows for file in entries)
    print(", ".join(f"{name}: {value}" for name, value in describe().items()))
    print(
        f"{total:,} entries in {len(entries)} files, {sum(file.stat().st_size for file in entries) / 2**30:.2f} GiB\n"
    )
    print("| `weighbridge usage --from-parquet DIR …` | seconds | CPU s | groups |\n| --- | --- | --- | --- |")
    failed = False
    for asked in ask(directory, rounds=rounds):
        print(f"| `{asked.question}` | {asked.seconds:.2f} | {asked.cpu_seconds:.1f} | {asked.groups:,} |", flush=True)
        failed |= asked.seconds >= PROMISED or (asked.of_all and asked.requests != total)
    print(f"\nmost memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
    sys.exit(1 if failed else 0)


def ask(directory: Path, *, rounds: int) -> Iterator[Asked]:
    """Each question, the best of some rounds."""
    known = Known(known_models())
    for name, question in QUESTIONS.items():
        taken: list[tuple[float, float]] = []
        groups, requests = 0, 0
        for _ in range(rounds):
            started, worked = time.perf_counter(), time.process_time()
            tallies = files.tallies(directory, question)
            found = answer(tallies, question, known)
            groups, requests = len(found.rows), found.total.sums.requests
            taken.append((time.perf_counter() - started, time.process_time() - worked))
        of_all = not question.where and question.since is None
        yield Asked(name, *min(taken), groups, requests, of_all)


def known_models() -> Catalog:
    """The catalogue, with who serves what."""
    settings = read({})
    catalog = load(every_provider(), when=datetime(YEAR + 1, 12, 1, tzinfo=UTC))
    return Catalog(catalog.models, catalog.aliases, catalog.habits, hosts(settings, read_rows()))


def priced_endpoints(catalog: Catalog) -> list[tuple[str, str, str, str, int, int, int]]:
    """Those with a plain price: model, provider, its name there, the price's id, and a token in, out and cached."""
    found = []
    for model in sorted(catalog.models.values(), key=lambda each: each.id):
        for endpoint in model.endpoints:
            price = endpoint.prices[-1] if endpoint.prices else None
            if price is not None and price.whole is not None:
                fresh, out, cached, _, _ = price.whole
                found.append((model.id, endpoint.provider, endpoint.upstream_model, price.id, fresh, out, cached))
    return found


def _month(directory: Path, begin: date, end: date, values: Mapping[str, int]) -> None:
    endpoints = priced_endpoints(known_models())
    placed = {
        **values,
        "start": int(datetime(begin.year, begin.month, 1, tzinfo=UTC).timestamp()) * 1_000_000,
        "span": (end - begin).days * 86_400_000_000,
        "endpoints": len(endpoints),
        "base": values["seed"] * 10**12,  # a hash of one number: those of several are not independent
    }
    sql = _ENTRIES
    for name, value in placed.items():
        sql = sql.replace(f"${name}", str(value))
    target = directory / f"entries-{begin:%Y-%m}.parquet"
    unfinished = target.with_suffix(".unfinished")
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(_ENDPOINT)
        numbered = [(number, *each) for number, each in enumerate(endpoints)]
        connection.executemany("INSERT INTO endpoint VALUES (?, ?, ?, ?, ?, ?, ?, ?)", numbered)
        connection.execute(
            f"COPY ({sql}) TO '{unfinished}' (FORMAT parquet, COMPRESSION {COMPRESSION}, ROW_GROUP_SIZE 500000)"
        )
    unfinished.rename(target)


_ENDPOINT = """
    CREATE TABLE endpoint (
        number INT, model TEXT, provider TEXT, upstream_model TEXT, price_id TEXT, fresh BIGINT, answered BIGINT,
        cached BIGINT
    )
"""
_ENTRIES = """
    WITH drawn AS (
        SELECT i, $start + (i - $first) * ($span / ($until - $first))::BIGINT AS us,
               hash($base + i * 8 + 1) / 2.0 ** 64 AS a, hash($base + i * 8 + 2) / 2.0 ** 64 AS b,
               hash($base + i * 8 + 3) / 2.0 ** 64 AS c, hash($base + i * 8 + 4) / 2.0 ** 64 AS d,
               hash($base + i * 8 + 5) / 2.0 ** 64 AS e, hash($base + i * 8 + 6) / 2.0 ** 64 AS f
        FROM range($first, $until) AS numbers (i)
    ), made AS (
        SELECT *, sqrt(-2 * ln(1 - a)) * cos(2 * pi() * b) AS n1, sqrt(-2 * ln(1 - a)) * sin(2 * pi() * b) AS n2,
               sqrt(-2 * ln(1 - c)) * cos(2 * pi() * d) AS n3,
               least($endpoints - 1, floor($endpoints * power(f, 2.5)))::INT AS endpoint_number,
               CASE WHEN e < 0.955 THEN 'complete' WHEN e < 0.97 THEN 'client_left' WHEN e < 0.985 THEN 'upstream_broke'
                    WHEN e < 0.998 THEN 'refused' ELSE 'stopped' END AS ended,
               (d * 100000)::INT % 100 < 3 AS again
        FROM drawn
    ), counted AS (
        SELECT made.*, endpoint.*,
               CASE WHEN ended <> 'refused' THEN least(200000, 20 + exp(6.3 + 1.3 * n1))::BIGINT END AS prompt,
               CASE WHEN ended <> 'refused' THEN least(32000, 1 + exp(5.2 + 1.1 * n3))::BIGINT END AS completion,
               CASE WHEN c < 0.35 THEN 0.75 ELSE 0 END AS share
        FROM made JOIN endpoint ON endpoint.number = made.endpoint_number
    ), priced AS (
        SELECT *, (prompt * share)::BIGINT AS read_again,
               (prompt - read_again) * fresh + completion * answered + read_again * cached AS due
        FROM counted
    )
    SELECT printf('wbr-%012x%010x%010x', us // 1000, 77, i) AS id, to_timestamp(us / 1000000.0) AS at,
           us // 3600000000 AS hour, printf('key-%04d', (300 * power(b, 2))::INT) AS key, model AS asked_model, model,
           CASE WHEN ended <> 'refused' AND NOT again THEN provider END AS provider,
           CASE WHEN ended <> 'refused' AND NOT again THEN upstream_model END AS upstream_model,
           CASE WHEN again THEN printf('wbr-%012x%010x%010x', (us - 60000000) // 1000, 77, i - 1)
                ELSE printf('chatcmpl-%016x', hash($base + i * 8 + 7)) END AS upstream_request,
           ended AS ending,
           CASE ended WHEN 'complete' THEN 200 WHEN 'client_left' THEN 499 WHEN 'refused' THEN 400 ELSE 502 END::BIGINT
               AS status,
           CASE ended WHEN 'complete' THEN NULL WHEN 'client_left' THEN 'client_left' WHEN 'refused' THEN 'bad_request'
                ELSE 'upstream_timeout' END AS error,
           a < 0.7 AS streamed, prompt AS prompt_tokens, completion AS completion_tokens,
           read_again AS cached_tokens, NULL::BIGINT AS written_tokens,
           CASE WHEN f < 0.2 THEN completion // 2 END AS reasoning_tokens,
           CASE WHEN ended = 'refused' THEN NULL WHEN again THEN 'cache' WHEN e >= 0.955 THEN 'estimate'
                ELSE 'provider' END AS counted_by,
           CASE WHEN again THEN 0 ELSE due END::BIGINT AS cost,
           CASE WHEN again AND ended = 'complete' THEN due END::BIGINT AS saved,
           CASE WHEN ended = 'refused' THEN NULL WHEN again THEN 'cache' ELSE price_id END AS price_id,
           CASE WHEN ended = 'refused' THEN NULL WHEN again THEN 'hit' ELSE 'a list' END AS price_source,
           NULL::TEXT AS price_since,
           CASE WHEN ended IN ('complete', 'client_left') THEN (30000 + exp(13 + 0.8 * n2))::BIGINT END AS first_byte,
           (40000 + exp(13 + 0.8 * n2) + exp(14.2 + 0.9 * n3))::BIGINT AS duration, NULL::BIGINT AS answered,
           NULL::TEXT AS attempts, CASE WHEN b < 0.9 THEN 'acme' ELSE 'umbrella' END AS organisation,
           CASE WHEN b < 0.95 THEN printf('project-%02d', (25 * b)::INT) END AS project,
           CASE WHEN d < 0.05 THEN '["personal-data"]' WHEN d < 0.15 THEN '["batch","ci"]'
                WHEN d < 0.2 THEN '["ci"]' END AS tags,
           NULL::TEXT AS key_tags, NULL::TEXT AS policy, NULL::TEXT AS rule, NULL::TEXT AS facts,
           CASE WHEN c < 0.6 THEN printf('user-%05d', (100000 * power(d, 3))::INT // 10) END AS "user",
           NULL::TEXT AS corrects, CASE WHEN b > 0.98 THEN 'codex' END AS imported
    FROM priced ORDER BY i
"""
assert len(COLUMNS) == 38  # the columns above are these, in their order


if __name__ == "__main__":
    main()

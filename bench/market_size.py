"""`python -m bench.market_size -o DIR`: what figures of the market take over millions of models and years of counters.

First the counters, in a store as `weighbridge market sync` leaves it: a snapshot of the hub a week, its part sorted by
model. `--models` repositories (300,000; `--full` is 3 million) are read each week for `--weeks` (260: five years).

The distribution is the hub's. Of a month's downloads the first 10, 100 and 1,000 models have 21.86, 46.99 and 78.60 %,
1,524,710 of 3 million are downloaded at all, and there are 3.03 billion in all (Model Pulse, September 2026, from
cfahlgren1/hub-stats); between these ranks the sum grows with the rank's logarithm, with fewer models up to the same
share of ranks. A model's downloads set in at a week of its own and grow. Publishers are as unlike as their models: half
of all models are those of the first 3 %; the reviewed names of the hub stand among the most downloaded models. In May
2025 and June 2026 the counters of one model in a hundred go backwards, as the hub's did. Same numbers and seed, same
rows.

Then what a sync makes of them is made, each question is asked from a new engine to its rows, the best of some rounds,
and a new week is taken in from a Parquet file of the hub's columns. It exits 1 where a figure takes ten seconds or
more, the update a minute, the import a gigabyte, or a sum is not that of the rows.
"""

# ruff: noqa: S608 - of our own numbers and names

import argparse
import itertools
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from os import getloadavg
from pathlib import Path

from bench.machine import describe
from weighbridge.market.connection import connected
from weighbridge.market.engine import Engine
from weighbridge.market.identity.book import book
from weighbridge.market.made import make
from weighbridge.market.recipes.figure import figure, measured
from weighbridge.market.recipes.recipe import recipe
from weighbridge.market.store import Kept, Store
from weighbridge.market.sync import take

FIRST = date(2021, 11, 6)
SOURCE = "hub-snapshots"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
PROMISED = {"figure": 10.0, "update": 60.0}
"""Seconds."""
MEMORY = 2**30
_SHARES = ((1, 0.05), (10, 0.2186), (100, 0.4699), (1000, 0.7860), (1_524_710, 1.0))
"""Of a month's downloads, by rank; that of the first model is a guess."""
_DOWNLOADS = 3_032_850_003
"""A month."""
_FULL = 3_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question took."""

    question: str
    seconds: float
    cpu_seconds: float
    rows: int


def main() -> None:
    """Make the counters where they are not there, ask, update, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.market_size", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--models", type=int, default=300_000)
    parser.add_argument("--weeks", type=int, default=260)
    parser.add_argument("--full", action="store_true", help="3 million models")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    models = _FULL if given.full else given.models
    store = Store(given.out)
    print(", ".join(f"{name}: {value}" for name, value in describe().items()), flush=True)
    with timed("counters made"):
        generate(store, models=models, weeks=given.weeks, seed=given.seed)
    with timed("merged and rolled up"):
        roll(store)
    size = {name: _size(given.out / name) for name in ("tables/downloads", "made/standing", "made/publishers")}
    print(f"{models * given.weeks:,} rows; " + ", ".join(f"{name} {each:.2f} GiB" for name, each in size.items()))
    kept = ask(store, models, given.weeks, given.rounds)
    kept &= update(store, models, given.weeks, given.seed)
    print(f"most memory: {_most_memory() / 2**30:.2f} GiB")
    sys.exit(0 if kept else 1)


class timed:
    """Prints what its body took."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        self._started, self._worked = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        seconds, cpu = time.perf_counter() - self._started, time.process_time() - self._worked
        print(f"{self._what}: {seconds:.1f} s, {cpu:.1f} CPU s, load {getloadavg()[0]:.1f}", flush=True)


def generate(store: Store, *, models: int, weeks: int, seed: int) -> None:
    """A payload for each week that is not there."""
    there = {each.as_of for each in store.payloads()}
    with connected(store.spill, "3GB") as connection:
        wanted = [week for week in range(weeks) if FIRST + timedelta(weeks=week) not in there]
        if not wanted:
            return
        connection.execute(_models(models, seed))
        for week in wanted:
            day = FIRST + timedelta(weeks=week)
            name = sha256(f"{day} {models} {seed}".encode()).hexdigest()
            part = f"downloads/source={SOURCE}/month={day:%Y-%m}/{name}-0.parquet"
            target = store.directory / "tables" / part
            target.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"COPY ({_readings(week, weeks)}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, "
                "ROW_GROUP_SIZE 65536)"
            )
            store.keep(
                Kept(
                    sha256=name,
                    size=target.stat().st_size,
                    name=f"models-{day}.parquet",
                    source=SOURCE,
                    as_of=day,
                    taken=NOW + timedelta(seconds=week),
                    licence="generated",
                    line="Generated.",
                    rows={"downloads": models},
                    findings=(),
                    parts=(part,),
                    days={part: (day, day)},
                )
            )


def roll(store: Store) -> None:
    """As a sync does."""
    make(store.parts("downloads", store.payloads()), now=datetime.now(UTC), least=0)


def ask(store: Store, models: int, weeks: int, rounds: int) -> bool:
    """Each question, printed; whether all kept the promise."""
    last = FIRST + timedelta(weeks=weeks - 1)
    print("\n| figure | seconds | CPU s | rows |\n| --- | --- | --- | --- |")
    kept = True
    for name, question in _questions(store, last, weeks):
        asked = _asked(name, question, rounds)
        print(f"| {asked.question} | {asked.seconds:.2f} | {asked.cpu_seconds:.1f} | {asked.rows:,} |", flush=True)
        kept &= asked.seconds < PROMISED["figure"]
    with connected(store.spill, "3GB") as connection:
        files = store.directory / "tables" / "downloads" / "**" / "*.parquet"
        told = f"SELECT sum(in_all), count(*) FROM read_parquet('{files}') WHERE day = DATE '{last}'"
        ((whole, counted),) = connection.execute(told).fetchall()
    with Engine(store.spill) as engine:
        engine.table("downloads", store.parts("downloads", store.payloads()))
        standing = engine.standing(last)
        (found,) = engine.rows(standing.aggregate(in_all=standing.in_all.sum(), models=standing.count()))
    same = (int(whole), counted) == (int(found["in_all"]), found["models"]) and counted == models
    print(f"\nsum of the last day's rows and of the roll-up: {'the same' if same else 'NOT the same'}, {whole:,}")
    return kept and same


def _asked(name: str, question: Callable[[], int], rounds: int) -> Asked:
    taken = []
    rows = 0
    for _ in range(rounds):
        started, worked = time.perf_counter(), time.process_time()
        rows = question()
        taken.append((time.perf_counter() - started, time.process_time() - worked))
    return Asked(name, *min(taken), rows)


def _questions(store: Store, last: date, weeks: int) -> Iterator[tuple[str, Callable[[], int]]]:
    month, year = last.replace(day=1), timedelta(weeks=min(52, weeks // 2))
    middle = (last - timedelta(weeks=weeks // 3)).replace(day=17)
    whole = {"models": "all", "places": "reviewed", "country": "CN"}

    def cumulative(until: date) -> int:
        found = figure(store, "cumulative-downloads", {**whole, "window": f"{FIRST}:{until}"})
        return len(found.measured.rows)

    yield f"`cumulative-downloads --window {FIRST}:{last}`, with its sensitivity", lambda: cumulative(last)
    yield f"the same up to {middle}, in the middle of a month", lambda: cumulative(middle)
    for attribution in ("publisher", "base", "split"):
        yield (
            f"`download-share-study --window {last - year}:{last} --set attribution={attribution}`",
            partial(_study, store, last - year, last, attribution),
        )
    yield "downloads of a year by publisher, from differences", lambda: _gained(store, last - year, last)
    yield "the same between days in the middle of months", lambda: _gained(store, middle - year, middle)
    yield "downloads by country and month, five years", lambda: _by_month(store)
    yield "the first 1,000 models' share of a month", lambda: _first(store, month - timedelta(days=1), last)


def _study(store: Store, since: date, until: date, attribution: str) -> int:
    wanted = recipe("download-share-study")
    choices = wanted.chosen({"window": f"{since}:{until}", "attribution": attribution})
    kept = [each for each in store.payloads() if each.source in wanted.sources]
    return len(measured(store, wanted, kept, choices).rows)


def _gained(store: Store, since: date, until: date) -> int:
    with Engine(store.spill) as engine:
        engine.table("downloads", store.parts("downloads", store.payloads()))
        grown = engine.gained(since, until)
        publisher = grown.model.split("/")[0].name("publisher")
        return len(engine.rows(grown.group_by(publisher).aggregate(gained=grown.gained.sum()).order_by("publisher")))


def _by_month(store: Store) -> int:
    with Engine(store.spill) as engine:
        engine.table("downloads", store.parts("downloads", store.payloads()))
        months = engine.publisher_months()
        seats = engine.texts(
            "seats", ("seat_of", "country"), sorted(book().countries("huggingface", NOW.date()).items())
        )
        placed = months.left_join(seats, months.publisher == seats.seat_of)
        return len(engine.rows(placed.group_by(["month", "country"]).aggregate(gained=placed.gained.sum())))


def _first(store: Store, since: date, until: date) -> int:
    with Engine(store.spill) as engine:
        engine.table("downloads", store.parts("downloads", store.payloads()))
        grown = engine.gained(since, until)
        return len(engine.rows(grown.order_by([grown.gained.desc(), grown.model]).limit(1000)))


def update(store: Store, models: int, weeks: int, seed: int) -> bool:
    """Take a new week in, as a file of the hub's columns, in a process of its own."""
    day = FIRST + timedelta(weeks=weeks)
    path = store.directory / f"models-{day}.parquet"
    with connected(store.spill, "3GB") as connection:
        connection.execute(_models(models, seed))
        connection.execute(f"COPY ({_snapshot(weeks)}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    print(f"\na snapshot of {day}: {path.stat().st_size / 2**30:.2f} GiB")
    told: multiprocessing.Queue[tuple[float, float, int, int]] = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=_taken, args=(store.directory, path, told))
    process.start()
    seconds, cpu, rows, memory = told.get()
    process.join()
    print(f"taken in and rolled up: {seconds:.1f} s, {cpu:.1f} CPU s, {rows:,} counters, {memory / 2**20:.0f} MiB")
    path.unlink()
    return seconds < PROMISED["update"] and memory < MEMORY and rows == models


def _taken(directory: Path, path: Path, told: "multiprocessing.Queue[tuple[float, float, int, int]]") -> None:
    started, worked = time.perf_counter(), time.process_time()
    (taken,) = take(Store(directory), path, now=datetime.now(UTC))
    memory = _most_memory()
    rows = taken.kept.rows["downloads"] if taken.kept else 0
    told.put((time.perf_counter() - started, time.process_time() - worked, rows, memory))


def _most_memory() -> int:
    """Bytes; `getrusage` would tell a process its parent's, where that had more when it began it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def _models(models: int, seed: int) -> str:
    """A table of models: name, downloads a month by rank, and the week in which they set in (of 0 to 1)."""
    ranks = [(max(1, round(rank * (models / _FULL) if rank > 1000 else rank)), share) for rank, share in _SHARES]
    cases = "".join(
        f"WHEN rank <= {high} THEN {share} + {more - share} * ln(rank / {low}) / ln({high} / {low}) "
        for (low, share), (high, more) in itertools.pairwise(ranks)
    )
    named = [each.name for (scheme, _), each in sorted(book().publishers.items()) if scheme == "huggingface"]
    names = ", ".join(f"'{name}'" for name in named)
    return f"""
        CREATE TABLE model AS
        WITH drawn AS (
            SELECT i + 1 AS rank, hash({seed * 10**9} + i * 4 + 1) / 2.0 ** 64 AS a,
                   hash({seed * 10**9} + i * 4 + 2) / 2.0 ** 64 AS b, hash({seed * 10**9} + i * 4 + 3) / 2.0 ** 64 AS c
            FROM range({models}) AS ranks (i)
        ), shared AS (
            SELECT *, CASE {cases} ELSE 1.0 END AS upto, [{names}] AS named FROM drawn
        )
        SELECT CASE WHEN a < 3 / (3 + ln(rank)) THEN named[1 + (b * {len(named)})::INT % {len(named)}]
                    ELSE printf('user-%06d', ({models // 4} * power(b, 5))::INT) END
               || '/' || printf('model-%07d', rank) AS model,
               {_DOWNLOADS} * (upto - coalesce(lag(upto) OVER (ORDER BY rank), 0)) AS monthly, c * 0.9 AS begins,
               a * 1000 // 10 = 7 AS falls, rank
        FROM shared ORDER BY model
    """


def _readings(week: int, weeks: int) -> str:
    """That week's rows, in the order of models."""
    day = FIRST + timedelta(weeks=week)
    return f"""
        SELECT model, DATE '{day}' AS day, {_monthly(week, weeks)} AS last_30_days, {_counter(week, weeks)} AS in_all,
               '{SOURCE}' AS source, DATE '{day}' AS as_of
        FROM model
    """


def _snapshot(weeks: int) -> str:
    """A file of the columns of hfmlsoc/hub_weekly_snapshots that are read, and one that is not and has the bulk."""
    return f"""
        SELECT model AS id, split_part(model, '/', 1) AS author, {_monthly(weeks, weeks)} AS downloads,
               {_counter(weeks, weeks)} AS "downloadsAllTime", TIMESTAMP '2022-03-02' AS "createdAt",
               'text-generation' AS pipeline_tag,
               ['transformers', 'safetensors', 'license:apache-2.0', 'region:us', 'base_model:finetune:acme/base']
                   AS tags,
               md5(model) || sha256(model) || sha256(model || '1') || sha256(model || '2') || sha256(model || '3')
                   || sha256(model || '4') || sha256(model || '5') || sha256(model || '6') AS "cardData"
        FROM model
    """


def _monthly(week: int, weeks: int) -> str:
    at = f"greatest(0, {week / weeks} - begins)"
    return f"(monthly * least(1, {at} * 4))::BIGINT"


def _counter(week: int, weeks: int) -> str:
    at = f"greatest(0, {week / weeks} - begins)"
    months = weeks / 52.18 * 12
    fell = sum(1 for share in (0.708, 0.923) if week / weeks >= share)
    lost = f"CASE WHEN falls THEN {math.pow(0.9, fell)} ELSE 1 END"
    return f"floor(monthly * {months} * {at} * (0.2 + 0.8 * {at}) * {lost})::BIGINT"


def _size(directory: Path) -> float:
    return sum(file.stat().st_size for file in directory.rglob("*.parquet")) / 2**30


if __name__ == "__main__":
    main()

"""`python -m conformance`: clients' own test suites and agents, against our gateway and its peers, on loopback.

For each suite and gateway: install the suite (once), start the scripted upstream and the gateway, run the suite
against the gateway's address, read its report, and keep the outcome in results/latest.json.
"""

import argparse
import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from conformance import install, results, suites, table
from conformance.door import door
from conformance.gateways import GATEWAYS, Gateway, Ground, NotInstalled, upstream
from conformance.reports import first_line
from conformance.results import Case, Outcome
from conformance.running import NoReport, run
from conformance.suites import Suite, Told


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    suites: list[Suite]
    gateways: list[str]
    sources: Path | None
    """Where checkouts of public repositories are."""
    peers: Path | None
    cache: Path
    out: Path
    page: bool


_WIDTH = 150
"""Characters of a reason that are printed."""


class _NotRun(Exception):
    """A suite cannot be run here, and why."""


def main() -> None:
    """Run what is asked for, keep the results, write the page."""
    options = _options()
    board = results.load(options.out)
    for suite in options.suites:
        for gateway in options.gateways:
            if gateway in suite.not_offered:
                print(f"{suite.name:28} {gateway:12} not run: {suite.not_offered[gateway]}", flush=True)
                continue
            outcome = measured(suite, gateway, options)
            _show(outcome)
            if outcome.not_run and board.of(suite.name, gateway) is not None:
                continue  # it says what is missing here, not how the gateway does
            board = board.with_outcome(outcome)
            results.save(board, options.out)
    if options.page:
        table.write(board)


def measured(suite: Suite, gateway: str, options: Options) -> Outcome:
    """One suite against one gateway."""
    cases: list[Case] = []
    not_run = ""
    try:
        with tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
            cases = _cases(suite, gateway, options, Path(scratch))
    except (_NotRun, NotInstalled, NoReport) as exc:
        not_run = first_line(str(exc))
    except (RuntimeError, subprocess.CalledProcessError) as exc:
        not_run = first_line(f"{suite.name} with {gateway} did not start: {exc}")
    return Outcome(
        suite=suite.name,
        gateway=gateway,
        gateway_version=_version(gateway, options.peers),
        date=datetime.now(UTC).date().isoformat(),
        versions=install.versions(suite),
        passed=sum(case.ending == "passed" for case in cases),
        others=sorted((case for case in cases if case.ending != "passed"), key=lambda case: case.id),
        not_run=not_run,
    )


def _cases(suite: Suite, gateway: str, options: Options, scratch: Path) -> list[Case]:
    source = _source(suite, options.sources)
    place = install.installed(suite, options.cache)
    work, home = scratch / "work", scratch / "home"
    work.mkdir()
    home.mkdir()
    with upstream(scratch) as address:
        ground = Ground(address, scratch, list(dict.fromkeys([suite.model, *suite.models])), options.peers)
        with GATEWAYS[gateway](ground) as started, _before(started, suite) as (root, key):
            told = Told(root=root, key=key, model=suite.model, home=home, work=work)
            return run(suite, told, place, source)


@contextlib.contextmanager
def _before(gateway: Gateway, suite: Suite) -> Iterator[tuple[str, str]]:
    """The address and key that the suite is told: the gateway's own, or those of a door before it."""
    if suite.key is None and not gateway.headers:
        yield gateway.root, gateway.key
        return
    with door(gateway.root, gateway.headers, key=gateway.key if suite.key is not None else None) as root:
        yield root, suite.key or gateway.key


def _source(suite: Suite, folder: Path | None) -> Path | None:
    if suite.source is None:
        return None
    where = None if folder is None else (folder / suite.source.folder).absolute()
    if where is None or not where.is_dir():
        raise _NotRun(
            f"needs a checkout: git clone {suite.source.url}, commit {suite.source.commit[:8]}, then --sources DIR"
        )
    return where


def _version(gateway: str, peers: Path | None) -> str:
    found = machine.versions({} if peers is None else {gateway: peers / gateway})
    return found.get(gateway, "unknown")


def _show(outcome: Outcome) -> None:
    score = outcome.not_run or f"{outcome.passed} of {outcome.total}, {len(outcome.skipped)} skipped"
    print(f"{outcome.suite:28} {outcome.gateway:12} {score}", flush=True)
    alike: dict[str, list[Case]] = {}
    for case in outcome.failed:
        alike.setdefault(f"{case.id.rpartition('::')[2].partition('[')[0]}: {case.said[:_WIDTH]}", []).append(case)
    for line, cases in alike.items():
        print(f"    missed {len(cases)} x {line}", flush=True)


def _options() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m conformance", description="Run clients' own tests against the gateway."
    )
    known = {suite.name: suite for suite in suites.read()}
    parser.add_argument("--suite", action="append", help=f"one of {', '.join(known)}; may be repeated (else all)")
    parser.add_argument("--gateway", action="append", choices=[*GATEWAYS], help="may be repeated (else weighbridge)")
    parser.add_argument("--sources", type=Path, help="folder with checkouts of the repositories that have tests")
    parser.add_argument(
        "--peers", type=Path, help="folder with peers installed by bench/peers/NAME.sh install DIR/NAME"
    )
    parser.add_argument("--out", type=Path, default=results.LATEST)
    parser.add_argument("--no-page", action="store_true", help="leave docs/conformance.md as it is")
    given = parser.parse_args()
    if unknown := set(given.suite or []) - known.keys():
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    chosen = [suite for name, suite in known.items() if given.suite is None or name in given.suite]
    cache = install.cache()
    cache.mkdir(parents=True, exist_ok=True)
    gateways = given.gateway or ["weighbridge"]
    return Options(chosen, gateways, given.sources, given.peers, cache, given.out, not given.no_page)


if __name__ == "__main__":
    main()

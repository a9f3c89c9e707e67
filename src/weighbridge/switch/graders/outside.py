"""A user's own grader: one function in a file of theirs, named as `path/to/file.py:function`.

Or a scorer of another package's, named as `autoevals:Levenshtein`.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import autoevals
from weighbridge.switch.graders.grader import Grader, GraderError

EXAMPLE = "graders.py:grade"


def load(named: str) -> tuple[str, Grader]:
    """A grader's name, with the hash of its file, and the grader. Runs the file. Raises GraderError.

    The function takes the case, the reference's answer and the candidate's, and returns a Grade or None.
    """
    if named.startswith(autoevals.PREFIX):
        return named, autoevals.adapted(named)
    file, colon, name = named.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise GraderError(f"grader {named!r}: write a file and the function in it, such as {EXAMPLE}")
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise GraderError(f"grader {named!r}: there is no file {path}")
    function = _function(path, name, named)
    _check(function, named)
    own = f"{path.name}:{name}-{sha256(path.read_bytes()).hexdigest()[:8]}"
    return own, _guarded(function, named)


def _function(
    path: Path, name: str, named: str
) -> Callable[..., Any]:  # Any: it is the user's, and checked when called
    module_name = f"weighbridge_grader_{sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise GraderError(f"grader {named!r}: {path.name} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise GraderError(f"grader {named!r}: {path.name} cannot be loaded: {type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        there = [each for each, value in vars(module).items() if inspect.isfunction(value) and not each.startswith("_")]
        known = f"; it has {', '.join(sorted(there))}" if there else ""
        raise GraderError(f"grader {named!r}: {path.name} has no function {name!r}{known}")
    found: Callable[..., Any] = function
    return found


def _check(function: Callable[..., Any], named: str) -> None:
    if inspect.iscoroutinefunction(function):
        raise GraderError(f"grader {named!r} is async: write `def` (a rubric or a judge asks models)")
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError as error:
        raise GraderError(f"grader {named!r}: it is called with (case, reference, candidate): {error}") from error


def _guarded(function: Callable[..., Any], named: str) -> Grader:
    """What it raises and returns is checked at every case: a wrong grade would prove something false."""

    def grade(case: Case, reference: Answer, candidate: Answer) -> Grade | None:
        try:
            found = function(case, reference, candidate)
        except Exception as error:
            raise GraderError(f"grader {named!r} failed on case {case.id}: {type(error).__name__}: {error}") from error
        if found is not None and not isinstance(found, Grade):
            raise GraderError(f"grader {named!r} returned a {type(found).__name__}: it must return a Grade or None")
        if found is not None and not -1 <= found.loss <= 1:
            raise GraderError(f"grader {named!r} returned the loss {found.loss!r}: it must be from -1 to 1")
        return found

    return grade

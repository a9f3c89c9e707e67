"""The tree of errors is whole: in one file, drawn at its top, each with a code of its own and a way out."""

import importlib
import inspect
import pkgutil
from collections import Counter

import pytest

import weighbridge
from tools.reference import error_classes
from weighbridge import errors
from weighbridge.errors import WeighbridgeError

ERRORS = list(error_classes())


def test_every_error_is_in_the_one_tree() -> None:
    for module in pkgutil.walk_packages(weighbridge.__path__, "weighbridge."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert {each.__module__ for each in error_classes() if each.__module__.startswith("weighbridge.")} == {
        "weighbridge.errors"
    }


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_error_is_drawn_with_its_status(error: type[WeighbridgeError]) -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if error.__name__ in line.replace("─", " ").split()]
    assert len(drawn) == 1
    assert error is WeighbridgeError or str(error.status) in drawn[0].split()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_error_says_what_happened_and_what_to_do(error: type[WeighbridgeError]) -> None:
    happened, _, remedy = inspect.cleandoc(error.__dict__.get("__doc__") or "").partition("\n\n")
    assert happened.endswith(".")
    assert remedy.endswith(".")


def test_code_means_one_status_and_one_type() -> None:
    meanings = {(each.code, each.status, each.kind) for each in error_classes()}
    assert [code for code, times in Counter(code for code, _, _ in meanings).items() if times > 1] == []

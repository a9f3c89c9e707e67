"""Titles and reasons: ours are translated, and those of others stay theirs."""

import ast
from inspect import getsource

import pytest

from tests import engines
from tests.app.test_shadows import HELD, NOW, seen
from weighbridge.switch import applying, store
from weighbridge.switch.graders import ladder, pairwise
from weighbridge.switch.planned import About
from weighbridge.switch.report.language import language
from weighbridge.switch.report.titles import _REASONS, reason, title
from weighbridge.switch.store import RuleRow

ENGLISH, ARABIC = language("en"), language("ar")


@pytest.mark.parametrize(
    ("about", "english", "arabic"),
    [
        (About(), "any key", "أي مفتاح"),
        (
            About(key="support", tools=("a", "b", "c", "d", "e"), format="json_object"),
            "key support · tools a, b, c and 2 more · JSON",
            "المفتاح \u2068support\u2069 · الأدوات \u2068a\u2069، \u2068b\u2069، \u2068c\u2069 وغيرها (٢) · JSON",
        ),
        (
            About(tools=("a",), format="json_schema", app="Desk", instructions="1a2b"),
            "any key · tools a · JSON by a schema · app Desk · instructions 1a2b",
            "أي مفتاح · الأدوات \u2068a\u2069 · JSON بمخطط · التطبيق \u2068Desk\u2069 · التعليمات \u20681a2b\u2069",
        ),
        (About(format="xml"), "any key · xml", "أي مفتاح · \u2068xml\u2069"),
    ],
)
def test_a_title_says_what_a_route_s_requests_have_in_common(about: About, english: str, arabic: str) -> None:
    assert title(about, ENGLISH) == english
    assert title(about, ARABIC) == arabic


def test_every_reason_of_ours_has_its_words_and_another_s_stays_as_it_is() -> None:
    for why in (*_REASONS, "of 3 checks", "of 1 checks"):
        assert not reason(why, ARABIC).isascii(), why
    assert reason("of 3 checks", ENGLISH) == "of 3 checks"
    assert reason("41 is not 42", ARABIC) == "\u206841 is not 42\u2069"


def _literals(of: object, name: str) -> set[str]:
    """The constant texts that a module's functions give as this argument."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(getsource(of))):  # type: ignore[arg-type] # a module
        if isinstance(node, ast.keyword) and node.arg == name:
            found.update(
                part.value
                for part in ast.walk(node.value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )
    return found


@pytest.mark.parametrize("module", [ladder, pairwise])
def test_a_reason_that_a_grader_begins_to_give_is_translated_too(module: object) -> None:
    said = _literals(module, "why") - {"tie"}
    assert said
    assert said <= set(_REASONS)


def test_what_rules_say_is_read_as_it_is_written() -> None:
    with engines.in_memory() as connection:
        assert store.add_rule(connection, RuleRow(HELD.rule.route, 1, "crt-1", NOW, 0.1, "proven", applying.APPLIED))
        (stepped,) = seen(connection, [1.0] * 15)
    said = reason(stepped.why, ENGLISH)
    assert said.replace("\N{NO-BREAK SPACE}", " ").endswith("in the mean, and it was to be 5 % at most")
    assert ARABIC.number(5) in reason(stepped.why, ARABIC)
    assert applying.APPLIED in _REASONS

"""The switch's report: what it promises in which words, and that no text of others does anything in it."""

from pathlib import Path

import msgspec
import pytest

from tests.reports.shown import assert_fits, assert_same_words, assert_self_contained
from tests.switch.report.made_up import GRADED, HOSTILE, LOSSY, NOW, PROVEN, REPORT, UNDECIDED, UNGRADED
from weighbridge.switch.outcome import Judge, Sight
from weighbridge.switch.report.document import Report, Rests, Route, Watched
from weighbridge.switch.report.language import language, languages, percent
from weighbridge.switch.report.page import page
from weighbridge.switch.report.sentences import verdict

ENGLISH = language("en")


@pytest.mark.parametrize("code", languages())
def test_the_page_is_whole_and_what_others_wrote_stays_text(code: str) -> None:
    tongue = language(code)
    text = page(REPORT, tongue)
    assert_self_contained(text, tongue)
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\u202e" not in text, "nothing turns the page round"
    assert text.count("\u2068") == text.count("\u2069"), "each name closes its own isolate, and no other"
    assert "⟨U+202E⟩neko" in text


def test_languages_have_the_same_words_and_placeholders() -> None:
    for other in languages().values():
        assert_same_words(other, ENGLISH)


@pytest.mark.parametrize(("code", "width"), [("ar", 390)])
def test_nothing_stands_out_of_the_page_on_a_phone(code: str, width: int, tmp_path: Path) -> None:
    text = page(REPORT, language(code)).replace("<details>", "<details open>")
    assert_fits(text, language(code).direction, width, tmp_path)


JUDGE = "anthropic/claude-sonnet-4.5, pairwise/2"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (
            PROVEN,
            (
                "On traffic like the 640 replayed calls of this route (23 October 2026 to 21 November 2026), judged by "
                f"{JUDGE}, its measured error counted in, routing costs 62 % less and loses at most 2 % quality with "
                "95 % confidence; 3 % of the calls that are moved are watched, and we fall back on drift."
            ),
        ),
        (
            UNDECIDED,
            (
                "Not certified: after 58 replayed calls, as measured by qwen/⟨U+202E⟩nekoT⟨U+2069⟩-8b, the loss may "
                "still be as much as 4.9 %, and at most 2 % was asked for. About 310 replays more would decide."
            ),
        ),
        (
            LOSSY,
            (
                "Not certified: after 150 replayed calls, graded exactly, it loses at least 4.1 %, and at most 2 % was "
                "asked for. More replays will not change that."
            ),
        ),
        (
            UNGRADED,
            "Not certified: of 0 replayed calls, none could be graded. Give expected answers, or name a judge.",
        ),
    ],
    ids=["proven", "undecided", "lossy", "ungraded"],
)
def test_the_verdict_is_one_sentence_that_says_why(route: Route, said: str) -> None:
    shown = verdict(route, ENGLISH).replace("\N{NO-BREAK SPACE}", " ")
    assert shown.translate({0x2068: None, 0x2069: None}) == said


@pytest.mark.parametrize("why", ["spent", "no_saving", "running"])
@pytest.mark.parametrize("code", languages())
def test_every_other_verdict_can_be_said(why: str, code: str) -> None:
    route = msgspec.structs.replace(UNDECIDED, why=why, more=None)
    said = verdict(route, language(code))
    assert language(code).number(58) in said
    assert "{" not in said


@pytest.mark.parametrize(
    ("sight", "rate", "said", "grounds"),
    [
        (
            Sight(share=1.0),
            0.03,
            "3 % of the calls that are moved are watched, and we fall back on drift.",
            "all calls",
        ),
        (Sight(share=1.0), 0.0, "nobody watches it, as switch.shadow_rate is 0", "all calls"),
        (Sight(share=0.0, blind_to=("tests/1",)), 0.03, "the gateway cannot grade as tests/1 did", "nothing: tests/1"),
        (Sight(share=0.0, blind_to=("tests/1",)), None, "a drift is not noticed", "nothing: tests/1"),
        (Sight(share=0.62, blind_to=("tests/1",)), 0.03, "can grade about 62 % of these", "about 62 % of the calls"),
        (Sight(share=0.62, blind_to=("tests/1",)), None, "once it is applied, a share of", "about 62 % of the calls"),
        (None, 0.03, "how much of it can be watched was not looked at", "not looked at"),
    ],
)
def test_nothing_is_said_to_be_watched_that_the_gateway_cannot_grade(
    sight: Sight | None, rate: float | None, said: str, grounds: str
) -> None:
    rests = msgspec.structs.replace(PROVEN.rests, sight=sight)
    assert PROVEN.watched is not None
    since = None if rate is None else msgspec.structs.replace(PROVEN.watched, rate=rate)
    route = msgspec.structs.replace(PROVEN, rests=rests, watched=since)
    told = verdict(route, ENGLISH).replace("\N{NO-BREAK SPACE}", " ")
    assert said in told
    assert ("fall back" in told) == (sight is not None and sight.share > 0 and rate != 0)
    shown = page(_of(route), ENGLISH).replace("\N{NO-BREAK SPACE}", " ")
    assert f"What the alarm can see of it</dt><dd>{grounds}" in shown
    assert "{" not in verdict(route, language("ar"))


def test_the_page_says_by_which_method_a_saving_has_its_interval() -> None:
    assert "by the delta method" in page(_of(PROVEN), ENGLISH)
    assert "بطريقة دلتا" in page(_of(PROVEN), language("ar"))


def test_where_nothing_has_a_price_the_verdict_says_what_moves() -> None:
    routed = msgspec.structs.replace(GRADED, saving=None)
    assert "routing moves 71" in verdict(msgspec.structs.replace(PROVEN, routed=routed), ENGLISH)


def test_a_judge_whose_error_nobody_measured_only_says_what_it_saw() -> None:
    rests = msgspec.structs.replace(PROVEN.rests, judge=Judge(name="judge/one"))
    said = verdict(msgspec.structs.replace(PROVEN, rests=rests), ENGLISH)
    assert "as measured by judge/one" in said
    assert "not measured" in page(_of(msgspec.structs.replace(PROVEN, rests=rests)), ENGLISH)


def test_what_length_does_to_a_judge_is_said_beside_its_error() -> None:
    shown = page(_of(PROVEN), ENGLISH)
    assert (
        "0.7\N{NO-BREAK SPACE}% lost as judged, 1.1\N{NO-BREAK SPACE}% (± 0.6\N{NO-BREAK SPACE}%) at equal length"
        in shown
    )
    assert "1.4\N{NO-BREAK SPACE}% is added for an answer twice as long" in shown
    without = msgspec.structs.replace(PROVEN, rests=msgspec.structs.replace(PROVEN.rests, length=None))
    assert "What length does" not in page(_of(without), ENGLISH)
    assert "بضعف طول جواب المرجع" in page(_of(PROVEN), language("ar"))


def test_a_certificate_that_is_not_applied_says_how_to() -> None:
    text = page(_of(msgspec.structs.replace(PROVEN, watched=None)), ENGLISH)
    assert "weighbridge switch apply pln-0197c3" in text
    assert "once it is applied" in text
    assert "weighbridge switch apply" not in page(_of(UNDECIDED), ENGLISH)


def test_examples_show_their_texts_or_how_to_read_them() -> None:
    text = page(REPORT, ENGLISH)
    assert "41 &lt;/blockquote&gt;" in text
    assert "weighbridge texts show wbr-0197d" in text
    assert "weighbridge texts show wbr-0197c" not in text


@pytest.mark.parametrize("state", ["proven", "stepped_back", "rolled_back", "expired", "uncertified"])
def test_every_state_of_a_rule_has_its_words(state: str) -> None:
    watched = msgspec.convert(
        {"state": state, "rate": None, "shadows": 0, "graded": 0, "loss": None, "harmed": 0, "alarms": 0, "steps": []},
        Watched,
    )
    for tongue in languages().values():
        assert tongue.words[f"state_{state}"] in page(_of(msgspec.structs.replace(PROVEN, watched=watched)), tongue)


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.02, "2 %"), (0.0187, "1.9 %"), (0.0004, "0.04 %"), (0, "0 %"), (1, "100 %"), (-0.004, "−0.4 %"), (None, "–")],  # noqa: RUF001 - a minus, a dash
)
def test_a_share_is_told_from_nothing(share: float | None, said: str) -> None:
    assert percent(share, ENGLISH).replace("\N{NO-BREAK SPACE}", " ") == said


def test_what_no_model_was_asked_for_is_no_row() -> None:
    assert "Tool calls valid" not in page(_of(PROVEN), ENGLISH)
    assert "Tool calls valid" in page(_of(UNDECIDED), ENGLISH)


def test_a_plan_without_routes_and_replays_is_a_page_too() -> None:
    empty = Report(plan="p", planned=NOW, made=NOW, reference="a/b", routes=(), replays=0, spent=0.0)
    assert_self_contained(page(empty, ENGLISH), ENGLISH)
    assert_self_contained(page(_of(msgspec.structs.replace(UNGRADED, rests=Rests(replays=0))), ENGLISH), ENGLISH)


def _of(route: Route) -> Report:
    return msgspec.structs.replace(REPORT, routes=(route,))

"""What changed lately, in words: prices of what was asked, policies, certificates and rules, alarms."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest

from weighbridge.alerts import outbox
from weighbridge.alerts.event import Event, EventType
from weighbridge.alerts.outbox import Alert
from weighbridge.app.policy_history import Version
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.routing.quality.rule import State
from weighbridge.switch.store import CertificateRow, RuleRow
from weighbridge.web.pages.today.changes import MOST, Found, News, news
from weighbridge.web.tongue import tongues
from weighbridge.web.visit import Visit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
NOTHING = Found((), (), (), (), {})


def price(output: str, since: date | None = None) -> Price:
    return Price(f"list:{output}", "a list", Rate(Decimal(1)), Rate(Decimal(output)), since=since)


def told(of: Found | None = NOTHING, *endpoints: Endpoint, code: str = "en", asked: bool = True) -> list[News]:
    catalog = Catalog({"lab/one": Model("lab/one", endpoints=endpoints)})
    visit = SimpleNamespace(tongue=tongues()[code], now=NOW, parts=SimpleNamespace(ever=lambda: catalog))
    answered = [(each.model, each.provider, each.upstream_model) for each in endpoints] if asked else []
    return news(cast("Visit", visit), of, [*answered, ("lab/strange", "far", "x")])


def alert(type_: EventType, days: int = 1, **subject: str) -> Alert:
    event = Event(type=type_, at=NOW - timedelta(days=days), subject=subject, figures={}, mark="m")
    id_, body = outbox.written(event)
    return Alert(id=id_, type=type_, at=event.at, body=body, tries=0, next=NOW)


@pytest.mark.parametrize(
    ("rows", "kind", "title"),
    [
        ((price("4"), price("8", TODAY - timedelta(days=3))), "warn", "The price of far/one has changed"),
        ((price("8"), price("4", TODAY - timedelta(days=3))), "good", "The price of far/one has changed"),
        ((price("8"), price("4", TODAY + timedelta(days=3))), "good", "The price of far/one will change"),
        ((price("4", TODAY - timedelta(days=3)),), "plain", "far/one has a price now"),
    ],
)
def test_a_price_that_changed_or_will_is_told(rows: tuple[Price, ...], kind: str, title: str) -> None:
    (found,) = told(None, Endpoint("far", "one", "lab/one", rows))
    assert (found.kind, found.title.striptags(), found.day, found.href) == (kind, title, True, "/models/lab/one")
    assert told(None, Endpoint("far", "one", "lab/one", rows), asked=False) == []


def test_a_price_of_long_ago_or_far_ahead_is_not_told() -> None:
    old = price("4", TODAY - timedelta(days=40)), price("8", TODAY + timedelta(days=40))
    assert told(None, Endpoint("far", "one", "lab/one", (price("9"), *old))) == []


@pytest.mark.parametrize(("days", "title"), [(-3, "far/one is served no more"), (3, "far/one will be served no more")])
def test_an_endpoint_that_ends_is_told(days: int, title: str) -> None:
    ends = Endpoint("far", "one", "lab/one", (price("4"),), until=TODAY + timedelta(days=days))
    assert [each.title.striptags() for each in told(None, ends)] == [title]


def test_what_the_gateway_has_written_down_is_told_newest_first() -> None:
    version = Version(1, NOW - timedelta(days=2), "adm-1", "abc", None, None, None)
    certificate = CertificateRow("crt-1", "plan-1", "desk", NOW - timedelta(days=3), NOW, b"{}", b"")
    rule = RuleRow("desk", 1, "crt-1", NOW - timedelta(days=1), 0.5, "stepped_back", "it did worse")
    of = Found([version], [rule], [certificate], [alert("drift.found", 4, endpoint="far/one")], {"adm-1": "Mona"})
    found = told(of)
    assert [each.title.striptags() for each in found] == [
        "Fewer requests of the route desk go to the cheaper model",
        "Another policy is in force",
        "A certificate was issued for the route desk",
        "far/one answered in another model's name",
    ]
    assert found[0].english == "it did worse"
    assert found[1].text is not None
    assert found[1].text.striptags() == "By Mona"
    assert found[2].href == "/switch/certificates/crt-1"
    assert told(None) == []


@pytest.mark.parametrize("state", ["proven", "stepped_back", "rolled_back", "expired", "uncertified"])
def test_every_state_of_a_rule_has_its_words(state: State) -> None:
    rule = RuleRow("desk", 1, "crt-1", NOW, 0.5, state, "")
    (found,) = told(Found((), [rule], (), (), {}))
    assert ("desk" in found.title, found.english) == (True, None)


@pytest.mark.parametrize(
    "type_", ["budget.warned", "budget.spent", "breaker.opened", "breaker.closed", "price.changed", "drift.found"]
)
def test_alarms_have_their_words_in_each_language(type_: EventType) -> None:
    alarm = alert(type_, name="search", endpoint="far/one")
    for code in ("en", "ar"):
        (found,) = told(Found((), (), (), [alarm], {}), code=code)
        assert "search" in found.title or "far/one" in found.title


def test_a_test_of_the_webhook_is_no_news_and_there_are_never_too_many() -> None:
    assert told(Found((), (), (), [alert("alerts.test", by="me")], {})) == []
    assert len(told(Found((), (), (), [alert("drift.found", endpoint="x")] * 30, {}))) == MOST


def test_hostile_names_stay_text() -> None:
    (found,) = told(Found((), (), (), [alert("budget.spent", name="<script>alert(1)</script>")], {}))
    assert "<script" not in found.title

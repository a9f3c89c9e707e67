"""A policy tried before it is applied: on the catalogue, and on the requests of the past."""

from contextlib import closing
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.app.test_auditing import CATALOG, EU_ONLY, HERE, NOON, THERE, Books, later, policies
from tests.ledger.made_up import charge
from weighbridge import db
from weighbridge.app.live import Live
from weighbridge.app.trying import counted, difference, reasons, rehearsed, verdicts
from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.ledger.sent import sent
from weighbridge.routing.policy.rules import Who

ANYBODY = Who("key-1")
HERE_ALL = Live(frozenset({"europe", "america"}), frozenset())


def test_a_policy_is_tried_on_past_requests_before_it_is_applied(place: db.Place) -> None:
    with closing(db.connect(place)) as connection:
        books = Books(connection)
        for number, endpoint in enumerate((HERE, THERE, THERE)):
            books.serve(None, endpoint, later(number), charge=charge("0.5"))
        books.serve(None, Endpoint("gone", "x", "gone/x"), later(9), model="gone/x", charge=charge("2"))
        books.serve(None, THERE, later(9), imported="codex")
        found = rehearsed(policies(EU_ONLY), sent(connection), CATALOG, {})
        assert found.entries == 4
        first, second = found.refused
        assert (first.endpoint, first.entries, first.cost, first.unknown) == ("america/tiny", 2, Decimal(1), False)
        assert (second.endpoint, second.entries, second.unknown) == ("gone/x", 1, True)
        assert rehearsed(None, sent(connection), CATALOG, {}).entries == 4
        books.serve(None, HERE, later(7200))
        assert sum(each.entries for each in sent(connection, NOON + timedelta(hours=1))) == 1


def test_rules_for_some_find_their_past_requests_by_the_keys_name_and_tags(place: db.Place) -> None:
    rule = '[[deny]]\nname = "not them"\n{who}\nunless.jurisdiction.region = "EU"\n'
    with closing(db.connect(place)) as connection:
        books = Books(connection)
        books.serve(None, THERE, later(1), tags=("personal-data",))
        books.serve(None, THERE, later(2), organisation="acme")
        for who, count in (
            ('contains = "personal-data"', 1),
            ('organisation = "acme"', 1),
            ('key = "test"', 2),
            ('except.key = "test"', 0),
            ('except.contains = "personal-data"', 2),  # the client's own word frees of nothing
        ):
            found = rehearsed(policies(rule.format(who=who)), sent(connection), CATALOG, {"key-1": "test"})
            assert sum(each.entries for each in found.refused) == count, who


def test_verdicts_are_counted_and_their_reasons_named() -> None:
    unknown = Endpoint("router", "tiny", "lab/tiny")
    (model,) = CATALOG.models.values()
    catalog = Catalog(
        {model.id: Model(model.id, source="a test", endpoints=(HERE, THERE, unknown))}, hosts=CATALOG.hosts
    )
    found = verdicts(policies(EU_ONLY), catalog, ANYBODY)
    counts = counted(found)
    assert (counts.every, counts.passing, counts.kept_out, counts.unknown) == (3, 1, 1, 1)
    assert reasons(found) == {
        ("policy.toml: EU only", "jurisdiction.region is US"): 1,
        ("policy.toml: EU only", "jurisdiction.region is not known"): 1,
    }
    assert counted(verdicts(None, catalog, ANYBODY)).passing == 3


def test_what_changes_for_models_is_told_from_what_stays() -> None:
    models = {
        name: Model(name, source="a test", endpoints=tuple(Endpoint(at, name, name) for at in hosts))
        for name, hosts in {"lab/both": ("europe", "america"), "lab/us": ("america",), "lab/eu": ("europe",)}.items()
    }
    catalog = Catalog(models, hosts=CATALOG.hosts)
    before, after = (verdicts(each, catalog, ANYBODY) for each in (None, policies(EU_ONLY)))
    found = difference(before, after, HERE_ALL)
    assert found.still == ("lab/both", "lab/eu")
    assert [(each.model, each.endpoints, each.why.decision.rule) for each in found.lost] == [
        ("lab/us", 1, "policy.toml: EU only")
    ]
    assert [(each.model, each.endpoints) for each in found.fewer] == [("lab/both", 1)]
    back = difference(after, before, HERE_ALL)
    assert [(each.model, each.why.decision.rule) for each in back.won] == [("lab/us", "policy.toml: EU only")]
    assert (back.lost, back.fewer) == ((), ())
    assert difference(before, after, Live(frozenset({"europe"}), frozenset())).lost == ()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(["a", "b", "c"])), max_size=20))
def test_every_model_that_passes_somewhere_is_in_one_list(cases: list[tuple[bool, bool, str]]) -> None:
    models = {}
    for number, (eu, us, name) in enumerate(cases):
        hosts = [each for each, chosen in (("europe", eu), ("america", us)) if chosen]
        id_ = f"lab/{name}{number}"
        models[id_] = Model(id_, source="a test", endpoints=tuple(Endpoint(at, id_, id_) for at in hosts))
    catalog = Catalog(models, hosts=CATALOG.hosts)
    before, after = (verdicts(each, catalog, ANYBODY) for each in (None, policies(EU_ONLY)))
    found = difference(before, after, HERE_ALL)
    told = [*found.still, *(each.model for each in found.lost)]
    assert sorted(told) == sorted(id_ for id_, model in models.items() if model.endpoints)
    assert {each.model for each in found.fewer} <= set(found.still)

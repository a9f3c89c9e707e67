"""The audit: what is planted in a ledger is found, and what is in order is not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines import Fresh, tampering
from tests.ledger.made_up import entry
from weighbridge import db
from weighbridge.app.auditing import Auditor, Report
from weighbridge.catalog.model import Catalog, Endpoint, Host, Licence, Model
from weighbridge.ledger import store
from weighbridge.ledger.audit import tallies
from weighbridge.ledger.entry import Attempt, Decided, Entry, Ids
from weighbridge.ledger.policies import adopt, in_force, texts
from weighbridge.routing.policy.law import Laws, Policies
from weighbridge.routing.policy.reading import read_policy
from weighbridge.routing.policy.rules import Who

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EU_ONLY = '[[deny]]\nname = "EU only"\nunless.jurisdiction.region = "EU"\n'
TAGGED = '[[deny]]\nname = "tagged"\ncontains = "personal-data"\nunless.jurisdiction.region = "EU"\n'
ANYWHERE = '[[deny]]\nname = "no training"\nwhen.data.trains = true\n'
PERMISSIVE = Licence("MIT", "MIT License", "permissive", "spdx")
HERE, THERE = Endpoint("europe", "tiny", "lab/tiny"), Endpoint("america", "tiny", "lab/tiny")
MODEL = Model("lab/tiny", licence=PERMISSIVE, source="a test", endpoints=(HERE, THERE))
HOSTS = {
    "europe": Host("europe", "Europe", country="FR", region="EU", trains=False),
    "america": Host("america", "America", country="US", region="US", trains=False),
}
CATALOG = Catalog({MODEL.id: MODEL}, hosts=HOSTS)


def policies(text: str) -> Policies:
    """The policies of one file."""
    return Policies([read_policy(text, "policy.toml")])


class Books:
    """A ledger and its audit."""

    def __init__(self, connection: db.Connection) -> None:
        self.connection = connection
        self.ids = Ids()

    def adopt(self, text: str | None, at: datetime = NOON, *, at_start: bool = True) -> "Books":
        """A policy is in force from then on."""
        chosen = None if text is None else policies(text)
        policy = None if chosen is None else (chosen.hash, chosen.text)
        adopt(self.connection, self.ids.worker, lambda: at, policy, at_start=at_start)
        return self

    def serve(
        self, text: str | None, endpoint: Endpoint, at: datetime, *, tags: tuple[str, ...] = (), **more: object
    ) -> Entry:
        """An entry as a worker writes it that obeyed this policy."""
        decided = None
        if text is not None:
            law = Laws(policies(text)).law(Who("key-1", "test", tags=tags), CATALOG)
            decision, facts = law.decision(MODEL, endpoint)
            decided = Decided(law.policy, decision.rule, facts)
        made = entry(
            id=self.ids.next(),
            at=at,
            model="lab/tiny",
            provider=endpoint.provider,
            upstream_model=endpoint.upstream_model,
            attempts=(Attempt(endpoint.provider, endpoint.upstream_model, None, 0.1),),
            tags=tags,
            decided=decided,
        )
        made = msgspec.structs.replace(made, **more)
        store.add(self.connection, [made])
        return made

    def report(self, since: datetime | None = None, until: datetime | None = None) -> Report:
        """What an audit says."""
        auditor = Auditor(in_force(self.connection), texts(self.connection), {"key-1": "test"})
        return auditor.report(tallies(self.connection, since=since, until=until))

    def breaches(self) -> list[str]:
        """What kind of violations there are, and how many entries are in each."""
        return [f"{each.tally.entries} {each.breach}" for each in self.report().violations]

    def tamper(self, *statements: str) -> "Books":
        """As somebody with the file would, who takes the triggers away first."""
        with tampering(self.connection):
            for statement in statements:
                self.connection.execute(statement)
        return self


@pytest.fixture
def books(place: db.Place) -> Iterator[Books]:
    with closing(db.connect(place)) as connection:
        yield Books(connection)


def later(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def test_what_was_served_within_the_policy_is_no_violation(books: Books) -> None:
    books.serve(None, THERE, later(-60))
    books.adopt(EU_ONLY)
    for second in range(1, 4):
        books.serve(EU_ONLY, HERE, later(second))
    refused = entry(
        id=books.ids.next(),
        at=later(5),
        model="lab/tiny",
        provider=None,
        upstream_model=None,
        ending="refused",
        error="policy_refused",
        charge=None,
        attempts=(),
        decided=Decided(policies(EU_ONLY).hash, "policy.toml: EU only", None),
    )
    store.add(books.connection, [refused])
    report = books.report()
    assert (report.entries, report.within, report.kept_out, report.without_policy) == (5, 3, 1, 1)
    assert report.violations == []


def test_a_policy_holds_for_those_it_names_as_they_were_entered(books: Books) -> None:
    books.adopt(TAGGED)
    books.serve(TAGGED, THERE, later(1))
    books.serve(TAGGED, HERE, later(2), tags=("personal-data",))
    assert books.breaches() == []
    books.serve(TAGGED, THERE, later(3), tags=("personal-data",))
    assert books.breaches() == ["1 outside the policy"]


PLANTED: dict[str, tuple[Callable[[Books], object], str]] = {
    "served where the policy does not let it": (
        lambda books: books.serve(EU_ONLY, THERE, later(10)),
        "outside the policy",
    ),
    "decided by an older policy": (lambda books: books.serve(ANYWHERE, THERE, later(10)), "another policy"),
    "without a decision": (lambda books: books.serve(None, HERE, later(10)), "no decision"),
    "without facts": (
        lambda books: books.serve(
            EU_ONLY, HERE, later(10), decided=Decided(policies(EU_ONLY).hash, "policy.toml: default", None)
        ),
        "no decision",
    ),
    "with the facts of another endpoint": (
        lambda books: books.serve(EU_ONLY, HERE, later(10), provider="america"),
        "wrong facts",
    ),
    "with the facts of another model": (
        lambda books: books.serve(EU_ONLY, HERE, later(10), model="lab/other"),
        "wrong facts",
    ),
    "with a trial at an endpoint of which there are no facts": (
        lambda books: books.serve(
            EU_ONLY,
            HERE,
            later(10),
            attempts=(Attempt("america", "tiny", "upstream_busy", 0.1), Attempt("europe", "tiny", None, 0.1)),
        ),
        "wrong facts",
    ),
    "with facts that are no JSON": (
        lambda books: books.serve(
            EU_ONLY, HERE, later(10), decided=Decided(policies(EU_ONLY).hash, "policy.toml: default", "nonsense")
        ),
        "wrong facts",
    ),
    "by a policy that nobody knows": (
        lambda books: (
            books.tamper("UPDATE policy_in_force SET policy = 'abc'"),
            books.serve(EU_ONLY, HERE, later(10), decided=Decided("abc", "x", "[]")),
        ),
        "no such policy",
    ),
    "by a policy whose text was changed": (
        lambda books: (
            books.serve(EU_ONLY, HERE, later(10)),
            books.tamper("UPDATE policy SET text = replace(text, '\"EU only\"', '\"EU  only\"')"),
        ),
        "no such policy",
    ),
    "moved to another provider in the file": (
        lambda books: (
            books.serve(EU_ONLY, HERE, later(10)),
            books.tamper("UPDATE kind SET provider = 'america'"),
        ),
        "wrong facts",
    ),
    "with facts that were changed in the file": (
        lambda books: (
            books.serve(EU_ONLY, HERE, later(10)),
            books.tamper('UPDATE facts SET text = replace(text, \'"region":"EU"\', \'"region":"US"\')'),
        ),
        "outside the policy",
    ),
    "marked otherwise in the file": (
        lambda books: (
            books.adopt(TAGGED, later(20)),
            books.serve(TAGGED, THERE, later(30)),
            books.tamper("""UPDATE kind SET tags = '["personal-data"]'"""),
        ),
        "outside the policy",
    ),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_entry_is_found(books: Books, case: str) -> None:
    plant, breach = PLANTED[case]
    books.adopt(EU_ONLY)
    books.serve(EU_ONLY, HERE, later(5))
    before = books.breaches()
    plant(books)
    assert before == []
    assert breach in {each.breach for each in books.report().violations}


def test_a_change_has_its_moment_of_grace_and_no_more(books: Books) -> None:
    books.adopt(ANYWHERE, NOON)
    books.adopt(EU_ONLY, later(60))
    books.serve(ANYWHERE, THERE, later(59))
    books.serve(ANYWHERE, THERE, later(61))  # planned just before the worker obeyed the new one
    books.serve(EU_ONLY, HERE, later(61))
    assert books.breaches() == []
    books.serve(ANYWHERE, THERE, later(63))
    assert books.breaches() == ["1 another policy"]


def test_a_policy_that_comes_while_a_worker_runs_and_one_that_goes_have_the_same_moment(books: Books) -> None:
    books.serve(None, THERE, later(1))
    books.adopt(EU_ONLY, later(60), at_start=False)
    books.serve(None, THERE, later(61))  # planned just before
    books.serve(EU_ONLY, HERE, later(61))
    books.adopt(None, later(120))
    books.serve(None, THERE, later(119))
    books.serve(EU_ONLY, HERE, later(121))
    books.serve(None, THERE, later(130))
    report = books.report()
    assert (report.violations, report.without_policy, report.within) == ([], 4, 2)
    books.serve(None, THERE, later(63))
    books.serve(EU_ONLY, HERE, later(123))
    assert sorted(books.breaches()) == ["1 another policy", "1 no decision"]


def test_a_worker_that_starts_under_a_policy_has_no_moment_without_one(books: Books) -> None:
    books.adopt(EU_ONLY)
    books.serve(None, THERE, later(1))
    assert books.breaches() == ["1 no decision"]


def test_each_worker_is_held_to_the_policy_it_obeyed(books: Books) -> None:
    books.adopt(EU_ONLY)
    books.serve(EU_ONLY, HERE, later(1))
    books.ids = Ids()
    books.adopt(ANYWHERE, later(-100))
    books.serve(ANYWHERE, THERE, later(1))
    assert books.report().within == 2


def test_a_policy_named_where_none_was_in_force_is_found(books: Books) -> None:
    books.serve(EU_ONLY, HERE, later(1))
    assert books.breaches() == ["1 another policy"]


def test_only_the_time_asked_for_is_audited(books: Books) -> None:
    books.adopt(EU_ONLY)
    books.serve(EU_ONLY, THERE, later(10))
    books.serve(EU_ONLY, HERE, later(20))
    assert books.report(since=later(15)).violations == []
    assert books.report(until=later(15)).violating == 1
    assert books.report(since=later(15)).entries == 1


def test_an_entry_with_an_odd_id_is_not_passed_over(books: Books) -> None:
    books.adopt(EU_ONLY)
    books.serve(EU_ONLY, HERE, later(1))
    for odd in ("", "zzz", "wbr-", "a", "wbr-0000000000000000000000000000000000"):
        books.serve(EU_ONLY, THERE, later(10), id=odd)
    assert books.report().violating == 5
    assert books.report().entries == 6


def test_a_clock_that_goes_back_leaves_the_rows_in_their_order(books: Books) -> None:
    books.adopt(ANYWHERE, NOON)
    books.adopt(EU_ONLY, later(-3600))
    first, second = in_force(books.connection)
    assert first.since < second.since


def test_what_is_dated_before_all_policies_by_a_clock_that_went_back_is_held_to_the_one_it_names(books: Books) -> None:
    books.adopt(EU_ONLY)
    books.serve(EU_ONLY, HERE, later(-3600))
    assert books.report().within == 1
    books.serve(EU_ONLY, THERE, later(-3600))
    books.serve(ANYWHERE, THERE, later(-3600))  # which this worker never obeyed
    assert books.breaches() == ["1 outside the policy", "1 another policy"]


def test_many_entries_that_are_alike_are_few_tallies(books: Books) -> None:
    books.adopt(EU_ONLY)
    made = [books.serve(EU_ONLY, HERE, later(1)) for _ in range(3)]
    many = [msgspec.structs.replace(made[0], id=books.ids.next(), at=later(10 + number)) for number in range(2000)]
    store.add(books.connection, many)
    steps: list[tuple[int, int]] = []
    found = tallies(books.connection, progress=lambda done, total: steps.append((done, total)))
    assert sum(tally.entries for tally in found) == 2003
    assert len(found) <= 2  # just after the change, and later
    assert steps[-1][0] == steps[-1][1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-100, 100), st.booleans()), max_size=30))
def test_a_tally_counts_every_entry_once(fresh: Fresh, moments: list[tuple[int, bool]]) -> None:
    with fresh() as connection:
        books = Books(connection)
        books.adopt(EU_ONLY)
        for seconds, european in moments:
            books.serve(EU_ONLY if seconds >= 0 else None, HERE if european else THERE, later(seconds))
        report = books.report()
        assert report.entries == len(moments)
        outside = sum(1 for seconds, european in moments if seconds >= 0 and not european)
        assert report.violating == outside


def test_only_requests_of_ours_are_audited(books: Books) -> None:
    books.adopt(EU_ONLY)
    books.serve(EU_ONLY, HERE, later(1))
    books.serve(None, THERE, later(2), imported="codex")
    books.serve(None, THERE, later(2), corrects="wbr-0")
    assert (books.report().entries, books.breaches()) == (1, [])

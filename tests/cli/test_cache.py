"""`weighbridge cache` over a file of known answers, and a receipt of one that was given again."""

import json
import time
from contextlib import closing

import pytest

from tests.cache.made_up import kept, place
from tests.cli.conftest import Shell
from tests.ledger.test_saved import PAID, again
from weighbridge import db
from weighbridge.cache import store as cache
from weighbridge.ledger import store

ROOM = 10_000_000


@pytest.fixture
def full(shell: Shell) -> Shell:
    """Three answers of two keys, one of them past its time; two entries, one of an answer given again."""
    shell.home.mkdir()
    now = time.time()
    answers = [
        (place("a"), kept(b"words" * 100, at=now)),
        (place("b"), kept(at=now - 100, ttl=10)),
        (place("c"), kept(at=now, key="key-2")),
    ]
    with closing(cache.connect(shell.home / "cache.db")) as connection:
        cache.keep(connection, answers, most_bytes=ROOM)
        cache.used(connection, [(place("a").id, now)])
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        db.migrate(connection)
        store.add(connection, [PAID, again("wbr-2", PAID.id)])
    return shell


def test_stats_say_what_is_kept_and_what_it_has_saved(full: Shell) -> None:
    said = full.good("cache", "stats")
    assert "3 answers are kept, 1 of them past their time" in said
    assert "0.0 of 256 MiB are used" in said
    assert "1 answers were given again, which saved $1234567" in said
    told = json.loads(full.good("cache", "stats", "--json"))
    assert (told["answers"], told["expired"], told["hits_of_kept"], told["given_again"]) == (3, 1, 1, 1)
    assert (told["saved"], told["max_bytes"]) == ("1234567.000000000001", 256 * 2**20)


def test_clear_deletes_what_one_key_has_asked_for_or_all(full: Shell) -> None:
    assert full.good("cache", "clear", "--key", "key-2") == "Deleted 1 answers.\n"
    assert json.loads(full.good("cache", "stats", "--json"))["answers"] == 2
    assert full.good("cache", "clear") == "Deleted 2 answers.\n"
    assert json.loads(full.good("cache", "stats", "--json"))["answers"] == 0


@pytest.mark.parametrize("verb", ["stats", "clear"])
def test_where_nothing_is_kept_the_way_to_keep_something_is_told(shell: Shell, verb: str) -> None:
    assert "x-weighbridge-cache: on" in shell.fails(1, ["cache", verb])


def test_a_file_that_is_none_may_be_deleted(full: Shell) -> None:
    (full.home / "cache.db").write_bytes(b"no database" * 500)
    assert "delete the file" in full.fails(1, ["cache", "stats"])


def test_a_receipt_says_whose_answer_was_given_again_and_what_that_saved(full: Shell) -> None:
    said = full.good("receipt", "wbr-2")
    assert "given again" in said
    assert "saved" in said
    assert "1234567" in said
    told = json.loads(full.good("receipt", "wbr-2", "--json"))
    assert (told["saved"], told["upstream_request"], told["cost"]) == ("1234567.000000000001", "wbr-1", "0")
    assert json.loads(full.good("receipt", "wbr-1", "--json"))["saved"] is None

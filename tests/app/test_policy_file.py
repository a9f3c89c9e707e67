"""The policy file written from the window, and the history of what was in it."""

import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from weighbridge import audit_log, config, db
from weighbridge.app.policies import policies_of
from weighbridge.app.policy_file import LONGEST, NOTHING, find, put, tidy, tried
from weighbridge.app.policy_history import Library, versions
from weighbridge.audit_log import Actor
from weighbridge.config import Settings
from weighbridge.errors import Conflict, PolicyError
from weighbridge.ledger.budgets import leases
from weighbridge.ledger.policies import adopt, obeyed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OPEN = '[[deny]]\nname = "only open weights"\nunless.origin.open_weights = true\n'
LOCAL = '[[deny]]\nname = "only here"\nunless.local = true\n'
ALICE = Actor("adm-alice", "127.0.0.1")


@pytest.fixture
def connection(place: db.Place) -> Iterator[db.Connection]:
    with closing(db.connect(place)) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return set_up(tmp_path, "")


def set_up(tmp_path: Path, toml: str) -> Settings:
    home, file = tmp_path / "home", tmp_path / "weighbridge.toml"
    home.mkdir(exist_ok=True)
    file.write_text(toml)
    return config.read({}, {"WEIGHBRIDGE_HOME": str(home)}, file=file)


def write(
    connection: db.Connection, settings: Settings, text: str, stamp: str | None = None, at: datetime = NOON
) -> None:
    with db.transaction(connection):
        put(connection, settings, text, stamp=find(settings).stamp if stamp is None else stamp, by=ALICE, now=at)


def test_a_policy_is_written_where_the_gateway_looks_and_entered_with_who_did_it(
    connection: db.Connection, settings: Settings
) -> None:
    assert (find(settings).text, find(settings).stamp, policies_of(settings)) == (None, "", None)
    write(connection, settings, OPEN)
    policies = policies_of(settings)
    assert policies is not None
    assert find(settings).text == OPEN
    assert [path.name for path in settings.home.iterdir() if "policy" in path.name] == ["policy.toml"]
    (row,) = audit_log.rows(connection, audit_log.Wanted(action="policy.set"))
    assert (row.actor, row.change.before) == (ALICE, {"policy": None})
    assert row.change.after == {"policy": policies.hash, "file": OPEN}
    write(connection, settings, NOTHING)
    assert policies_of(settings) is None
    assert audit_log.verify(connection).fault is None


def test_what_was_changed_meanwhile_is_not_written_over(connection: db.Connection, settings: Settings) -> None:
    stamp = find(settings).stamp
    write(connection, settings, OPEN, stamp)
    with pytest.raises(Conflict, match="was changed since it was read"):
        write(connection, settings, LOCAL, stamp)
    assert find(settings).text == OPEN
    assert len(audit_log.rows(connection, audit_log.Wanted())) == 1


@pytest.mark.parametrize("text", ["", " \n", "# nothing but words\n", "[[deny]", "x = 1\n", "#" * LONGEST + "\n\n"])
def test_what_is_no_policy_is_not_written(connection: db.Connection, settings: Settings, text: str) -> None:
    write(connection, settings, OPEN)
    with pytest.raises(PolicyError):
        write(connection, settings, text)
    assert find(settings).text == OPEN


def test_a_broken_file_can_be_put_right(connection: db.Connection, settings: Settings) -> None:
    settings.policy_path.write_text("[[deny]")
    write(connection, settings, OPEN)
    assert policies_of(settings) is not None


def test_a_link_is_followed_and_the_files_mode_kept(connection: db.Connection, tmp_path: Path) -> None:
    real = tmp_path / "kept" / "rules.toml"
    real.parent.mkdir()
    real.write_text(OPEN)
    real.chmod(0o604)
    (tmp_path / "policy.toml").symlink_to(real)
    settings = set_up(tmp_path, f'[policy]\nfile = "{tmp_path / "policy.toml"}"\n')
    write(connection, settings, LOCAL)
    assert (tmp_path / "policy.toml").is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == (LOCAL, 0o604)


def test_where_the_file_cannot_be_written_nothing_is_entered(connection: db.Connection, tmp_path: Path) -> None:
    settings = set_up(tmp_path, f'[policy]\nfile = "{tmp_path / "nowhere" / "policy.toml"}"\n')
    with pytest.raises(PolicyError, match="cannot be written: No such file"):
        write(connection, settings, LOCAL)
    assert audit_log.rows(connection, audit_log.Wanted()) == []


def test_a_text_is_tried_with_the_ready_made_ones_of_the_settings(tmp_path: Path) -> None:
    settings = set_up(tmp_path, '[policy]\nready = ["permissive-only"]\n')
    policies = tried(settings, OPEN)
    assert policies is not None
    assert [each.name for each in policies.policies] == ["permissive-only", "policy.toml"]
    only = tried(settings, NOTHING)
    assert only is not None
    assert [each.name for each in only.policies] == ["permissive-only"]


def test_a_forms_lines_become_a_files() -> None:
    assert tidy("a = 1\r\nb = 2\r\n\r\n") == "a = 1\nb = 2\n"


def after(seconds: float) -> Callable[[], datetime]:
    return lambda: NOON + timedelta(seconds=seconds)


def test_the_history_says_who_set_what_since_when_it_counts_and_what_was_else(
    connection: db.Connection, settings: Settings
) -> None:
    def take_up(worker: str, seconds: float) -> None:
        found = policies_of(settings)
        adopt(connection, worker, after(seconds), None if found is None else (found.hash, found.text), at_start=False)

    write(connection, settings, OPEN)
    take_up("aaaaaaaaaa", 1)
    take_up("bbbbbbbbbb", 1.1)
    settings.policy_path.write_text(OPEN + LOCAL)  # by hand
    take_up("aaaaaaaaaa", 60)
    write(connection, settings, LOCAL, at=NOON + timedelta(minutes=2))
    found = versions(connection, limit=10)
    told = [(each.actor, each.in_force and (each.in_force - NOON).total_seconds(), each.file) for each in found]
    assert told == [("adm-alice", None, LOCAL), ("gateway", 60, None), ("adm-alice", 1, OPEN)]
    library = Library(connection, settings, found)
    changed = [[(each.what, each.rule and each.rule.name) for each in library.changed(one)] for one in found]
    assert changed == [[("removed", "only open weights")], [("added", "only here")], [("added", "only open weights")]]
    assert versions(connection, limit=1) == found[:1]
    assert versions(connection, limit=2, before=found[1].id) == found[2:]


def test_who_is_at_work_is_told_with_what_it_obeys(connection: db.Connection, settings: Settings) -> None:
    for worker, seconds in (("aaaaaaaaaa", 0), ("bbbbbbbbbb", 0), ("cccccccccc", -3600)):
        leases.begin(connection, worker, "here", "/journal", after(seconds)())
    write(connection, settings, OPEN)
    policies = policies_of(settings)
    assert policies is not None
    adopt(connection, "aaaaaaaaaa", after(1), (policies.hash, policies.text), at_start=False)
    found = obeyed(connection, NOON + timedelta(seconds=2))
    assert [(each.worker, each.since, each.policy) for each in found] == [
        ("aaaaaaaaaa", after(1)(), policies.hash),
        ("bbbbbbbbbb", NOON, None),
    ]

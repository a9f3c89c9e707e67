"""Wrong keys: how many are borne, and for how long not; and what is noted over restarts."""

from pathlib import Path

from weighbridge.web.signing import Ended, Guard, secret


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_wrong_keys_of_an_address_are_borne_within_five_minutes() -> None:
    clock = Clock()
    guard = Guard(clock)
    for _ in range(10):
        assert guard.waits("one") == 0
        guard.failed("one")
        clock.now += 10
    assert 0 < guard.waits("one") <= 300
    assert guard.waits("other") == 0
    clock.now += guard.waits("one")
    assert guard.waits("one") == 0


def test_a_hundred_of_many_addresses_close_the_door_to_all_for_a_while() -> None:
    clock = Clock()
    guard = Guard(clock)
    for number in range(100):
        assert guard.waits(f"address {number}") == 0
        guard.failed(f"address {number}")
    assert guard.waits("a new one") == 300
    clock.now += 300
    assert guard.waits("a new one") == 0
    assert guard._failed == {}


def test_an_ended_session_stays_so_over_a_restart_until_it_had_its_time(tmp_path: Path) -> None:
    Ended(tmp_path, hours=12).end("token")
    assert Ended(tmp_path, hours=12).has("token")
    assert not Ended(tmp_path, hours=12).has("another")
    late = Ended(tmp_path, hours=-1)
    late.end("another")
    assert not late.has("token")
    (tmp_path / "window-ended").write_bytes(b"{broken")
    assert not Ended(tmp_path, hours=12).has("token")


def test_the_secret_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    assert secret(tmp_path) == secret(tmp_path) != ""
    assert (tmp_path / "window-secret").stat().st_mode & 0o777 == 0o600

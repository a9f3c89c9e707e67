import pytest

from tests.conftest import OF_TESTS
from weighbridge import config
from weighbridge.app.doctor.installation import of_program
from weighbridge.serving import parent


def test_only_a_slip_of_the_pen_is_told_and_not_what_processes_tell_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_TESTS:
        monkeypatch.delenv(name, raising=False)
    environ = {**parent.environment(3), "WEIGHBRIDGE_PROT": "8090"}
    told = [each.holes for each in of_program(config.read({}, environ)) if "variable" in each.holes]
    assert told == [{"variable": "WEIGHBRIDGE_PROT"}]

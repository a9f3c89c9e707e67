"""The rules in force, as a worker reads them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests import engines
from tests.gateway.switched import predictor
from weighbridge.app.switching import Rules
from weighbridge.switch import store
from weighbridge.switch.store import CertificateRow, RuleRow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sight", "rate"),
    [
        (None, 0.03),
        ({"share": 1.0}, 0.03),
        ({"share": 0.4, "blind_to": ["tests/1"]}, 0.03),
        ({"share": 0.0, "blind_to": ["tests/1"]}, 0.0),
    ],
)
def test_where_no_shadow_can_be_graded_none_is_paid_for(sight: object, rate: float) -> None:
    document = {"reference": "lab/large", "arms": [{"model": "lab/small"}, {"model": "lab/tiny"}], "sight": sight}
    with engines.in_memory() as connection:
        row = CertificateRow(
            "crt-1", "plan-1", "rt-1", NOW, NOW + timedelta(days=1), json.dumps(document).encode(), predictor()
        )
        store.add_certificate(connection, row)
        assert store.add_rule(connection, RuleRow("rt-1", 1, "crt-1", NOW, 0.1, "proven", "applied"))
        (held,) = Rules(connection, 0.03).changed() or []
    assert held.rule.shadow_rate == rate

"""Each condition: its table of cases. How to add one is in docs/how-to/add-a-policy.md."""

import pytest

from tests.routing.policy.facts_made_up import facts, policy
from weighbridge.routing.policy.conditions import CONDITIONS
from weighbridge.routing.policy.truth import Truth

CASES: list[tuple[str, dict[str, object], Truth]] = [
    ('licence.id = "MIT"', {"licence": "MIT"}, True),
    ('licence.id = ["MIT", "Apache-2.0"]', {"licence": "LicenseRef-Qwen"}, False),
    ('licence.id = "MIT"', {}, None),
    ('licence.class = "permissive"', {"licence_class": "permissive"}, True),
    ('licence.class = "permissive"', {"licence_class": "restricted"}, False),
    ('licence.class = "permissive"', {}, None),
    ("licence.non_commercial = true", {"licence_class": "non-commercial"}, True),
    ("licence.non_commercial = false", {"licence_class": "restricted"}, True),
    ("licence.non_commercial = false", {"licence_class": "proprietary"}, None),
    ("licence.non_commercial = false", {}, None),
    ("licence.users = 700_000_000", {"user_cap": 700_000_000}, True),
    ("licence.users = 700_000_001", {"user_cap": 700_000_000}, False),
    ("licence.users = 700_000_001", {"user_cap": "none"}, True),
    ("licence.users = 0", {}, None),
    ("licence.revenue = 20_000_001", {"revenue_cap": 20_000_000}, False),
    ("licence.revenue = 1_000", {"revenue_cap": "none"}, True),
    ("licence.capped = false", {"user_cap": "none", "revenue_cap": "none"}, True),
    ("licence.capped = false", {"user_cap": "none", "revenue_cap": 5}, False),
    ("licence.capped = false", {"user_cap": "none"}, None),
    ("licence.capped = true", {"user_cap": 5}, True),
    ("licence.attribution = false", {"attribution": False}, True),
    ("licence.attribution = false", {}, None),
    ('licence.output_use = ["free", "conditions"]', {"output_use": "forbidden"}, False),
    ('licence.output_use = "free"', {"output_use": "free"}, True),
    ("licence.use_limits = false", {"use_limits": True}, False),
    ('origin.country = "EU"', {"lab_country": "FR"}, True),
    ('origin.country = "EU"', {"lab_country": "CN"}, False),
    ('origin.country = "EU"', {}, None),
    ('origin.base_country = "CN"', {"base_country": "CN", "lab_country": "US"}, True),
    ('origin.base_country = "CN"', {"lab_country": "US"}, None),
    ("origin.open_weights = true", {"open_weights": False}, False),
    ('jurisdiction.country = ["FR", "DE"]', {"provider_country": "DE"}, True),
    ('jurisdiction.country = ["EU", "local"]', {"provider_country": "local", "local": True}, True),
    ('jurisdiction.country = "EU"', {"provider_country": "local", "local": True}, False),
    # a group is one of its countries, nobody says which
    ('jurisdiction.region = "EU"', {"region": "EU"}, True),
    ('jurisdiction.region = "EEA"', {"region": "EU"}, True),
    ('jurisdiction.region = "FR"', {"region": "EU"}, None),
    ('jurisdiction.region = "US"', {"region": "EU"}, False),
    ('jurisdiction.region = "EU"', {"region": "EEA"}, None),
    ('jurisdiction.region = "NO"', {"region": "EU"}, False),
    ("data.retention_days = 30", {"retention_days": 30}, True),
    ("data.retention_days = 0", {"retention_days": 30}, False),
    ("data.retention_days = 365", {}, None),
    ("data.trains = false", {"trains": False}, True),
    ("data.trains = false", {}, None),
    ('provider = ["near", "far"]', {}, True),
    ('provider = "far"', {}, False),
    ('model = "lab/*"', {}, True),
    ('model = "other/*"', {}, False),
    ('model = "lab/one"', {"model": "lab/one"}, True),
    ('model = "lab/on"', {}, False),
    # a name that is in no list may be any model
    ('model = "deepseek/*"', {"model": "near/deepseek-r1", "stranger": True}, None),
    ('model = "near/*"', {"model": "near/deepseek-r1", "stranger": True}, True),
    ("local = true", {"local": True}, True),
    ("local = true", {}, False),
]


@pytest.mark.parametrize(("condition", "known", "holds"), CASES)
def test_a_condition_holds_for_what_is_known(condition: str, known: dict[str, object], holds: Truth) -> None:
    rule = policy("[[deny]]", 'name = "rule"', f"when.{condition}").rules[0]
    assert rule.when is not None
    assert rule.when[0][0].holds(facts(**known)) is holds


def test_every_condition_has_its_cases() -> None:
    assert {condition.partition(" =")[0] for condition, _, _ in CASES} == set(CONDITIONS)

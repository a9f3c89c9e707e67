"""Countries and groups of them."""

import pytest

from weighbridge.catalog.places import places


def test_groups_are_of_countries_and_lie_within_each_other() -> None:
    found = places()
    assert len(found.countries) == 249
    assert len(found.groups["EU"]) == 27
    assert found.groups["EEA"] - found.groups["EU"] == {"IS", "LI", "NO"}
    assert all(members <= found.countries for members in found.groups.values())
    assert not found.countries & found.groups.keys()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("UK", "did you mean 'GB'?"),
        ("eu", "did you mean 'EU'?"),
        ("fr", "did you mean 'FR'?"),
        ("XX", "groups are EEA, EU"),
    ],
)
def test_what_was_meant_is_said(place: str, said: str) -> None:
    assert said in places().nearest(place)


def test_a_place_is_a_country_or_a_group() -> None:
    assert places().countries_in("FR") == frozenset({"FR"})
    assert "FR" in (places().countries_in("EU") or ())
    assert places().countries_in("Atlantis") is None

"""The benchmark of planning plans what it says."""

from bench import planning


def test_a_line_for_each_kind_of_request() -> None:
    lines = planning.measured(rounds=1, requests=20)
    assert len(lines) == len(planning.ASKED) + 1
    assert all("µs a plan over all" in line for line in lines)


def test_the_catalogue_is_as_large_as_promised() -> None:
    catalog = planning.catalogue()
    assert len(catalog.models["lab/many"].endpoints) == planning.MANY
    assert sum(len(model.endpoints) for model in catalog.models.values()) == planning.ALL + 1

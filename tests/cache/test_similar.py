"""The likeliest of many vectors is found as a look at each would find it."""

import math
import random

import pytest

from weighbridge.cache.similar import most_like, nearest, vector

SIZE = 384


def point(chance: random.Random) -> list[float]:
    return [chance.gauss(0, 1) for _ in range(SIZE)]


def near(place: list[float], chance: random.Random, noise: float) -> list[float]:
    return [each + chance.gauss(0, noise) for each in place]


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


@pytest.mark.parametrize("seed", range(20))
def test_the_likeliest_is_the_one_that_a_look_at_all_finds(seed: int) -> None:
    chance = random.Random(seed)
    sought = point(chance)
    noises = [0.2, 0.25, 0.3, 0.5] + [chance.uniform(0.5, 3) for _ in range(200)]
    others = [near(sought, chance, noise) for noise in noises] + [point(chance) for _ in range(300)]
    chance.shuffle(others)
    best = max(range(len(others)), key=lambda at: cosine(sought, others[at]))
    vectors = {at.to_bytes(2): vector(each) for at, each in enumerate(others)}
    few = nearest(vector(sought), [(id_, each.signs) for id_, each in vectors.items()])
    assert len(few) < len(others) / 5
    found = most_like(vector(sought), [(id_, vectors[id_].numbers) for id_ in few])
    assert found is not None
    assert int.from_bytes(found[0]) == best
    assert found[1] == pytest.approx(cosine(sought, others[best]), abs=1e-6)


def test_a_vector_is_like_itself_whatever_its_length() -> None:
    place = point(random.Random(1))
    found = most_like(vector(place), [(b"it", vector([7 * each for each in place]).numbers)])
    assert found is not None
    assert found[0] == b"it"
    assert 1 - 1e-6 < found[1] <= 1


def test_vectors_of_another_length_and_none_at_all_are_like_nothing() -> None:
    assert most_like(vector([1.0, 2.0]), [(b"a", vector([1.0] * 3).numbers), (b"b", b"")]) is None
    assert most_like(vector([1.0, 2.0]), []) is None
    assert nearest(vector([1.0, 2.0]), []) == []


@pytest.mark.parametrize("numbers", [[], [0.0, 0.0], [math.nan], [math.inf]])
def test_what_has_no_direction_is_no_vector(numbers: list[float]) -> None:
    with pytest.raises(ValueError, match="length"):
        vector(numbers)

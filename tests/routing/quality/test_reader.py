import numpy as np
import pytest

from weighbridge.routing.quality.features import READ, buckets, codes, grams, hashed
from weighbridge.routing.quality.reader import Block, projected

TEXTS = ("How many apples has Chen?", "a" * 3 * READ, "", "猫が好き 猫が好き", "x = 1\nx = 2", "İ" * READ)


def block(kind: int, seed: int) -> Block:
    """One that counts what occurs in some of the texts, of directions at random."""
    random = np.random.default_rng(seed)
    hashes = np.concatenate([grams(codes(text))[kind] for text in TEXTS[::4]])
    columns = np.unique(buckets(hashes)[0]).astype(np.int32)
    size = len(columns)
    return Block.of(columns, random.random(size, np.float32), random.standard_normal((size, 5)).astype(np.float32))


@pytest.mark.parametrize("text", TEXTS)
def test_both_kinds_are_projected_as_each_alone(text: str) -> None:
    words, characters = block(0, 0), block(1, 1)
    both = projected(words, characters, *hashed(codes(text)))
    for own, part, found in zip((words, characters), grams(codes(text)), both, strict=True):
        here, weights = own.weigh(part)
        assert np.allclose(found, weights @ own.directions[here], atol=1e-5)
        assert len(here) == 0 or np.linalg.norm(weights) == pytest.approx(1, abs=1e-5)


def test_a_word_that_is_said_again_counts_for_more_but_not_as_much_again() -> None:
    own = block(0, 0)
    own = Block.of(own.columns, np.ones(len(own.columns), np.float32), own.directions)
    once, often = (np.abs(own.weigh(grams(codes(text))[0])[1]) for text in ("apples many", "apples apples apples many"))
    assert once.max() == pytest.approx(once.min())
    assert 1 < often.max() / often.min() < 3

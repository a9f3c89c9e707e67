"""What a reader is to read: which n-grams, how they go together, what is usual. Chosen from requests only."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.features import BUCKETS, Floats, Hashes, buckets, codes, figures, grams
from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.reader import Block, Columns, Reader

COLUMNS: Final = 2048
"""N-grams of a kind that are counted: the most frequent."""
DIRECTIONS: Final = (96, 48)
"""Principal directions that are kept, of words and of characters."""
SAMPLE: Final = 4000
"""Requests that the directions are taken from."""
_MORE: Final = 16
_TURNS: Final = 3


def reader_of(looks: Sequence[Look], encoder: Encoder | None, seed: int) -> Reader:
    """The reader for requests like these; at least two."""
    hashed = [grams(codes(look.first)) for look in looks]
    plain = np.stack([figures(look) for look in looks])
    spread = plain.std(axis=0)
    random = np.random.default_rng(seed)
    sample = random.permutation(len(looks))[:SAMPLE]
    words, characters = (
        _block([each[kind] for each in hashed], sample, directions, random)
        for kind, directions in enumerate(DIRECTIONS)
    )
    # A figure that never varies says nothing here, and must not say everything where it does.
    return Reader(
        words, characters, plain.mean(axis=0), np.where(spread > 1e-6, spread, 1.0).astype(np.float32), encoder
    )


def _block(hashed: Sequence[Hashes], sample: np.ndarray, dimensions: int, random: np.random.Generator) -> Block:
    occurs = np.zeros(BUCKETS, np.int64)
    for hashes in hashed:
        occurs[np.unique(buckets(hashes)[0])] += 1
    often = np.argsort(-occurs, kind="stable")[:COLUMNS]
    columns: Columns = often[occurs[often] > 1].astype(np.int32)
    if not len(columns):
        columns = often[:1].astype(np.int32)
    rarity = (np.log((1 + len(hashed)) / (1 + occurs[columns])) + 1).astype(np.float32)
    bare = Block.of(columns, rarity, np.zeros((len(columns), 0), np.float32))
    weighed = np.zeros((len(sample), len(columns)), np.float32)
    for row, at in enumerate(sample):
        here, weights = bare.weigh(hashed[at])
        weighed[row, here] = weights
    directions = _directions(weighed, dimensions, random)
    # Rounded as they are kept, so that a predictor foretells the same before and after.
    return Block.of(columns, rarity, directions.astype(np.float16).astype(np.float32))


def _directions(rows: Floats, count: int, random: np.random.Generator) -> Floats:
    """Right singular vectors of the largest singular values, by subspace iteration; columns x at most `count`."""
    count = min(count, *rows.shape)
    basis = random.standard_normal((rows.shape[1], min(count + _MORE, rows.shape[1]))).astype(np.float32)
    for _ in range(_TURNS):
        basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
    _, _, turned = np.linalg.svd(rows @ basis, full_matrices=False)
    found: Floats = basis @ turned[:count].T
    return found

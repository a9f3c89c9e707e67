import numpy as np
import pytest

from weighbridge.routing.quality.members import Clusters, Neighbours, Scales, Space, distances

WIDTHS = (3, 2, 4, 2)
ROWS = np.random.default_rng(0).standard_normal((6, sum(WIDTHS))).astype(np.float32)


@pytest.mark.parametrize("scales", [(0.75, 0.25, 0.3, 0.0), (0.5, 0.0, 0.2, 2.0), (1.0, 1.0, 1.0, 1.0)])
def test_texts_lie_by_their_direction_and_figures_as_they_are(scales: Scales) -> None:
    words, characters, plain, encoding = np.split(ROWS, np.cumsum(WIDTHS)[:-1], axis=1)
    apart = np.zeros((len(ROWS), len(ROWS)))
    for at, part in enumerate((words, characters, plain, encoding)):
        own = part if at == 2 else part / np.linalg.norm(part, axis=1, keepdims=True)
        apart += scales[at] * ((own[:, None] - own[None]) ** 2).sum(axis=2)
    places = Space(scales, WIDTHS).place(ROWS)
    assert np.allclose(distances(places, places, (places**2).sum(axis=1)), apart, atol=1e-5)


def test_what_is_in_no_direction_lies_at_the_origin() -> None:
    assert not Space((1.0, 1.0, 1.0, 0.0), (3, 2, 4, 0)).place(np.zeros((1, 9), np.float32)).any()


def test_a_request_alone_is_told_the_same_as_among_others() -> None:
    losses = np.random.default_rng(1).random((6, 2)).astype(np.float32)
    near = Neighbours.of(losses, 3, 20.0, losses.mean(axis=0))
    centres = ROWS[:3]
    clusters = Clusters(centres, (centres**2).sum(axis=1), losses[:3])
    apart = distances(ROWS, ROWS, (ROWS**2).sum(axis=1))
    together, nearest = near.look(apart)
    for row in range(len(ROWS)):
        alone, own = near.look(apart[row : row + 1])
        assert np.allclose(alone[0], together[row])
        assert own[0] == pytest.approx(nearest[row])
        assert own[0] == pytest.approx(np.sort(apart[row])[:3].mean(), abs=1e-5)
        assert clusters.nearest(ROWS[row : row + 1])[0] == distances(ROWS, centres, clusters.squares)[row].argmin()

"""The one knob: how much quality is given up for what is saved.

An arm's worth on a request is tau times what it saves, less the quality that it is predicted to lose; the reference's
is 0. What is worth most is taken. So an arm that saves half may lose half of tau, and of two that save nearly as much
the better one answers. ("The cheapest whose predicted loss is at most tau" would take the other; at the same quality it
saves less.) At -inf that is always the reference, at inf always the cheapest. The gateway chooses by `worth`, proofs
and benchmarks by `taken`: the same for many requests.

What is saved is counted in what the reference costs (`saved`): neither for this request, by which a cent saved on a
short one would count for more than on a long one, nor for the usual one, by which long requests, of which least is
known, would be moved first, but for the geometric mean of both. Over benchmarks that saves most at the same quality.
"""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def worth(loss: float, saving: float, tau: float) -> float:
    """Of an arm that saves so much (see `saved`) at a predicted loss; at least 0: to be taken."""
    if math.isinf(tau):
        return saving if tau > 0 else -math.inf
    return tau * saving - loss


def saved(cost: float, reference: float, usual: float | None) -> float:
    """What an arm saves on a request, in what the reference costs; 1 where that is nothing.

    `usual` is what the reference usually costs; None: as for this request, so that it is a share of that.
    """
    if not reference:
        return 1.0
    return (reference - cost) / math.sqrt(reference * (reference if usual is None else usual))


def taken(
    losses: "npt.NDArray[np.floating]",
    costs: "npt.NDArray[np.floating]",
    tau: float,
    usual: float | None = None,
) -> "npt.NDArray[np.intp]":
    """The arm that is taken for each request; -1: the reference.

    Args:
        losses: predicted, requests x arms.
        costs: expected, in any currency, requests x (reference, arms); nan: nobody may be asked.
        tau: the knob.
        usual: what the reference usually costs: see `saved`. None: as for each request, and no arm is taken whose
            predicted loss is more than tau.
    """
    import numpy as np  # noqa: PLC0415  (the gateway goes by `worth`, and may have no numpy)

    reference, arms = costs[:, :1], costs[:, 1:]
    saving = savings(costs, usual)
    if math.isinf(tau) and tau < 0:
        return np.full(len(losses), -1)
    gains = saving if math.isinf(tau) else tau * saving - losses
    may = ((arms < reference) | (arms == 0)) & (gains >= 0)
    if usual is None:
        may &= losses <= tau
    gains = np.where(may, gains, -np.inf)
    best = gains.argmax(axis=1)
    return np.where(may.any(axis=1), best, -1)


def savings(costs: "npt.NDArray[np.floating]", usual: float | None) -> "npt.NDArray[np.floating]":
    """What `saved` says, for many requests: requests x arms, of requests x (reference, arms)."""
    import numpy as np  # noqa: PLC0415  (see `taken`)

    reference, arms = costs[:, :1], costs[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        per = reference if usual is None else np.sqrt(reference * usual)
        return np.where(reference > 0, (reference - arms) / per, 1.0)

"""A learner as bytes, so that later requests can be learnt on where the earlier ones are gone: sums, no text, no rows.

It is an .npz archive without pickles: the predictor that it is now (routing.quality.predictor), and the sums beside.
"""

from collections.abc import Mapping
from io import BytesIO
from zipfile import BadZipFile, is_zipfile

import numpy as np
import numpy.typing as npt

from weighbridge.routing.quality.predictor import PredictorUnreadableError, load
from weighbridge.switch.learning.learner import Frame, Learner, Sums
from weighbridge.switch.learning.moments import Cells, Moments

Arrays = dict[str, npt.NDArray[np.generic]]


def kept(learner: Learner) -> bytes:
    """As `taken_up` reads it."""
    arrays: Arrays = {
        "predictor": np.frombuffer(learner.predictor().save(), np.uint8),
        "penalties": np.array(learner.penalties),
        **_cells("all", learner.sums.all),
        **_cells("routes", learner.sums.routes),
        **_cells("clusters", learner.sums.clusters),
        **_moments("linear", learner.sums.linear),
        **_moments("length", learner.length),
    }
    for at, kernel in enumerate(learner.sums.kernels):
        arrays |= _moments(f"kernel{at}", kernel)
    out = BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def taken_up(blob: bytes) -> Learner:
    """The learner that was kept.

    Raises PredictorUnreadableError: it is none, or another release's; EncoderMissingError: its encoder is not
    installed.
    """
    if not is_zipfile(BytesIO(blob)):
        raise PredictorUnreadableError("this is no learner: learn anew")
    try:
        with np.load(BytesIO(blob), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        predictor = load(arrays["predictor"].tobytes())
    except (BadZipFile, EOFError, KeyError, OSError) as error:
        raise PredictorUnreadableError("this is no learner: learn anew") from error
    kernels = predictor.kernels
    frame = Frame(
        predictor.reader,
        tuple(kernel.space for kernel in kernels),
        tuple(kernel.landmarks for kernel in kernels),
        predictor.neighbours.losses,
        predictor.clusters.centres,
    )
    sums = Sums(
        _read_cells(arrays, "all"),
        _read_cells(arrays, "routes"),
        _read_cells(arrays, "clusters"),
        _read_moments(arrays, "linear"),
        [_read_moments(arrays, f"kernel{at}") for at in range(len(kernels))],
    )
    return Learner(
        arms=predictor.arms,
        frame=frame,
        routes=list(predictor.routes.names),
        sums=sums,
        length=_read_moments(arrays, "length"),
        stretch=predictor.stretch,
        penalties=tuple(float(each) for each in arrays["penalties"].astype(np.float64)),
        blend=predictor.blend,
        share=predictor.share,
    )


def _cells(name: str, cells: Cells) -> Arrays:
    return {f"{name}.sums": cells.sums, f"{name}.counts": cells.counts}


def _read_cells(arrays: Mapping[str, npt.NDArray[np.generic]], name: str) -> Cells:
    return Cells(arrays[f"{name}.sums"].astype(np.float64), arrays[f"{name}.counts"].astype(np.float64))


def _moments(name: str, moments: Moments) -> Arrays:
    seen = np.array([np.frombuffer(key, np.uint8) for key in moments.squares], np.uint8)
    return {
        f"{name}.size": np.array([moments.width, moments.targets]),
        f"{name}.seen": seen.reshape(len(moments.squares), moments.targets),
        f"{name}.squares": np.array(list(moments.squares.values())),
        f"{name}.products": np.array(list(moments.products.values())),
    }


def _read_moments(arrays: Mapping[str, npt.NDArray[np.generic]], name: str) -> Moments:
    width, targets = (int(each) for each in arrays[f"{name}.size"].astype(np.int64))
    keys = [row.tobytes() for row in arrays[f"{name}.seen"].astype(np.uint8)]
    squares = [each.copy() for each in arrays[f"{name}.squares"].astype(np.float64)]
    products = [each.copy() for each in arrays[f"{name}.products"].astype(np.float64)]
    return Moments(width, targets, dict(zip(keys, squares, strict=True)), dict(zip(keys, products, strict=True)))

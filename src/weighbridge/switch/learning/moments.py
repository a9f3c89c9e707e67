"""Sums over requests, from which ridge regressions and shrunken means follow exactly: nothing is approximated online.

Where an arm was not seen on a request, its loss is nan, and the request counts for the other arms only: moments are
kept by which arms were seen together. Adding requests one by one gives what adding them at once gives.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.floating]


@dataclass(slots=True)
class Moments:
    """Of a design and several targets: design' design and design' targets, with a constant as the last column."""

    width: int
    """Of the design, without the constant."""
    targets: int
    squares: dict[bytes, Doubles] = field(default_factory=dict)
    """By which targets were seen: a byte each."""
    products: dict[bytes, Doubles] = field(default_factory=dict)

    def add(self, design: Matrix, targets: Matrix) -> None:
        """Take requests in: rows of the design, and of the targets."""
        full = np.concatenate([design, np.ones((len(design), 1))], axis=1).astype(np.float64)
        seen = ~np.isnan(targets)
        for pattern in np.unique(seen, axis=0):
            rows = (seen == pattern).all(axis=1)
            key = pattern.tobytes()
            part, values = full[rows], np.where(pattern, targets[rows], 0.0).astype(np.float64)
            if key not in self.squares:
                self.squares[key] = np.zeros((self.width + 1, self.width + 1))
                self.products[key] = np.zeros((self.width + 1, self.targets))
            self.squares[key] += part.T @ part
            self.products[key] += part.T @ values

    def join(self, other: "Moments") -> None:
        """Take the other's requests in too."""
        for key, value in other.squares.items():
            known = key in self.squares
            self.squares[key] = self.squares[key] + value if known else value.copy()
            self.products[key] = self.products[key] + other.products[key] if known else other.products[key].copy()

    def without(self, other: "Moments") -> "Moments":
        """What is left when the other's requests, which are among these, are taken out."""
        squares = {key: value - other.squares.get(key, 0.0) for key, value in self.squares.items()}
        products = {key: value - other.products.get(key, 0.0) for key, value in self.products.items()}
        return Moments(self.width, self.targets, squares, products)

    def solve(self, penalty: Matrix, strength: float) -> tuple[Doubles, Doubles]:
        """Weights (width x targets) and bias of the ridge regression; the constant is not penalised.

        `penalty` is a matrix, or the diagonal of one.
        """
        weights = np.zeros((self.width + 1, self.targets))
        full = np.zeros((self.width + 1, self.width + 1))
        full[:-1, :-1] = np.diag(penalty) if penalty.ndim == 1 else penalty
        alike: dict[tuple[bytes, ...], list[int]] = {}
        for target in range(self.targets):
            alike.setdefault(tuple(sorted(key for key in self.squares if key[target])), []).append(target)
        for keys, columns in alike.items():
            if keys:
                system = sum((self.squares[key] for key in keys), strength * full)
                system[np.diag_indices_from(system)] += 1e-8 * max(1.0, float(np.trace(system)) / len(system))
                right = sum((self.products[key][:, columns] for key in keys), np.zeros((self.width + 1, len(columns))))
                weights[:, columns] = np.linalg.solve(system, right)
        return weights[:-1], weights[-1]


@dataclass(slots=True)
class Cells:
    """Sums and counts of targets by cell: a route's, a cluster's, all of them."""

    sums: Doubles
    counts: Doubles

    @classmethod
    def empty(cls, cells: int, targets: int) -> "Cells":
        return cls(np.zeros((cells, targets)), np.zeros((cells, targets)))

    def add(self, cell: npt.NDArray[np.intp], targets: Matrix) -> None:
        """Take requests in; `cell` is one a row."""
        seen = ~np.isnan(targets)
        np.add.at(self.sums, cell, np.where(seen, targets, 0.0))
        np.add.at(self.counts, cell, seen)

    def join(self, other: "Cells") -> None:
        """Take the other's requests in too."""
        self.sums += other.sums
        self.counts += other.counts

    def widened(self, more: int) -> "Cells":
        """With more cells before the last."""
        sums, counts = (
            np.insert(each, [-1] * more if len(each) else 0, 0.0, axis=0) for each in (self.sums, self.counts)
        )
        return Cells(sums, counts)

    def without(self, other: "Cells") -> "Cells":
        return Cells(self.sums - other.sums, self.counts - other.counts)

    def means(self, drawn: float, towards: Matrix) -> Doubles:
        """By cell, drawn towards a mean as if `drawn` more requests had it."""
        return np.asarray((self.sums + drawn * towards) / np.maximum(self.counts + drawn, 1e-12), np.float64)

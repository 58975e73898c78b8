"""Ridge regression from running sums: rows come in any number and are not kept.

    w = S^-1 (R + RIDGE I)^-1 S^-1 c

where c are the covariances of features with the target, R the correlations of features and S their
standard deviations on the diagonal: the penalty is on weights of standardised features (Hoerl and
Kennard 1970, doi:10.1080/00401706.1970.10488634). Features without spread get the weight 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

#: Penalty beside correlations of 1. Keys of neighbouring channels are nearly collinear.
RIDGE = 1e-2
#: A feature whose variance is less than this part of its mean square is constant.
FLAT = 1e-12


class Moments:
    """Sums of rows (features, target), in float64.

    Attributes:
        count: rows so far.
    """

    def __init__(self, features: int) -> None:
        self.count = 0
        self._sum = np.zeros(features + 1)
        self._products = np.zeros((features + 1, features + 1))

    def add(self, x: NDArray[np.float32], y: Doubles) -> None:
        """Take note of rows x (n, features) and their targets y (n,)."""
        rows = np.column_stack([x.astype(np.float64), y])
        self.count += len(rows)
        self._sum += rows.sum(axis=0)
        self._products += rows.T @ rows

    def solve(self) -> tuple[Doubles, float]:
        """Weights (features,) of features as they come, and the constant to be added."""
        mean = self._sum / max(self.count, 1)
        raw = self._products / max(self.count, 1)
        covariance = raw - np.outer(mean, mean)
        variance, spread = covariance.diagonal()[:-1], raw.diagonal()[:-1] * FLAT
        deviation = np.where(variance > spread, np.sqrt(np.maximum(variance, 0)), np.inf)
        correlation = covariance[:-1, :-1] / np.outer(deviation, deviation)
        np.fill_diagonal(correlation, 1 + RIDGE)
        weights = np.linalg.solve(correlation, covariance[:-1, -1] / deviation) / deviation
        return weights, float(mean[-1] - weights @ mean[:-1])

"""The order-2 fit of ``f(S, T) = u(S) . v(T)`` from the two sides alone.

Image and text meet in one product, so every coefficient is a product of expectations (with the
p-weighted Banzhaf fit of :mod:`clipprobe.attribution.coalitions`):

``a_ij = E[D_i u] . E[D_j v]`` across, ``a_i = E[D_i u] . E[v]`` and ``a_ii' = E[D_ii' u] . E[v]``
within the image, and likewise within the text.

So m image encodings and n text encodings give what a regression over pairs of coalitions would need
m x n rows for (Baniecki et al. 2025, "FIxLIP", fit that regression).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.attribution.coalitions import Coalitions, first_order, second_order

TERMS = ("first order", "cross terms", "first order and cross terms", "all")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderTwo:
    """Coefficients in centred form: of products of ``x_i - p`` and ``y_j - p``."""

    p: float
    mean: float
    patches: Floats
    words: Floats
    matrix: Floats
    within_image: Floats
    within_text: Floats

    def raw(self) -> tuple[float, Floats, Floats]:
        """Constant, patches' and words' own terms when the products are of ``x_i`` and ``y_j``."""
        p = self.p
        rows, columns = self.matrix.sum(axis=1), self.matrix.sum(axis=0)
        patches = self.patches - p * (rows + self.within_image.sum(axis=1))
        words = self.words - p * (columns + self.within_text.sum(axis=1))
        pairs = self.matrix.sum() + (self.within_image.sum() + self.within_text.sum()) / 2
        constant = self.mean - p * (self.patches.sum() + self.words.sum()) + p * p * pairs
        return float(constant), patches, words

    def predict(self, patches: NDArray[np.bool_], words: NDArray[np.bool_], terms: str) -> Floats:
        """Scores of coalitions by the terms named; see :data:`TERMS`.

        ``cross terms`` alone are ``a_ij x_i y_j`` with a constant.
        """
        x, y = patches - self.p, words - self.p
        total: Floats = self.mean + (x @ self.patches + y @ self.words)
        if terms == "cross terms":
            raw = np.einsum("mi,ij,mj->m", patches * 1.0, self.matrix, words * 1.0)
            total = raw + self.mean - self.p**2 * self.matrix.sum()
        elif terms != "first order":
            total = total + np.einsum("mi,ij,mj->m", x, self.matrix, y)
        if terms == "all":
            within = np.einsum("mi,ij,mj->m", x, self.within_image, x)
            total = total + (within + np.einsum("mi,ij,mj->m", y, self.within_text, y)) / 2
        return total


def fit(
    image_sets: Coalitions, image_vectors: Floats, text_sets: Coalitions, text_vectors: Floats
) -> OrderTwo:
    """The fit from unit vectors of masked images ``(m, d)`` and masked texts ``(n, d)``."""
    u, du = first_order(image_sets, image_vectors)
    v, dv = first_order(text_sets, text_vectors)
    return OrderTwo(
        p=image_sets.p,
        mean=float(u @ v),
        patches=du @ v,
        words=dv @ u,
        matrix=du @ dv.T,
        within_image=second_order(image_sets, image_vectors @ v),
        within_text=second_order(text_sets, text_vectors @ u),
    )


def r2(truth: Floats, predicted: Floats) -> float:
    """Share of the variance of the truth that the prediction accounts for."""
    spread = ((truth - truth.mean()) ** 2).sum()
    return float(1 - ((truth - predicted) ** 2).sum() / spread) if spread > 0 else float("nan")

"""Lengths of the sequences of any X, and bins of lengths."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_consistent_length

from skrnn.data.containers import check_sequences
from skrnn.data.field_roles import FieldOptions
from skrnn.data.tokenizers import check_tokenizer


class LengthBins(NamedTuple):
    """A bin for each sequence, −1 for none, and the name of each bin.

    ``shortest`` and ``longest`` are int64 ``(n_bins,)``, in steps.
    """

    bin_of: NDArray[np.int64]
    shortest: NDArray[np.int64]
    longest: NDArray[np.int64]


def lengths_of(
    X: Any,
    given: Any = None,
    *,
    tokenizer: Any = "word",
    rows_are_sequences: bool = True,
) -> NDArray[np.int64] | None:
    """Return the number of steps of each sequence, or None where they are unknown.

    A string has as many steps as tokens. ``given`` lengths are checked and returned. The
    rows of a table of numbers may be the steps of one series, if ``rows_are_sequences`` is
    False; then their lengths are unknown.
    """
    if given is not None:
        return _check_lengths(X, given)
    options = FieldOptions(missing="indicator")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # estimators warn of the same
        try:
            checked = check_sequences(
                X, split=check_tokenizer(tokenizer).split, empty="keep", fields=options
            )
        except (TypeError, ValueError):
            return None
    if checked.form.container == "columns" and not rows_are_sequences:
        return None
    return np.asarray(checked.steps.lengths, dtype=np.int64)


def _check_lengths(X: Any, given: Any) -> NDArray[np.int64]:
    lengths = np.asarray(given)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"lengths must be whole numbers of shape (n_sequences,), got {lengths.dtype} "
            f"of shape {lengths.shape}"
        )
    check_consistent_length(X, lengths)
    return lengths.astype(np.int64)


def cut_lengths(
    lengths: NDArray[np.int64] | None, by_length: int | Sequence[float]
) -> LengthBins:
    """Put sequences into bins of similar length.

    Parameters
    ----------
    lengths : ndarray of shape (n_sequences,)
        In steps; None raises a ValueError.
    by_length : int or sequence of float
        The number of bins that hold about equally many sequences, or the edges of bins, of
        which each includes its upper edge, and the first its lower one too.
    """
    if lengths is None:
        raise ValueError(
            "by_length needs the length of each sequence, which X does not show; pass "
            "lengths, one whole number a sequence"
        )
    edges = _edges(lengths, by_length)
    bin_of = np.searchsorted(edges, lengths, side="left") - 1
    bin_of[lengths == edges[0]] = 0
    bin_of[(lengths < edges[0]) | (lengths > edges[-1])] = -1
    used = np.unique(bin_of[bin_of >= 0])  # bins without a sequence are left out
    if not len(used):
        raise ValueError(
            f"by_length={by_length!r} leaves all sequences out; they have {lengths.min()} "
            f"to {lengths.max()} steps"
        )
    bin_of = np.where(bin_of >= 0, np.searchsorted(used, bin_of), -1)
    groups = [lengths[bin_of == i] for i in range(len(used))]
    shortest = np.array([group.min() for group in groups])
    return LengthBins(bin_of, shortest, np.array([group.max() for group in groups]))


def _edges(
    lengths: NDArray[np.int64], by_length: int | Sequence[float]
) -> NDArray[np.float64]:
    if isinstance(by_length, Integral) and not isinstance(by_length, bool):
        if by_length < 2:
            raise ValueError(f"by_length must be at least 2 bins, got {by_length}")
        if lengths.min() == lengths.max():
            raise ValueError(
                f"by_length needs sequences of different lengths; all have {lengths[0]} steps"
            )
        shares = np.linspace(0, 1, int(by_length) + 1)
        return np.unique(np.quantile(lengths, shares, method="closest_observation"))
    edges = np.asarray(by_length)
    if edges.ndim != 1 or edges.dtype.kind not in "iuf" or len(edges) < 2:
        raise ValueError(
            f"by_length must be a number of bins or at least two edges, got {by_length!r}"
        )
    if not (np.diff(edges) > 0).all():
        raise ValueError(f"the edges in by_length must increase, got {by_length!r}")
    return edges.astype(np.float64)

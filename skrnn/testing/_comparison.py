"""Predictions of a fitted estimator, row by row, and whether they are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn.testing._data import as_rows

#: Methods that give one result for each sequence of X.
METHODS = ("predict", "predict_proba", "decision_function", "score_samples")
#: How much a prediction may change with the batch that it is made in.
RTOL, ATOL = 1e-5, 1e-6


def predictions(model: Any, X: Any) -> dict[str, list[Any]]:
    """Return the results of each method of a fitted estimator, one entry a sequence."""
    found = {}
    for name in methods_of(model):
        rows = getattr(model, name)(X)
        if hasattr(rows, "toarray"):
            rows = rows.toarray()
        elif hasattr(rows, "to_numpy"):
            rows = rows.to_numpy()
        rows = as_rows(rows)
        assert len(rows) == len(X), (
            f"{name} gave {len(rows)} results for {len(X)} sequences"
        )
        found[name] = rows
    return found


def methods_of(model: Any) -> list[str]:
    """Return the methods of an estimator that are compared; of a transformer, its own."""
    methods = [name for name in METHODS if hasattr(model, name)]
    if not methods and hasattr(model, "transform"):
        return ["transform"]
    assert methods, f"{type(model).__name__} has none of the methods {', '.join(METHODS)}"
    return methods


def assert_same(
    got: dict[str, list[Any]],
    expected: dict[str, list[Any]],
    situation: str,
    *,
    exact: bool = True,
) -> None:
    """Raise an AssertionError that names the first result that differs.

    ``situation`` says where; without ``exact`` numbers may differ in their last digits.
    """
    assert got.keys() == expected.keys(), (
        f"{situation}, the methods are {list(got)}, expected {list(expected)}"
    )
    for name, rows in expected.items():
        for i, (row, wanted) in enumerate(zip(got[name], rows, strict=True)):
            assert same_row(row, wanted, exact=exact), (
                f"{name} differs {situation}: sequence {i} got {shortened(row)}, expected "
                f"{shortened(wanted)}"
            )


def same_row(row: Any, wanted: Any, *, exact: bool) -> bool:
    """Return whether two results of one sequence are the same."""
    one, other = numbers_of(row), numbers_of(wanted)
    if one is None or other is None:
        return bool(plain(row) == plain(wanted))
    if one.shape != other.shape:
        return False
    if exact:
        return np.array_equal(one, other, equal_nan=True)
    # Values are sums of larger ones, and as exact as the largest of the row.
    size = np.abs(np.nan_to_num(other, posinf=0.0, neginf=0.0)).max(initial=0.0)
    atol = max(ATOL, RTOL * float(size))
    return np.allclose(one, other, rtol=0.0, atol=atol, equal_nan=True)


def numbers_of(row: Any) -> Any:
    """Return a result as an array of numbers, None where it is something else."""
    if isinstance(row, str):
        return None
    try:
        array = np.asarray(row)
    except ValueError:  # lists of unequal lengths
        return None
    return array if array.dtype.kind in "biuf" else None


def plain(row: Any) -> Any:
    """Return a result as Python's own objects."""
    if isinstance(row, np.ndarray | np.generic):
        return row.tolist()
    if isinstance(row, list | tuple):
        return [plain(value) for value in row]
    return row


def assert_finite(results: dict[str, list[Any]], situation: str) -> None:
    """Raise an AssertionError that names the first result with NaN or infinity.

    A score or a margin may be minus infinity, where something is impossible.
    """
    for name, rows in results.items():
        for i, row in enumerate(rows):
            array = numbers_of(row)
            if array is None:
                continue
            bad = np.isnan(array)
            if name not in ("score_samples", "decision_function"):
                bad = ~np.isfinite(array)
            assert not bad.any(), (
                f"{name} is not finite {situation}: sequence {i} got {shortened(row)}"
            )


def shortened(row: Any) -> str:
    """Return a result as a short string."""
    text = repr(row).replace("\n", " ")
    return text if len(text) <= 80 else text[:77] + "..."

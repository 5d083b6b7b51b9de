"""Paired differences between scores on the same folds, and whether they exceed noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats


class Difference(NamedTuple):
    """The mean of paired differences, its standard error and the two-sided p-value.

    NaN where they are undefined: of one fold, and the p-value where all folds differ by the
    same.
    """

    mean: float
    standard_error: float
    p_value: float


def corrected_t_test(differences: ArrayLike, ratio: float) -> Difference:
    """Test whether the mean of paired differences over folds is zero.

    The training sets of the folds overlap, so that the differences are not independent
    and the usual standard error is too small. The corrected one adds ``ratio`` to the
    factor 1 / n_folds of the variance.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        One number a fold; NaN where a score is undefined.
    ratio : float
        Sequences of a test set over those of its training set.

    References
    ----------
    Nadeau, Bengio (2003). Inference for the generalization error. Machine Learning 52,
    section 4.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[~np.isnan(values)]
    n_folds = len(values)
    if n_folds < 2:
        mean = float(values[0]) if n_folds else np.nan
        return Difference(mean, np.nan, np.nan)
    mean = float(values.mean())
    error = corrected_error(values, ratio)
    if error == 0:
        return Difference(mean, 0.0, 1.0 if mean == 0 else np.nan)
    p_value = 2 * float(stats.t.sf(abs(mean) / error, n_folds - 1))
    return Difference(mean, error, p_value)


def corrected_error(values: NDArray[np.float64], ratio: float) -> float:
    """Return the corrected standard error of a mean over folds ``(n_folds,)``."""
    if np.ptp(values) == 0:  # rounding of the mean must not make noise of it
        return 0.0
    variance = float(np.var(values, ddof=1))
    return float(np.sqrt((1 / len(values) + ratio) * variance))


def adjust_p_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """Correct the p-values of several tests, so that one of them is wrong with their level.

    NaN stays NaN and counts for nothing.

    References
    ----------
    Holm (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6.

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    result = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    result[order] = np.minimum(np.maximum.accumulate(given[order] * factors), 1.0)
    return result


def differences_of(scores: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """Compare each estimator with the first, metric by metric.

    Parameters
    ----------
    scores : DataFrame
        Columns ``estimator``, ``fold``, ``metric`` and ``score``.
    ratio : float
        Sequences of a test set over those of its training set, on average.

    Returns
    -------
    differences : DataFrame
        One row a metric and estimator but the first.
    """
    names = scores["estimator"].unique()
    rows = []
    for metric in scores["metric"].unique():
        of_metric = scores[scores["metric"] == metric]
        wide = of_metric.pivot(index="fold", columns="estimator", values="score")
        for name in names[1:]:
            difference = corrected_t_test(wide[name] - wide[names[0]], ratio)
            rows.append((metric, name, *difference))
    columns = ["metric", "estimator", "difference", "standard_error", "p_value"]
    table = pd.DataFrame(rows, columns=columns)
    groups = table.groupby("metric", sort=False)["p_value"]
    table["p_adjusted"] = groups.transform(adjust_p_values)
    return table

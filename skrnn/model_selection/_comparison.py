"""The result of a comparison: tables, and their text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skrnn.model_selection._differences import differences_of

if TYPE_CHECKING:
    from skrnn.model_selection._display import ComparisonDisplay

#: Heads of the columns after the scores in the printed table.
HEADS = {
    "fit_time": "fit s",
    "predict_time": "predict s",
    "n_parameters": "parameters",
    "n_iter": "iterations",
    "size": "size",
    "steps": "steps",
}
#: Units of bytes, from the largest.
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class Comparison:
    """Scores, differences, times and sizes of estimators on the same folds.

    Made by :func:`compare_estimators`; prints as its table.

    Parameters
    ----------
    scores : DataFrame
        One row an estimator, fold and metric: ``estimator``, ``fold``, ``metric``,
        ``score``.
    fits : DataFrame
        One row an estimator and fold: ``estimator``, ``fold``; ``n_train`` and ``n_test``
        sequences; ``fit_time`` and ``predict_time`` in seconds; ``n_parameters`` (learned
        numbers of the last step), ``n_iter`` (its epochs or iterations), ``size`` (bytes of a
        pickle); the ``shortest`` and ``longest`` test sequence in steps; NaN where unknown.
        ``first_call`` says that no fit of the estimator came before it in its process: it
        also imports and compiles.
    learning_curves : DataFrame, default=None
        As ``scores``, with ``train_size`` (sequences) and ``fit_time``.
    scores_by_length : DataFrame, default=None
        As ``scores``, one row more for each bin of lengths: its ``shortest`` and ``longest``
        sequence, and the ``n_sequences`` of the fold that were scored.

    Attributes
    ----------
    table : DataFrame
        One row an estimator. The mean over folds of each metric, its standard deviation as
        ``<metric>_std``, and the columns of ``fits``: medians of seconds, without those of
        first calls where there are others; extremes of lengths; means of the others.
    differences : DataFrame
        One row a metric and each estimator but the first: the mean ``difference`` of its
        score and that of the first, its ``standard_error`` and two-sided ``p_value`` by the
        corrected resampled t-test, and ``p_adjusted`` for the number of estimators by the
        method of Holm.
    reference : str
        The name of the first estimator.

    See Also
    --------
    compare_estimators : Makes comparisons.

    References
    ----------
    Nadeau, Bengio (2003). Inference for the generalization error. Machine Learning 52.
    Holm (1979). A simple sequentially rejective multiple test procedure. Scandinavian
    Journal of Statistics 6.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skrnn.model_selection import compare_estimators
    >>> X, y = load_iris(return_X_y=True)
    >>> estimators = {
    ...     "linear": LogisticRegression(max_iter=500),
    ...     "trivial": DummyClassifier(),
    ... }
    >>> comparison = compare_estimators(estimators, X, y, scoring="accuracy")
    >>> comparison.table["accuracy"].round(2).to_dict()
    {'linear': 0.97, 'trivial': 0.33}
    >>> comparison.differences[["estimator", "difference"]].round(2).values.tolist()
    [['trivial', -0.64]]
    """

    def __init__(
        self,
        *,
        scores: pd.DataFrame,
        fits: pd.DataFrame,
        learning_curves: pd.DataFrame | None = None,
        scores_by_length: pd.DataFrame | None = None,
    ):
        self.scores = scores
        self.fits = fits
        self.learning_curves = learning_curves
        self.scores_by_length = scores_by_length
        self.reference: str = fits["estimator"].iloc[0]
        self.table = _table(scores, fits)
        self.differences = differences_of(scores, ratio_of(fits))

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, in the order of ``scoring``."""
        return self.scores["metric"].unique().tolist()

    def plot(
        self, ax: Any = None, *, kind: str = "scores", metric: str | None = None
    ) -> ComparisonDisplay:
        """Draw the comparison.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        kind : {"scores", "differences", "learning_curves", "length"}, default="scores"
            As for :class:`ComparisonDisplay`.
        metric : str, default=None
            Which metric; None takes the first.

        Returns
        -------
        display : ComparisonDisplay
            Its axes are ``ax_``.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        ValueError
            If ``kind`` or ``metric`` is unknown, or was not computed.
        """
        from skrnn.model_selection._display import ComparisonDisplay

        return ComparisonDisplay.from_comparison(self, kind=kind, metric=metric, ax=ax)

    def __repr__(self) -> str:
        text = self._formatted().to_string(justify="right", na_rep="")
        return "\n".join([text, "", self._folds(), *self._sentences()])

    def _repr_html_(self) -> str:
        table = self._formatted().to_html(
            na_rep="", border=0, justify="right", classes="dataframe"
        )
        for cell in ("th", "td"):  # contents are escaped
            style = 'style="text-align:right;padding:3px 8px"'
            table = table.replace(f"<{cell}>", f"<{cell} {style}>")
        lines = "<br>".join(map(escape, [self._folds(), *self._sentences()]))
        return f"<div>{table}<p>{lines}</p></div>"

    def _formatted(self) -> pd.DataFrame:
        """Return the table as texts."""
        table = self.table
        columns: dict[str, list[str]] = {}
        for metric in self.metrics:
            pairs = zip(table[metric], table[f"{metric}_std"], strict=True)
            columns[metric] = [with_spread(mean, std) for mean, std in pairs]
        for name in ("fit_time", "predict_time"):
            columns[HEADS[name]] = [_known(f"{v:.3g}", v) for v in table[name]]
        for name in ("n_parameters", "n_iter"):
            columns[HEADS[name]] = [_known(f"{v:,.0f}", v) for v in table[name]]
        columns[HEADS["size"]] = [_known(format_bytes(v), v) for v in table["size"]]
        lengths = zip(table["shortest"], table["longest"], strict=True)
        columns[HEADS["steps"]] = [_known(f"{a:.0f}–{b:.0f}", a) for a, b in lengths]
        frame = pd.DataFrame(columns, index=table.index.tolist())
        return frame.loc[:, (frame != "").any()]

    def _folds(self) -> str:
        """Return a sentence about the folds."""
        of_first = self.fits[self.fits["estimator"] == self.reference]
        counts = of_first["n_test"]
        tested = f"{counts.min():,}"
        if counts.min() != counts.max():
            tested += f" to {counts.max():,}"
        n_folds = len(of_first)
        return (
            f"Means ± standard deviations over {n_folds} fold{'s' * (n_folds != 1)} of "
            f"{tested} test sequences."
        )

    def _sentences(self) -> list[str]:
        """Return a head and a line for each difference."""
        if self.differences.empty:
            return []
        n_others = self.differences["estimator"].nunique()
        adjusted = f", p adjusted for {n_others} comparisons" if n_others > 1 else ""
        lines = [f"Differences ± corrected standard errors{adjusted}:"]
        for row in self.differences.itertuples():
            sign = "+" if row.difference > 0 else ""
            p = "" if np.isnan(row.p_adjusted) else f" ({format_p(row.p_adjusted)})"
            lines.append(
                f"{row.metric} of {row.estimator} minus {self.reference}: "
                f"{sign}{with_spread(row.difference, row.standard_error)}{p}"
            )
        return lines


def ratio_of(fits: pd.DataFrame) -> float:
    """Return the sequences of a test set over those of its training set, a mean."""
    return float((fits["n_test"] / fits["n_train"]).mean())


def _table(scores: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """Return one row an estimator."""
    names = fits["estimator"].unique()
    by_metric = scores.groupby(["estimator", "metric"], sort=False)["score"]
    means, spreads = by_metric.mean().unstack(), by_metric.std(ddof=1).unstack()
    columns = {}
    for metric in scores["metric"].unique():
        columns[metric] = means[metric].reindex(names)
        columns[f"{metric}_std"] = spreads[metric].reindex(names)
    by_name = fits.groupby("estimator", sort=False)
    later = fits[~fits["first_call"].astype(bool)].groupby("estimator", sort=False)
    for name in ("fit_time", "predict_time"):
        columns[name] = later[name].median().reindex(names)
        columns[name] = columns[name].fillna(by_name[name].median())
    for name in ("n_parameters", "n_iter", "size"):
        columns[name] = by_name[name].mean()
    columns["shortest"] = by_name["shortest"].min()
    columns["longest"] = by_name["longest"].max()
    return pd.DataFrame(columns).rename_axis("estimator")


def with_spread(mean: float, spread: float) -> str:
    """Return a mean and its spread, with the digits that a score of this size needs.

    >>> with_spread(0.91234, 0.0123), with_spread(-1234.56, 78.9)
    ('0.912 ± 0.012', '-1,234.6 ± 78.9')
    >>> with_spread(-0.000123, 0.000045)
    '-0.00012 ± 4.5e-05'
    """
    form = digits_for(np.nanmax([abs(mean), spread]))
    text = format(mean, form)
    return text if np.isnan(spread) else f"{text} ± {format(spread, form)}"


def digits_for(score: float) -> str:
    """Return the format of a score of this size."""
    size = abs(score)
    if 0 < size < 0.01:
        return ".2g"
    return ".3f" if size < 10 else ",.1f" if size < 1e5 else ".3g"


def format_bytes(n_bytes: float) -> str:
    """Return a number of bytes in the largest unit that it fills.

    >>> format_bytes(1234), format_bytes(5.6e7), format_bytes(999)
    ('1.2 kB', '56 MB', '999 B')
    """
    for size, unit in UNITS:
        if n_bytes >= size:
            number = n_bytes / size
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{n_bytes:.0f} B"


def format_p(p_value: float) -> str:
    """Return a p-value as a reader compares it with 0.05.

    >>> format_p(0.0432), format_p(0.00004)
    ('p = 0.043', 'p < 0.001')
    """
    if np.isnan(p_value):
        return "p undefined"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def _known(text: str, value: float) -> str:
    return "" if np.isnan(value) else text

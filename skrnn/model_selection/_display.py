"""The pictures of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from skrnn.inspection._matplotlib import get_axes, import_pyplot, plain
from skrnn.model_selection._compare import compare_estimators
from skrnn.model_selection._comparison import Comparison, digits_for, format_p, ratio_of
from skrnn.model_selection._differences import corrected_error

#: Of Okabe and Ito, told apart by colour-blind readers; without yellow, faint on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#8a8a8a"
#: By which folds are drawn under the line of their row, and means above it.
BELOW = 0.12
#: Confidence of the intervals of differences.
CONFIDENCE = 0.95


class ComparisonDisplay:
    """Pictures of a comparison of estimators.

    Use ``from_comparison`` or ``from_estimators`` to make one.

    Parameters
    ----------
    comparison : Comparison
        The numbers that are drawn.
    kind : {"scores", "differences", "learning_curves", "length"}, default="scores"
        "scores": the score of each fold, with lines between equal folds, the means with
        their corrected standard errors, and the adjusted p-value of the difference to the
        first estimator. "differences": the differences to the first estimator, with 95 %
        confidence intervals. "learning_curves": the mean score by training size, with the
        standard deviation over folds. "length": the same by length of the test sequences.
    metric : str, default=None
        Which metric; None takes the first.

    Attributes
    ----------
    data : DataFrame
        The tidy scores that are drawn: ``scores``, ``learning_curves`` or
        ``scores_by_length`` of the comparison, of one metric; for "differences" the
        ``score`` is the difference.
    summary : DataFrame
        The means and their ``error`` that are drawn, one row an estimator and position.
    ax_ : matplotlib Axes
        Axes of the picture.
    figure_ : matplotlib Figure
        Figure of the picture.

    See Also
    --------
    compare_estimators : Makes comparisons.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skrnn.model_selection import ComparisonDisplay, compare_estimators
    >>> X, y = load_iris(return_X_y=True)
    >>> estimators = {
    ...     "linear": LogisticRegression(max_iter=500),
    ...     "trivial": DummyClassifier(),
    ... }
    >>> comparison = compare_estimators(estimators, X, y, scoring="accuracy")
    >>> display = ComparisonDisplay(comparison=comparison)
    >>> display.summary["mean"].round(2).tolist()
    [0.97, 0.33]
    >>> ax = display.plot().ax_  # doctest: +SKIP
    """

    ax_: Any
    figure_: Any

    def __init__(
        self, *, comparison: Comparison, kind: str = "scores", metric: str | None = None
    ):
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}")
        metrics = comparison.metrics
        if metric is not None and metric not in metrics:
            raise ValueError(f"metric={metric!r} was not computed; there are {metrics}")
        self.comparison = comparison
        self.kind = kind
        self.metric = metrics[0] if metric is None else metric
        data = KINDS[kind](comparison)
        self.data = data[data["metric"] == self.metric].reset_index(drop=True)
        self.summary = _SUMMARIES[kind](self.data, ratio_of(comparison.fits))

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        *,
        kind: str = "scores",
        metric: str | None = None,
        ax: Any = None,
    ) -> ComparisonDisplay:
        """Draw a comparison.

        Parameters
        ----------
        comparison : Comparison
            From ``compare_estimators``.
        kind, metric :
            As for :class:`ComparisonDisplay`.
        ax : matplotlib Axes, default=None
            None makes a new figure.

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
        return cls(comparison=comparison, kind=kind, metric=metric).plot(ax)

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        X: Any,
        y: Any = None,
        *,
        groups: Any = None,
        scoring: Any = None,
        cv: Any = None,
        n_jobs: int | None = None,
        params: Mapping[str, Any] | None = None,
        train_sizes: Sequence[float] | None = None,
        by_length: int | Sequence[float] | None = None,
        lengths: Any = None,
        random_state: Any = None,
        verbose: int = 0,
        kind: str = "scores",
        metric: str | None = None,
        ax: Any = None,
    ) -> ComparisonDisplay:
        """Compare estimators and draw the comparison.

        Parameters
        ----------
        estimators, X, y, groups, scoring, cv, n_jobs, params, train_sizes, by_length, \
lengths, random_state, verbose :
            As for :func:`compare_estimators`.
        kind, metric :
            As for :class:`ComparisonDisplay`.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : ComparisonDisplay
            Its ``comparison`` has all tables.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        ValueError, TypeError or RuntimeError
            As ``compare_estimators``.
        """
        import_pyplot("ComparisonDisplay.from_estimators")  # missed before the training
        comparison = compare_estimators(
            estimators,
            X,
            y,
            groups=groups,
            scoring=scoring,
            cv=cv,
            n_jobs=n_jobs,
            params=params,
            train_sizes=train_sizes,
            by_length=by_length,
            lengths=lengths,
            random_state=random_state,
            verbose=verbose,
        )
        return cls.from_comparison(comparison, kind=kind, metric=metric, ax=ax)

    def plot(self, ax: Any = None) -> ComparisonDisplay:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        self : ComparisonDisplay
            The display, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        """
        n_names = self.summary["estimator"].nunique()
        in_rows = self.kind in ("scores", "differences")
        height = 1.5 + 0.55 * n_names if in_rows else 4.0
        ax = get_axes(ax, "ComparisonDisplay.plot", (8.0, height))
        _PICTURES[self.kind](self, ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


# --- numbers ------------------------------------------------------------------------------


def _scores(comparison: Comparison) -> pd.DataFrame:
    return comparison.scores


def _differences(comparison: Comparison) -> pd.DataFrame:
    """Return the scores minus those of the first estimator in the same fold."""
    scores, reference = comparison.scores, comparison.reference
    others = scores[scores["estimator"] != reference]
    if others.empty:
        raise ValueError(
            "kind='differences' needs two estimators, the comparison has one"
        )
    first = scores[scores["estimator"] == reference].set_index(["metric", "fold"])[
        "score"
    ]
    key = pd.MultiIndex.from_frame(others[["metric", "fold"]])
    return others.assign(score=others["score"].to_numpy() - first.reindex(key).to_numpy())


def _learning_curves(comparison: Comparison) -> pd.DataFrame:
    if comparison.learning_curves is None:
        raise ValueError(
            "the comparison has no learning curves; pass train_sizes to compare_estimators"
        )
    return comparison.learning_curves


def _by_length(comparison: Comparison) -> pd.DataFrame:
    if comparison.scores_by_length is None:
        raise ValueError(
            "the comparison has no scores by length; pass by_length to compare_estimators"
        )
    return comparison.scores_by_length


def _mean_and_error(data: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """Return the mean of each estimator and its corrected standard error."""
    rows = []
    for name, part in data.groupby("estimator", sort=False):
        values = part["score"].dropna().to_numpy()
        error = corrected_error(values, ratio) if len(values) > 1 else np.nan
        rows.append((name, values.mean() if len(values) else np.nan, error))
    return pd.DataFrame(rows, columns=["estimator", "mean", "error"])


def _mean_and_interval(data: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """Return the mean of each estimator and half the width of its confidence interval."""
    table = _mean_and_error(data, ratio)
    n_folds = data.groupby("estimator", sort=False)["score"].count().to_numpy()
    table["error"] *= stats.t.ppf((1 + CONFIDENCE) / 2, np.maximum(n_folds - 1, 1))
    return table


def _by_train_size(data: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """Return the mean of each estimator and size, and the deviation over folds.

    Folds that differ by a few sequences share a size: the mean of their sizes.
    """
    ranked = data.assign(
        place=data.groupby(["estimator", "fold"], sort=False)["train_size"].rank("dense")
    )
    groups = ranked.groupby(["estimator", "place"], sort=False)
    table = groups.agg(
        train_size=("train_size", "mean"), mean=("score", "mean"), error=("score", "std")
    )
    return _in_order(table.reset_index().drop(columns="place"), "train_size", data)


def _in_order(table: pd.DataFrame, position: str, data: pd.DataFrame) -> pd.DataFrame:
    """Return a summary by estimator, as in the data, and then by position."""
    order = pd.Categorical(table["estimator"], data["estimator"].unique(), ordered=True)
    rows = np.lexsort((table[position], order.codes))
    return table.iloc[rows].reset_index(drop=True)


def _by_bin(data: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """Return the mean of each estimator and bin over sequences, and its error over folds."""
    rows = []
    keys = ["estimator", "shortest", "longest"]
    for key, part in data.dropna(subset=["score"]).groupby(keys, sort=False):
        weight = part["n_sequences"].to_numpy()
        mean = float(np.average(part["score"], weights=weight))
        rows.append((*key, weight.sum(), mean, part["score"].std(ddof=1)))
    table = pd.DataFrame(rows, columns=[*keys, "n_sequences", "mean", "error"])
    return _in_order(table, "shortest", data)


# --- pictures -----------------------------------------------------------------------------


def _draw_scores(display: ComparisonDisplay, ax: Any) -> None:
    """Draw one row an estimator, the first at the top."""
    summary = display.summary
    names = summary["estimator"].tolist()
    wide = display.data.pivot(index="fold", columns="estimator", values="score")[names]
    rows = np.arange(len(names)) + BELOW
    ax.plot(wide.to_numpy().T, rows, color=GREY, alpha=0.3, lw=0.8, zorder=1)
    differences = display.comparison.differences
    mine = differences[differences["metric"] == display.metric].set_index("estimator")
    for i, row in enumerate(summary.itertuples()):
        _draw_row(ax, i, row, wide[row.estimator].to_numpy(), "corrected standard error")
        if row.estimator in mine.index and not np.isnan(mine.p_adjusted[row.estimator]):
            difference, p_value = mine.loc[row.estimator, ["difference", "p_adjusted"]]
            size = format(abs(difference), digits_for(difference))
            sign = "+" if difference > 0 else "−" if difference < 0 else ""
            _note(ax, i, f"{sign}{size}, {format_p(p_value)}")
        elif i == 0 and len(names) > 1 and len(wide) > 1:
            _note(ax, i, "reference")
    _finish_rows(ax, names, display.metric)


def _draw_differences(display: ComparisonDisplay, ax: Any) -> None:
    """Draw one row an estimator but the first, and zero."""
    summary, comparison = display.summary, display.comparison
    names = summary["estimator"].tolist()
    wide = display.data.pivot(index="fold", columns="estimator", values="score")[names]
    mine = comparison.differences
    p_values = mine[mine["metric"] == display.metric].set_index("estimator")["p_adjusted"]
    ax.axvline(0, color="black", lw=1, ls="--", zorder=1)
    for i, row in enumerate(summary.itertuples()):
        kind = f"{CONFIDENCE:.0%} confidence interval"
        _draw_row(ax, i, row, wide[row.estimator].to_numpy(), kind, color=1 + i)
        if not np.isnan(p_values[row.estimator]):
            _note(ax, i, format_p(p_values[row.estimator]))
    _finish_rows(ax, names, f"{display.metric} minus that of {comparison.reference}")


def _draw_row(
    ax: Any, i: int, row: Any, values: Any, error_is: str, color: int | None = None
) -> None:
    """Draw the scores of folds as dots, their mean and its error bar."""
    paint = COLORS[(i if color is None else color) % len(COLORS)]
    ax.plot(
        values,
        np.full(len(values), i + BELOW),
        ls="",
        marker="o",
        ms=5,
        mec="white",
        mew=0.5,
        color=GREY,
        zorder=2,
        label="one fold" if i == 0 else None,
    )
    ax.errorbar(
        row.mean,
        i - BELOW,
        xerr=None if np.isnan(row.error) else row.error,
        color=paint,
        marker="D",
        ms=8,
        mec="white",
        lw=2.2,
        capsize=5,
        zorder=3,
        label=f"mean and its {error_is}" if i == 0 else None,
    )


def _note(ax: Any, i: int, text: str) -> None:
    ax.annotate(
        text,
        (1.01, i),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize="small",
        annotation_clip=False,
    )


def _finish_rows(ax: Any, names: list[str], label: str) -> None:
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(label)
    ax.grid(axis="x", alpha=0.25)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)


def _draw_learning_curves(display: ComparisonDisplay, ax: Any) -> None:
    """Draw a line and a band an estimator over training size."""
    for i, (name, part) in enumerate(display.summary.groupby("estimator", sort=False)):
        style = {"color": COLORS[i % len(COLORS)]}
        x, mean, error = part["train_size"], part["mean"], part["error"].fillna(0)
        ax.fill_between(x, mean - error, mean + error, alpha=0.15, lw=0, **style)
        ax.plot(x, mean, marker=MARKERS[i % len(MARKERS)], label=plain(name), **style)
    sizes = display.summary["train_size"].unique()
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
    ax.minorticks_off()
    _finish_lines(ax, "training sequences", display.metric)


def _draw_by_length(display: ComparisonDisplay, ax: Any) -> None:
    """Draw a line an estimator over bins of lengths."""
    summary = display.summary
    bins = summary[["shortest", "longest"]].drop_duplicates().sort_values("shortest")
    places = {shortest: i for i, shortest in enumerate(bins["shortest"])}
    n_names = summary["estimator"].nunique()
    for i, (name, part) in enumerate(summary.groupby("estimator", sort=False)):
        shift = min(0.12, 0.6 / n_names) * (i - (n_names - 1) / 2)
        ax.errorbar(
            part["shortest"].map(places) + shift,
            part["mean"],
            yerr=part["error"].fillna(0),
            color=COLORS[i % len(COLORS)],
            marker=MARKERS[i % len(MARKERS)],
            capsize=3,
            elinewidth=1,
            label=plain(name),
        )
    counts = summary.groupby("shortest")["n_sequences"].max()
    ticks = []
    for shortest, longest in bins.itertuples(index=False):
        span = f"{shortest}" if shortest == longest else f"{shortest}–{longest}"
        ticks.append(f"{span}\n({counts[shortest]:,})")
    ax.set_xticks(range(len(ticks)), ticks)
    _finish_lines(ax, "steps of a sequence (sequences tested)", display.metric)


def _finish_lines(ax: Any, x_label: str, y_label: str) -> None:
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    n_names = len(ax.get_legend_handles_labels()[1])
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=min(n_names, 4),
        frameon=False,
        title="mean ± standard deviation over folds",
        alignment="left",
    )


#: The tidy scores of each kind of picture, their summary, and the picture.
KINDS = {
    "scores": _scores,
    "differences": _differences,
    "learning_curves": _learning_curves,
    "length": _by_length,
}
_SUMMARIES = {
    "scores": _mean_and_error,
    "differences": _mean_and_interval,
    "learning_curves": _by_train_size,
    "length": _by_bin,
}
_PICTURES = {
    "scores": _draw_scores,
    "differences": _draw_differences,
    "learning_curves": _draw_learning_curves,
    "length": _draw_by_length,
}

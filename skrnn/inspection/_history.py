"""The history of training: losses and scores over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from skrnn.inspection._checks import fitted_step, named_estimators
from skrnn.inspection._matplotlib import COLORS, get_axes, plain

#: Line styles of metrics, and how they are named.
STYLES = ("-", "--", ":", "-.")
NAMES = {
    "train_loss": "training",
    "valid_loss": "validation",
    "valid_score": "validation score",
    "lr": "learning rate",
    "train_score": "training score",
    "gradient_norm": "gradient norm",
    "seconds": "seconds an epoch",
}


def training_history(estimator: Any) -> pd.DataFrame:
    """Return ``history_`` of a fitted estimator, or of several in one frame.

    Parameters
    ----------
    estimator : estimator, Pipeline, or dict of str -> estimator
        Fitted estimators of skrnn, feed-forward ones included.

    Returns
    -------
    history : DataFrame
        One row an epoch; with a dict the index has the levels estimator and epoch.

    Raises
    ------
    NotFittedError
        If an estimator is not fitted.
    TypeError
        If an estimator is not one of skrnn.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import training_history
    >>> X, y = [["good"], ["bad"]] * 10, [1, 0] * 10
    >>> model = SequenceClassifier(hidden_size=4, max_epochs=3).fit(X, y)
    >>> training_history({"small": model}).index.tolist()
    [('small', 1), ('small', 2), ('small', 3)]
    """
    estimators, is_dict = named_estimators(estimator)
    frames = {
        name: fitted_step(one, None, "training_history")[0].history_
        for name, one in estimators.items()
    }
    return pd.concat(frames, names=["estimator"]) if is_dict else frames[""]


class TrainingHistoryDisplay:
    """Picture of losses, or of other numbers of the history, over the epochs.

    Parameters
    ----------
    history : DataFrame
        As from ``training_history``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        After ``plot``.
    figure_ : matplotlib Figure
        After ``plot``.

    See Also
    --------
    training_history : The numbers alone.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import TrainingHistoryDisplay, training_history
    >>> X, y = [["good"], ["bad"]] * 10, [1, 0] * 10
    >>> model = SequenceClassifier(hidden_size=4, max_epochs=3).fit(X, y)
    >>> TrainingHistoryDisplay(training_history(model)).history["train_loss"].shape
    (3,)
    """

    def __init__(self, history: pd.DataFrame):
        self.history = history

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, metrics: Sequence[str] | None = None, ax: Any = None
    ) -> TrainingHistoryDisplay:
        """Read the history and draw it.

        Parameters
        ----------
        estimator : estimator, Pipeline, or dict of str -> estimator
            As for ``training_history``.
        metrics, ax :
            As for ``plot``.

        Returns
        -------
        display : TrainingHistoryDisplay
        """
        return cls(training_history(estimator)).plot(metrics=metrics, ax=ax)

    def plot(
        self, ax: Any = None, *, metrics: Sequence[str] | None = None
    ) -> TrainingHistoryDisplay:
        """Draw a line a metric and estimator; a dot marks the lowest validation loss.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.
        metrics : sequence of str, default=None
            Columns of ``history``; None takes train_loss and, if there is one, valid_loss.

        Returns
        -------
        display : TrainingHistoryDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        ValueError
            If the history has no such column.
        """
        metrics = self._check_metrics(metrics)
        ax = get_axes(ax, "TrainingHistoryDisplay.plot")
        runs = {"": self.history}
        if self.history.index.nlevels > 1:
            names = self.history.index.unique(0)
            runs = {name: self.history.loc[name] for name in names}
        runs = dict(_each_member(runs))
        for i, (name, run) in enumerate(runs.items()):
            for style, metric in zip(STYLES, metrics, strict=False):
                values = run[metric].dropna()
                if values.empty:
                    continue
                label = ", ".join(filter(None, [name, NAMES.get(metric, metric)]))
                color = COLORS[i % len(COLORS)]
                ax.plot(
                    values.index,
                    values,
                    style,
                    color=color,
                    linewidth=2,
                    label=plain(label),
                )
                if metric == "valid_loss":
                    best = values.idxmin()
                    ax.plot(best, values[best], "o", color=color, markersize=7)
        is_loss = all(metric.endswith("_loss") for metric in metrics)
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss" if is_loss else ", ".join(NAMES.get(m, m) for m in metrics))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.3)
        ax.legend(fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check_metrics(self, metrics: Sequence[str] | None) -> list[str]:
        columns = [name for name, values in self.history.items() if values.notna().any()]
        if metrics is None:
            return [name for name in ("train_loss", "valid_loss") if name in columns]
        if isinstance(metrics, str):
            metrics = [metrics]
        for name in metrics:
            if name not in columns:
                raise ValueError(f"metrics: {name!r} is none of {columns}")
        if len(metrics) > len(STYLES):
            raise ValueError(f"metrics: {len(metrics)} are more than {len(STYLES)}")
        return list(metrics)


def _each_member(runs: dict[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the runs, those of the members of an ensemble apart."""
    for name, run in runs.items():
        members = run.get("member")
        if members is None or members.isna().all():
            yield name, run
            continue
        for member, rows in run.groupby(members):
            yield ", ".join(filter(None, [name, f"member {int(member)}"])), rows

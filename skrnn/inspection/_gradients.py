"""Gradients with respect to the states: whether they vanish or explode on the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skrnn.inspection._checks import (
    check_recurrent,
    fitted_step,
    last_step,
    named_estimators,
)
from skrnn.inspection._matplotlib import COLORS, get_axes, plain
from skrnn.training import unrolling

#: Line styles of directions, before and after training.
STYLES = {"forward": ("--", "-"), "backward": ("-.", ":")}
#: Lines whose legend has room inside the axes.
MAX_INSIDE = 5


def gradient_norms(
    estimator: Any, X: Any, y: Any = None, *, trained: bool = True
) -> pd.DataFrame:
    """Return how strongly the loss depends on the state at each distance from the end.

    The state is a layer's output h_t. Its gradient counts every way by which it reaches
    the loss, through all later steps. Of each sequence its own loss is taken, the sum over
    its targets, without weights, label smoothing and dropout. Where each step has a target
    (tagger, generator), the target of a step reaches its state directly, so the norm does
    not vanish. Steps that are read as one (``patch_size_``) count as one. Numbers are
    float64.

    Parameters
    ----------
    estimator : estimator, Pipeline, or dict of str -> estimator
        Recurrent estimators of skrnn.
    X : list, ndarray, Series or DataFrame of n_sequences sequences
        As for ``fit``.
    y : array-like of n_sequences targets, default=None
        As for ``fit``; None where the targets are in X (generators, forecasters).
    trained : bool, default=True
        False takes the weights from which training starts, drawn by the estimator's
        ``random_state``. The estimator then need not be fitted: vocabulary, classes and
        scales are learned from X and y, and nothing is trained.

    Returns
    -------
    norms : DataFrame of shape (max_steps, n_layers * n_directions)
        Row ``d`` has the norm ``d`` steps before the last one that the direction reads:
        the root of the mean over sequences of the squared norm, over those that have so
        many steps. NaN where none has. Columns have the levels layer and direction, before
        them estimator if a dict was given. Layers are 1, 2, ...; "encoder 1", "decoder 1",
        ... where the network has both.

    Raises
    ------
    NotFittedError
        If ``trained`` and an estimator is not fitted.
    ValueError
        If a network is feed-forward, or X and y do not suit the estimator.
    TypeError
        If an estimator is not one of skrnn.

    References
    ----------
    Bengio, Simard, Frasconi (1994). Learning long-term dependencies with gradient descent
    is difficult. IEEE Transactions on Neural Networks 5(2), section III.
    Pascanu, Mikolov, Bengio (2013). On the difficulty of training recurrent neural
    networks. ICML, section 2.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.datasets import make_delayed_recall
    >>> from skrnn.inspection import gradient_norms
    >>> X, y = make_delayed_recall(
    ...     50, min_steps=30, max_steps=30, encoding="one_hot", random_state=0
    ... )
    >>> model = SequenceClassifier(
    ...     cell="rnn_tanh", bidirectional=False, pooling="last", random_state=0
    ... )
    >>> norms = gradient_norms(model, X, y, trained=False)
    >>> norms.shape
    (30, 1)
    >>> bool(norms.iloc[29, 0] < 0.1 * norms.iloc[0, 0])
    True
    """
    estimators, is_dict = named_estimators(estimator)
    frames = {
        name: _norms_of_one(one, X, y, trained=trained)
        for name, one in estimators.items()
    }
    if not is_dict:
        return frames[""]
    return pd.concat(frames, axis=1, names=["estimator"])


def _norms_of_one(estimator: Any, X: Any, y: Any, *, trained: bool) -> pd.DataFrame:
    if trained:
        model, X = fitted_step(estimator, X, "gradient_norms")
        dataset = model._labelled(X, y)
    else:
        model, X = _unfitted_step(estimator, X, y)
        model, dataset = model._untrained(X, y)
    norms = unrolling.gradient_norms(check_recurrent(model).net_, dataset)
    parts = {part for part, _, _ in norms}
    columns = [
        (f"{part} {layer}" if len(parts) > 1 else layer, direction)
        for part, layer, direction in norms
    ]
    index = pd.RangeIndex(max(map(len, norms.values())), name="distance")
    frame = pd.DataFrame(
        {column: pd.Series(v) for column, v in zip(columns, norms.values(), strict=True)}
    )
    frame.columns = pd.MultiIndex.from_tuples(columns, names=["layer", "direction"])
    return frame.set_index(index)


def _unfitted_step(estimator: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """Return the last step, and X after the steps before it, which are fitted here."""
    model = last_step(estimator, "gradient_norms")
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = clone(estimator[:-1]).fit_transform(X, y)
        estimator = estimator[-1]
    return model, X


class GradientFlowDisplay:
    """Picture of the gradient's norm over the distance from the last step.

    A norm that falls on the logarithmic axis vanishes: early steps teach the network
    nothing. One that rises explodes.

    Parameters
    ----------
    norms : DataFrame of shape (max_steps, n_layers * n_directions)
        As from ``gradient_norms``.
    trained : bool, default=True
        Whether the weights are those after training.

    Attributes
    ----------
    ratio : float or dict of str -> float
        The norm at the first step of the longest sequence divided by that at the last
        step, over all layers and directions together: below 1 the gradient vanishes,
        above 1 it explodes. NaN where the loss is so small that it has no gradient. By
        name where the estimators were a dict.
    ax_ : matplotlib Axes
        After ``plot``.
    figure_ : matplotlib Figure
        After ``plot``.

    See Also
    --------
    gradient_norms : The numbers alone.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.datasets import make_delayed_recall
    >>> from skrnn.inspection import GradientFlowDisplay, gradient_norms
    >>> X, y = make_delayed_recall(
    ...     50, min_steps=80, max_steps=80, encoding="one_hot", random_state=0
    ... )
    >>> cells = {
    ...     cell: SequenceClassifier(
    ...         cell=cell, bidirectional=False, pooling="last", random_state=0
    ...     )
    ...     for cell in ("lstm", "rnn_tanh")
    ... }
    >>> flow = GradientFlowDisplay(gradient_norms(cells, X, y, trained=False))
    >>> flow.ratio["lstm"] > 10 * flow.ratio["rnn_tanh"]
    True
    """

    def __init__(self, norms: pd.DataFrame, *, trained: bool = True):
        self.norms = norms
        self.trained = trained
        names = norms.columns.unique(0) if norms.columns.nlevels > 2 else None
        self.ratio = (
            _ratio(norms)
            if names is None
            else {name: _ratio(norms[name]) for name in names}
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        trained: bool = True,
        ax: Any = None,
    ) -> GradientFlowDisplay:
        """Compute the norms and draw them.

        Parameters
        ----------
        estimator, X, y, trained :
            As for ``gradient_norms``.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : GradientFlowDisplay
        """
        norms = gradient_norms(estimator, X, y, trained=trained)
        return cls(norms, trained=trained).plot(ax=ax)

    def plot(self, ax: Any = None) -> GradientFlowDisplay:
        """Draw one line a layer and direction, dashed before training.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : GradientFlowDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        """
        ax = get_axes(ax, "GradientFlowDisplay.plot")
        columns = self.norms.columns
        levels = {name: list(columns.unique(name)) for name in columns.names}
        leading = "estimator" if len(levels.get("estimator", [])) > 1 else "layer"
        used = len(ax.get_lines()) if self.trained else 0
        layers = levels["layer"]
        for values in columns:
            of = dict(zip(columns.names, values, strict=True))
            rank = levels[leading].index(of[leading])
            fade = 0.0
            if leading == "estimator" and len(layers) > 1:
                fade = 0.6 * (1 - layers.index(of["layer"]) / (len(layers) - 1))
            norm = self.norms[values].dropna()
            ax.plot(
                norm.index,
                norm.where(norm > 0),
                color=COLORS[rank % len(COLORS)],
                linestyle=STYLES[of["direction"]][self.trained],
                alpha=1 - fade,
                linewidth=2,
                label=plain(self._label(of, levels)),
            )
        ax.set_yscale("log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("distance from the last step (steps)")
        ax.set_ylabel("norm of the gradient of the loss\nwith respect to the state $h_t$")
        ax.grid(alpha=0.3)
        if len(columns) > 1 or not self.trained or used:
            beside = len(ax.get_lines()) > MAX_INSIDE
            where = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if beside else {}
            ax.legend(fontsize="small", **where)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, of: dict[str, Any], levels: dict[str, list]) -> str:
        """Return the label of a line."""
        parts = []
        if len(levels.get("estimator", [])) > 0:
            parts.append(of["estimator"])
        if len(levels["layer"]) > 1:
            layer = of["layer"]
            parts.append(layer if isinstance(layer, str) else f"layer {layer}")
        if len(levels["direction"]) > 1:
            parts.append(of["direction"])
        when = "after training" if self.trained else "before training"
        if not parts:
            return when
        return ", ".join(parts if self.trained else [*parts, when])


def _ratio(norms: pd.DataFrame) -> float:
    """Return the norm at the first step divided by that at the last, of all columns."""
    columns = [norms[column].dropna().to_numpy() for column in norms]
    first = np.hypot.reduce([values[-1] for values in columns])
    last = np.hypot.reduce([values[0] for values in columns])
    return float(first / last) if last > 0 else float("nan")

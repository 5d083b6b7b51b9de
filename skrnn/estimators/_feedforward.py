"""The baselines without recurrence: a window of steps through dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.estimators._classifier import BaseSequenceClassifier
from skrnn.estimators._parameters import (
    ClassifierParameters,
    CommonParameters,
    FeedForwardParameters,
    LoopParameters,
    RegressionParameters,
    TokenParameters,
    documented,
    parameters,
)
from skrnn.estimators._regressor import BaseSequenceRegressor


def feed_forward_config(
    estimator: FeedForwardParameters, lengths: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the network's arguments; the window may be the longest sequence."""
    given = estimator.hidden_layer_sizes
    sizes = tuple(given) if isinstance(given, Sequence) else (given,)
    if not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
        raise ValueError(
            "hidden_layer_sizes must be positive integers, got "
            f"{estimator.hidden_layer_sizes!r}"
        )
    return {
        "n_steps": int(lengths.max() if estimator.n_steps is None else estimator.n_steps),
        "hidden_layer_sizes": tuple(map(int, sizes)),
        "activation": estimator.activation,
        "dropout": estimator.dropout,
    }


@documented
@parameters
class FeedForwardClassifier(
    BaseSequenceClassifier,
    CommonParameters,
    ClassifierParameters,
    LoopParameters,
    TokenParameters,
    FeedForwardParameters,
):
    """Feed-forward network that classifies sequences by a window of their last steps.

    The baseline for ``SequenceClassifier``, on the same X and y. A 2-D X is the ordinary
    one to one case, columns in, a label out.

    Parameters
    ----------
    {feed_forward}
    {tokens}
    {loop}
    {label_smoothing}
    {class_weight}
    {stopping}
    {rest}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_steps_ : int
        Steps of the window.
    {attributes}

    See Also
    --------
    SequenceClassifier : The recurrent network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skrnn import FeedForwardClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = FeedForwardClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    _network_kind = "feed_forward"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        config = feed_forward_config(self, lengths)
        self.n_steps_ = config["n_steps"]
        return config


@documented
@parameters
class FeedForwardRegressor(
    BaseSequenceRegressor,
    CommonParameters,
    LoopParameters,
    TokenParameters,
    RegressionParameters,
    FeedForwardParameters,
):
    """Feed-forward network that predicts numbers from a window of the last steps.

    The baseline for ``SequenceRegressor``, on the same X and y. y is scaled inside.

    Parameters
    ----------
    {feed_forward}
    {regression}
    {tokens}
    {loop}
    {stopping}
    {rest}

    Attributes
    ----------
    n_steps_ : int
        Steps of the window.
    {attributes}

    See Also
    --------
    SequenceRegressor : The recurrent network.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import FeedForwardRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> y = X @ [1.0, 2.0, 0.0, -1.0, 0.5]
    >>> model = FeedForwardRegressor(max_epochs=20, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    dropout: float = 0.0
    lr: float = 0.001

    _network_kind = "feed_forward"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        config = feed_forward_config(self, lengths)
        self.n_steps_ = config["n_steps"]
        return config

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
    TaggerParameters,
    TokenParameters,
    WindowParameters,
    config_of,
    documented,
    parameters,
)
from skrnn.estimators._regressor import BaseSequenceRegressor
from skrnn.estimators._tagger import BaseSequenceTagger


def feed_forward_config(
    estimator: FeedForwardParameters, lengths: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the network's arguments; the window may be the longest sequence."""
    return {
        **config_of(estimator, FeedForwardParameters),
        "window": int(lengths.max() if estimator.window is None else estimator.window),
        "hidden_layer_sizes": layer_sizes(estimator.hidden_layer_sizes),
    }


def layer_sizes(given: int | Sequence[int]) -> tuple[int, ...]:
    """Return the units of each hidden layer."""
    sizes = (given,) if isinstance(given, Integral) else tuple(given)  # type: ignore[arg-type]
    if not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be positive integers, got {given!r}")
    return tuple(map(int, sizes))


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
    window_ : int
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
        self.window_ = config["window"]
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
    window_ : int
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
        self.window_ = config["window"]
        return config


@documented
@parameters
class FeedForwardTagger(
    BaseSequenceTagger,
    CommonParameters,
    TaggerParameters,
    LoopParameters,
    TokenParameters,
    WindowParameters,
):
    """Feed-forward network that labels each step from its neighbours.

    The baseline for ``SequenceTagger``, on the same X and y: what lies beyond ``context``
    steps cannot help it.

    Parameters
    ----------
    {window}
    {tokens}
    {loop}
    {tagger}
    {stopping}
    {rest}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    transitions_ : DataFrame of shape (n_classes, n_classes)
        With ``crf=True``: the score of going from one label (row) to another (column).
    {attributes}

    See Also
    --------
    SequenceTagger : The recurrent network.

    References
    ----------
    Collobert, Weston, Bottou, Karlen, Kavukcuoglu, Kuksa (2011). Natural language
    processing (almost) from scratch. JMLR 12, section 3.2.1.

    Examples
    --------
    >>> from skrnn import FeedForwardTagger
    >>> X = [["the", "can"], ["we", "can", "see"], ["the", "sea"], ["we", "see"]] * 4
    >>> y = [["D", "N"], ["P", "V", "V"], ["D", "N"], ["P", "V"]] * 4
    >>> model = FeedForwardTagger(context=1, max_epochs=30, random_state=0).fit(X, y)
    >>> model.predict([["the", "can"], ["we", "can", "see"]]).tolist()
    [['D', 'N'], ['P', 'V', 'V']]
    """

    crf: bool = False

    _network_kind = "window_tagging"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        return {
            **config_of(self, WindowParameters),
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "crf": self.crf,
        }

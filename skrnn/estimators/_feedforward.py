"""The baselines without recurrence: a window of steps through dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn._warnings import warn
from skrnn.data.ragged import QUANTILE, WINDOW_RATIO, window_size
from skrnn.estimators._classifier import ClassificationTask
from skrnn.estimators._parameters import (
    ClassWeightParameters,
    CommonParameters,
    ContextParameters,
    CRFParameters,
    DenseParameters,
    DropoutParameters,
    FieldParameters,
    InstanceNormParameters,
    LabelSmoothingParameters,
    NumberParameters,
    PatchParameters,
    RegressionLossParameters,
    SchemeParameters,
    TokenParameters,
    WindowParameters,
    WordParameters,
)
from skrnn.estimators._regressor import RegressionTask
from skrnn.estimators._rows import estimator
from skrnn.estimators._tagger import TaggingTask
from skrnn.modules.networks import empty_network


def layer_sizes(given: int | Sequence[int]) -> tuple[int, ...]:
    """Return the units of each hidden layer."""
    return (int(given),) if isinstance(given, Integral) else tuple(map(int, given))  # type: ignore[arg-type]


#: Weights of the first layer beyond which a window takes fewer steps: 134 MB.
MAX_WEIGHTS = 1 << 25


class WindowMixin(DropoutParameters, WindowParameters, DenseParameters):
    """The arguments of a feed-forward network over the last steps."""

    window_: int
    _complete: Any

    def _window_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        """Return the network's arguments; the window may be the longest sequence."""
        config = self._dense_config()
        window = self.window
        if window is None:
            window = self._usual_window(lengths, config)
        return {"window": int(window), **config}

    def _usual_window(self, lengths: NDArray[np.int64], config: dict[str, Any]) -> int:
        """Return the longest sequence, or fewer steps where its network would be huge."""
        window = longest = max(1, int(lengths.max()))
        why = ""
        if longest > window_size(lengths):
            window = max(1, window_size(lengths) // WINDOW_RATIO)
            why = f"the {QUANTILE} quantile of the lengths"
        network: Any = empty_network(
            "feed_forward", self._complete({**config, "window": 1})
        )
        size = network.input_layer.output_size
        units = (*config["hidden_layer_sizes"], network.config["n_outputs"])[0]
        most = max(1, MAX_WEIGHTS // max(1, size * units))
        if window > most:
            window = most
            why = f"so many that the first layer has {MAX_WEIGHTS:,} weights"
        if why:
            warn(
                f"window_={window:,} steps are read, {why}: {(lengths > window).sum():,} of "
                f"{len(lengths):,} sequences have more, of which the last steps are read "
                f"(the longest has {longest:,}). The weights grow with the window; set "
                "window to choose it"
            )
        return window

    def _dense_config(self) -> dict[str, Any]:
        return {
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            "dropout": self.dropout,
        }


@estimator
class FeedForwardClassifier(
    ClassificationTask,
    CommonParameters,
    ClassWeightParameters,
    LabelSmoothingParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    PatchParameters,
    WindowMixin,
):
    """Feed-forward network that classifies sequences by a window of their last steps.

    The baseline for ``SequenceClassifier``, on the same X and y. A 2-D X is the ordinary
    one to one case, columns in, a label out.

    Parameters
    ----------
    Network: hidden_layer_sizes, activation, window, dropout, patch_size.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        lowercase, embeddings, freeze_embeddings, char_encoder, static_features, scale, missing,
        time.
    Training: label_smoothing, class_weight, max_epochs, batch_size, lr, optimizer,
        weight_decay, lr_schedule, max_grad_norm, weight_averaging, augment.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: n_estimators, n_jobs, callbacks, warm_start, checkpoint, on_interrupt,
        keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    window_ : int
        Steps of the window; patches with ``patch_size``.
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

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

    _input_options = {"needs_steps": False}

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = self._window_config(lengths)
        return self._build_network("feed_forward", config, generator)


@estimator
class FeedForwardRegressor(
    RegressionTask,
    CommonParameters,
    RegressionLossParameters,
    InstanceNormParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    PatchParameters,
    ContextParameters,
    WindowMixin,
):
    """Feed-forward network that predicts numbers from a window of the last steps.

    The baseline for ``SequenceRegressor``, on the same X and y. y is scaled inside. With
    numbers for each step it reads a step with its ``context``, as ``FeedForwardTagger``
    does, and ``window`` has no effect; elsewhere ``context`` has none.

    Parameters
    ----------
    Network: hidden_layer_sizes, activation, window, dropout, context, patch_size.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        lowercase, embeddings, freeze_embeddings, char_encoder, static_features, scale, missing,
        time, instance_norm, target_feature.
    Training: loss, quantiles, max_epochs, batch_size, lr, optimizer, weight_decay,
        lr_schedule, max_grad_norm, weight_averaging, augment.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: n_estimators, n_jobs, callbacks, warm_start, checkpoint, on_interrupt,
        keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    window_ : int
        Steps of the window; absent with numbers for each step.
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

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

    _input_options = {"needs_steps": False}

    dropout: float = 0.0
    lr: float = 0.001

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        n_outputs = {"n_outputs": self._n_outputs()}
        if not self._targets.by_step:
            config = self._window_config(lengths) | n_outputs
            return self._build_network("feed_forward", config, generator)
        config = {**self._dense_config(), "context": self.context, "crf": False}
        return self._build_network("window_tagging", config | n_outputs, generator)


@estimator
class FeedForwardTagger(
    TaggingTask,
    CommonParameters,
    ClassWeightParameters,
    LabelSmoothingParameters,
    SchemeParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    CRFParameters,
    DropoutParameters,
    ContextParameters,
    DenseParameters,
):
    """Feed-forward network that labels each step from its neighbours.

    The baseline for ``SequenceTagger``, on the same X and y: what lies beyond ``context``
    steps cannot help it.

    Parameters
    ----------
    Network: hidden_layer_sizes, activation, context, dropout, crf.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        lowercase, embeddings, freeze_embeddings, char_encoder, static_features, scale, missing,
        time, scheme, invalid_tags.
    Training: label_smoothing, class_weight, max_epochs, batch_size, lr, optimizer,
        weight_decay, lr_schedule, max_grad_norm, weight_averaging, augment.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: n_estimators, n_jobs, callbacks, warm_start, checkpoint, on_interrupt,
        keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    transitions_ : DataFrame of shape (n_classes, n_classes)
        With ``crf=True``: the score of going from one label (row) to another (column).
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

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

    dropout: float = 0.5
    crf: bool = False
    label_smoothing: float = 0.0

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = {
            "context": self.context,
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            "dropout": self.dropout,
            "crf": self.crf,
        }
        return self._build_tagger("window_tagging", config, generator)

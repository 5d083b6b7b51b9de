"""Many to one, numbers a sequence: the task of regressors, and SequenceRegressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skrnn.data.containers import CheckedSequences
from skrnn.data.targets import CheckedData, NumberTargets, Targets
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._parameters import (
    CommonParameters,
    FieldParameters,
    InstanceNormParameters,
    NumberParameters,
    RecurrentParameters,
    RegressionLossParameters,
    TokenParameters,
    WordParameters,
)
from skrnn.estimators._rows import config_of, estimator
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs
from skrnn.training.losses import LOSSES, loss_arguments, make_loss


class RegressionTask(RegressorMixin, BaseSequenceEstimator):
    """Abstract base: scaled targets, regression losses, quantiles."""

    _auto_updates = 1000
    loss: str
    quantiles: Sequence[float]

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> RegressionTask:
        """Train on sequences and their numbers.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Arrays ``(n_steps_i, n_features)`` or 1-D arrays, token lists, strings, a
            3-D array, or a 2-D array or frame whose rows are univariate series. A
            sequence without tokens is read as one unknown token.
        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
            Numbers, of any unit and size.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val, y_val : like X and y, default=None
            Held-out data, scored after each epoch, and watched by early stopping.
        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weight of each held-out sequence.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty, not finite, or of unequal length, if a parameter is out
            of its range, or if training diverges.
        TypeError
            If X is no container of sequences, or mixes kinds of them.
        """
        self._fit(X, y, sample_weight, Validation(X_val, y_val, sample_weight_val))
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> RegressionTask:
        """Train one pass over X at the constant rate ``lr``.

        The vocabulary and the scale of y are those of the first call.

        Parameters
        ----------
        X, y :
            As for ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.

        Returns
        -------
        self : object
            The estimator.
        """
        self._partial_fit(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the prediction for each sequence, in y's units.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            With ``loss="quantile"`` the median.
        """
        X, outputs = self._outputs(X)
        return self._targets.decode(self.net_.criterion_.predict(outputs), X)

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Return the quantiles of a fit with ``loss="quantile"``, in y's units.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        quantiles : ndarray
            Of shape (n_sequences, n_quantiles), or (n_sequences, n_quantiles, n_outputs)
            for several outputs; in the order of the ``quantiles`` parameter, and never
            crossing.

        Raises
        ------
        ValueError
            If the fit was with another loss.
        """
        check_is_fitted(self)
        loss = self.net_.criterion_
        if not loss.levels:
            fitted = self._fitted_parameters["loss"]
            raise ValueError(
                f'predict_quantiles needs a fit with loss="quantile", not {fitted!r}'
            )
        X, outputs = self._outputs(X)
        return self._targets.decode(loss.predict_quantiles(outputs), X)

    def _outputs(self, X: Any) -> tuple[CheckedSequences, NDArray[np.float32]]:
        """Return the checked X and the network's outputs ``(n_sequences, n_outputs)``."""
        X = self._check_X(X)
        return X, predict_outputs(self.net_, EncodedDataset(self._encode(X)))

    def _n_outputs(self) -> int:
        loss = make_loss(self.loss, self.get_params(deep=False))
        return loss.n_outputs(self._targets.n_outputs)

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: CheckedSequences, y: Any) -> Targets:
        return NumberTargets(self._inputs)

    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        return LOSSES[self.loss], loss_arguments(self.loss, self.get_params(deep=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@estimator
class SequenceRegressor(
    RegressionTask,
    CommonParameters,
    RegressionLossParameters,
    InstanceNormParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    RecurrentParameters,
):
    """Recurrent network that predicts numbers for whole sequences: many to one.

    y is scaled to unit deviation inside; a 2-D y has several outputs, such as the next
    steps of a series. ``instance_norm`` forecasts levels that training has not seen.

    Parameters
    ----------
    Network: cell, hidden_size, num_layers, bidirectional, dropout, pooling.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, lowercase,
        embeddings, freeze_embeddings, char_encoder, static_features, scale, missing,
        time, instance_norm, target_feature.
    Training: loss, quantiles, max_epochs, batch_size, lr, optimizer, weight_decay,
        lr_schedule, max_grad_norm.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: callbacks, warm_start, verbose, device, random_state.

    Attributes
    ----------
    Common: net_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

    See Also
    --------
    FeedForwardRegressor : The baseline without recurrence, on the same input.
    skrnn.preprocessing.sliding_windows : Windows of a series, and what follows them.

    References
    ----------
    Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8).
    Kim, Kim, Tae, Park, Choi, Choo (2022). Reversible instance normalization for
    accurate time-series forecasting against distribution shift. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import SequenceRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n) for n in rng.integers(3, 9, size=100)]
    >>> y = [x.mean() for x in X]
    >>> model = SequenceRegressor(lr=0.01, max_epochs=40, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.8)
    True
    """

    #: At a low rate small data need many updates, in many passes.
    _auto_updates = 2000
    _auto_max_epochs = 300

    hidden_size: int = 64
    bidirectional: bool = False
    pooling: str = "last"
    lr: float = 0.001
    weight_decay: float | str = "auto"

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = config_of(self, RecurrentParameters) | {"n_outputs": self._n_outputs()}
        return self._build_network("recurrent", config, generator)

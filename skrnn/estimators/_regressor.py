"""Numbers for each sequence or each step: the task of regressors, SequenceRegressor."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from skrnn.data.containers import CheckedSequences
from skrnn.data.steps import shown
from skrnn.data.targets import (
    CheckedData,
    NumberTargets,
    StepNumberTargets,
    Targets,
    check_weights,
    has_step_numbers,
)
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._loop import Budget
from skrnn.estimators._parameters import (
    AutoPatchParameters,
    CellParameters,
    CommonParameters,
    FieldParameters,
    InstanceNormParameters,
    NumberParameters,
    RecurrentDropoutParameters,
    RecurrentParameters,
    RegressionLossParameters,
    StepEncoderParameters,
    TokenParameters,
    WordParameters,
)
from skrnn.estimators._pooling import PoolingTransformer, pooled_config
from skrnn.estimators._rows import config_of, estimator
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs, predict_steps
from skrnn.training.losses import LOSSES, StepRegression, loss_arguments, make_loss


class RegressionTask(RegressorMixin, BaseSequenceEstimator):
    """Abstract base: scaled targets, regression losses, quantiles."""

    _budget = Budget(updates=1000, lr=0.001)
    loss: str
    quantiles: Sequence[float]
    patch_size: Any

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
            3-D array, a 2-D array or frame whose rows are univariate series, or a frame
            of step fields and static columns. A sequence without tokens is read as one
            unknown token; with numbers for each step it is left out.
        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs), or of arrays
            Numbers, of any unit and size. A list of arrays, or a 1-D object array, Series
            or column of arrays or lists, has numbers for each step: arrays
            ``(n_steps_i,)`` or ``(n_steps_i, n_outputs)``. Nested lists are one array.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence, or of each of its steps, in the loss.
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
        """Return the prediction for each sequence, or for each step, in y's units.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            With ``loss="quantile"`` the median. With numbers for each step an object
            array ``(n_sequences,)`` of float64 arrays ``(n_steps_i,)`` or (n_steps_i,
            n_outputs), an empty one for a sequence without tokens.
        """
        return self._predict(self._check_X(X))

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
            crossing. With numbers for each step an object array ``(n_sequences,)`` of such
            arrays, whose first axis is the steps.

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
        checked = self._check_X(X)
        quantiles = loss.predict_quantiles(self._outputs(checked))
        return self._targets.decode(quantiles, checked)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination, R².

        Parameters
        ----------
        X, y :
            As for ``fit``. With numbers for each step it is that of all steps together.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence, or of each of its steps.

        Returns
        -------
        r2 : float
            1 for perfect predictions, 0 for the mean of y; the mean over the outputs.
        """
        checked = self._check_X(X)
        true = self._targets.check(y, checked).values
        weight, pred = check_weights(sample_weight, len(true)), self._predict(checked)
        if self._targets.by_step:
            weight = None if weight is None else np.repeat(weight, true.lengths)
            true, pred = true.values, np.concatenate(list(pred))
        return float(r2_score(true, pred, sample_weight=weight))

    def _predict(self, X: CheckedSequences) -> NDArray:
        """Return the predictions for validated sequences."""
        predicted = self.net_.criterion_.predict(self._outputs(X))
        return self._targets.decode(predicted, X)

    def _outputs(self, X: CheckedSequences) -> NDArray[np.float32]:
        """Return the network's outputs ``(n, n_outputs)`` of all sequences, or all steps."""
        if not self._targets.by_step:
            return predict_outputs(self.net_, EncodedDataset(self._encode(X)))
        filled, real = X.filled()
        if not len(filled):
            return np.empty((0, self.net_.module_.config["n_outputs"]), np.float32)
        dataset = EncodedDataset(self._encode(real, filled), origin=filled)
        return predict_steps(self.net_, dataset, attrgetter("logits")).values

    def _n_outputs(self) -> int:
        loss = make_loss(self.loss, self.get_params(deep=False))
        return loss.n_outputs(self._targets.n_outputs)

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: CheckedSequences, y: Any) -> Targets:
        unit = LOSSES[self.loss].unit
        if not has_step_numbers(y):
            return NumberTargets(self._inputs, unit)
        if isinstance(self.scoring, str):
            raise ValueError(
                f"scoring={shown(self.scoring)} compares one number a sequence, but y has "
                "numbers for each step; pass skrnn.metrics.step_r2_scorer, or a callable "
                "scorer(estimator, X, y)"
            )
        if self.patch_size != "auto" and self.patch_size > 1:
            raise ValueError(
                f"patch_size={self.patch_size} reads several steps as one, but y has numbers "
                "for each step"
            )
        return StepNumberTargets(self._inputs, unit)

    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        arguments = loss_arguments(self.loss, self.get_params(deep=False))
        if self._targets.by_step:
            return StepRegression, {"loss": self.loss, **arguments}
        return LOSSES[self.loss], arguments

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@estimator
class SequenceRegressor(
    RegressionTask,
    PoolingTransformer,
    CommonParameters,
    RegressionLossParameters,
    InstanceNormParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    StepEncoderParameters,
    AutoPatchParameters,
    RecurrentParameters,
):
    """Recurrent network that predicts numbers for whole sequences, or for each step.

    y is scaled inside; a 2-D y has several outputs, such as the next
    steps of a series, and a list of arrays a number for each step: a signal from a signal,
    aligned, for which ``pooling`` has no effect. ``instance_norm`` forecasts levels that
    training has not seen.

    Parameters
    ----------
    Network: cell, hidden_size, num_layers, bidirectional, dropout, dropout_mask,
        weight_dropout, pooling, patch_size, step_encoder.
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
    patch_size_ : int
        Steps that are read as one.
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
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
    _budget = Budget(updates=2000, max_epochs=300, lr=0.001)

    hidden_size: int = 64
    bidirectional: bool = False
    pooling: str = "last"
    lr: float = 0.001
    weight_decay: float | str = "auto"

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        n_outputs = {"n_outputs": self._n_outputs()}
        if not self._targets.by_step:
            config = pooled_config(self) | n_outputs
            return self._build_network("recurrent", config, generator)
        config = {
            **config_of(self, CellParameters),
            **config_of(self, RecurrentDropoutParameters),
            "bidirectional": self.bidirectional,
            "crf": False,
        }
        return self._build_network("tagging", config | n_outputs, generator)

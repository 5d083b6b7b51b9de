"""Many to one, numbers a sequence: what all regressors do, and SequenceRegressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from skrnn.data.containers import CheckedSequences
from skrnn.data.codecs import NumericCodec, TokenCodec
from skrnn.data.target_codecs import NumberCodec
from skrnn.data.targets import check_number_targets
from skrnn.estimators._base import BaseNetworkEstimator, CheckedData
from skrnn.estimators._parameters import (
    CommonParameters,
    LoopParameters,
    RecurrentParameters,
    RegressionParameters,
    TokenParameters,
    config_of,
    documented,
    parameters,
)
from skrnn.training.losses import LOSSES


class InstanceNormEstimator(BaseNetworkEstimator):
    """Abstract base of estimators with ``instance_norm``."""

    instance_norm: str | None
    target_feature: int

    def _make_input_codec(self, X: CheckedSequences) -> NumericCodec | TokenCodec:
        if self.instance_norm is None:
            return super()._make_input_codec(X)
        if X.form.kind != "numeric":
            raise ValueError(f"instance_norm={self.instance_norm!r} needs a numeric X")
        return NumericCodec(self.instance_norm, self.target_feature)

    def _levels(self, X: CheckedSequences) -> tuple[NDArray, NDArray] | None:
        """Return each sequence's shift and scale for y, if any."""
        codec = self._input_codec
        return codec.levels(X.steps) if isinstance(codec, NumericCodec) else None


class BaseSequenceRegressor(RegressorMixin, InstanceNormEstimator):
    """Abstract base: scaled targets, regression losses, quantiles."""

    _auto_updates = 1000
    _asked_quantiles: list[float] | None
    _fitted_quantiles: list[float] | None
    loss: str
    quantiles: Sequence[float]

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> BaseSequenceRegressor:
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
        return self._partial_fit(X, y, sample_weight)

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
        outputs, checked = self._outputs(X)
        if self._fitted_quantiles is not None:
            outputs = self._by_quantile(outputs)[:, self._fitted_quantiles.index(0.5)]
        return self._target_codec.decode(outputs, self._levels(checked))

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
        outputs, checked = self._outputs(X)
        if self._fitted_quantiles is None:
            loss = self._built_with["loss"]
            raise ValueError(
                f'predict_quantiles needs a fit with loss="quantile", not {loss!r}'
            )
        by_quantile = self._by_quantile(outputs)
        columns = [self._fitted_quantiles.index(q) for q in self._asked_quantiles or ()]
        return self._target_codec.decode(by_quantile[:, columns], self._levels(checked))

    def _by_quantile(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs as ``(n_sequences, n_quantiles, n_outputs)``, uncrossed."""
        n_quantiles = len(self._fitted_quantiles or ())
        return np.sort(outputs.reshape(len(outputs), n_quantiles, -1), axis=1)

    # --- hooks -----------------------------------------------------------------------

    def _check_y(self, y: Any, X: CheckedSequences, name: str = "y") -> NDArray:
        return check_number_targets(y, len(X.steps), name)

    def _fit_targets(self, data: CheckedData, classes: Any = None) -> None:
        self._asked_quantiles = self._fitted_quantiles = None
        if self.loss == "quantile":
            self._asked_quantiles = _check_quantiles(self.quantiles)
            self._fitted_quantiles = sorted({0.5, *self._asked_quantiles})
        self._target_codec = NumberCodec().fit(data.y, self._levels(data.X), data.weight)

    def _encode_targets(self, data: CheckedData, name: str = "y") -> NDArray:
        return self._target_codec.encode(data.y, self._levels(data.X), name)

    def _n_outputs(self) -> int:
        n_quantiles = len(self._fitted_quantiles) if self._fitted_quantiles else 1
        return int(self._target_codec.n_outputs) * n_quantiles

    def _criterion(self) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        if self._fitted_quantiles is not None:
            return LOSSES[self.loss], {"quantiles": tuple(self._fitted_quantiles)}
        return LOSSES[self.loss], {}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _check_quantiles(quantiles: Sequence[float]) -> list[float]:
    """Return the quantiles as floats in the order asked for."""
    try:
        values = [float(q) for q in quantiles]
    except (TypeError, ValueError) as error:
        raise ValueError(f"quantiles must be numbers, got {quantiles!r}") from error
    if not values or not all(0 < q < 1 for q in values):
        raise ValueError(
            f"quantiles must lie between 0 and 1, at least one of them, got {quantiles!r}"
        )
    return values


@documented
@parameters
class SequenceRegressor(
    BaseSequenceRegressor,
    CommonParameters,
    LoopParameters,
    TokenParameters,
    RegressionParameters,
    RecurrentParameters,
):
    """Recurrent network that predicts numbers for whole sequences: many to one.

    y is scaled to unit deviation inside. ``instance_norm`` forecasts levels that training
    has not seen.

    Parameters
    ----------
    {recurrent}
    {regression}
    {tokens}
    {loop}
    {stopping}
    {rest}

    Attributes
    ----------
    {attributes}

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

    hidden_size: int = 64
    bidirectional: bool = False
    dropout: float = 0.3
    pooling: str = "last"
    lr: float = 0.001
    weight_decay: float | str = "auto"

    _network_kind = "recurrent"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        return config_of(self, RecurrentParameters)

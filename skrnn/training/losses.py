"""Losses: one value a sequence or a step, in nats or squared deviations of y.

Each takes the network's outputs and targets and returns ``(B,)``, or ``(B, T)`` with 0
in the padding; training minimizes their weighted sum, ``Loss.total``. A new regression loss
is one subclass of ``RegressionLoss`` and one row in ``LOSSES``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from skrnn.data.quantiles import uncrossed
from skrnn.modules.crf import log_likelihood
from skrnn.modules.masking import length_mask, select_rows
from skrnn.modules.outputs import LanguageScores, PathScores, StepScores
from skrnn.modules.transfer import real_rows
from skrnn.training.cross_entropy import row_losses, total_loss


class Loss(nn.Module):
    """Abstract base: one value a sequence or a step.

    Attributes
    ----------
    activation : {"softmax", "sigmoid", "identity"}
        What makes probabilities or numbers of the network's outputs.
    """

    activation: ClassVar[str] = "identity"

    def forward(self, outputs: Any, targets: Any) -> Tensor:
        """Return ``(B,)``, or ``(B, T)`` with 0 in the padding."""
        raise NotImplementedError

    def weighted(self, outputs: Any, targets: Any, weights: Tensor | None) -> Tensor:
        """Return ``forward`` times weights, which have its shape or ``(B, 1)``."""
        losses = self(outputs, targets)
        return losses if weights is None else losses * weights

    def total(self, outputs: Any, targets: Any, weights: Tensor | None) -> Tensor:
        """Return the sum of the weighted losses."""
        return self.weighted(outputs, targets, weights).sum()


class CrossEntropy(Loss):
    """Negative log-likelihood of one class, smoothed in training only."""

    activation = "softmax"

    def __init__(self, label_smoothing: float = 0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from logits ``(B, C)`` and class ids ``(B,)``."""
        smoothing = self.label_smoothing if self.training else 0.0
        return F.cross_entropy(
            outputs, targets, reduction="none", label_smoothing=smoothing
        )


class BinaryCrossEntropy(Loss):
    """Mean over independent labels, smoothed in training only."""

    activation = "sigmoid"

    def __init__(self, label_smoothing: float = 0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from logits and 0/1 targets ``(B, L)``."""
        if self.training and self.label_smoothing:
            targets = targets.lerp(torch.full_like(targets, 0.5), self.label_smoothing)
        return F.binary_cross_entropy_with_logits(
            outputs, targets, reduction="none"
        ).mean(1)


class StepCrossEntropy(Loss):
    """Negative log-likelihood of each step's class, smoothed in training only."""

    activation = "softmax"

    def __init__(self, label_smoothing: float = 0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, outputs: StepScores | LanguageScores, targets: Tensor) -> Tensor:
        """Return ``(B, T)`` from scores of ``C`` classes and class ids ``(B, T)``."""
        padding = ~length_mask(outputs.lengths, targets.shape[1])
        smoothing = self.label_smoothing if self.training else 0.0
        if torch.is_grad_enabled() or outputs.weight is None:
            logits = outputs.logits.flatten(0, 1)  # (B * T, C)
            flat = F.cross_entropy(
                logits, targets.flatten(), reduction="none", label_smoothing=smoothing
            )
        else:
            layer = outputs.weight, outputs.bias
            features = outputs.features.flatten(0, 1)  # (B * T, H)
            flat = row_losses(features, *layer, targets.flatten(), smoothing)
        return flat.view_as(targets).masked_fill(padding, 0.0)  # (B, T)

    def total(
        self,
        outputs: StepScores | LanguageScores,
        targets: Tensor,
        weights: Tensor | None,
    ) -> Tensor:
        """Return the sum of the weighted losses, computed at real steps only."""
        weight, bias = outputs.weight, outputs.bias
        if weight is None or bias is None or not torch.is_grad_enabled():
            return super().total(outputs, targets, weights)
        features = outputs.features.flatten(0, 1)  # (B * T, H)
        shares = weight.new_ones(()) if weights is None else weights.to(weight.dtype)
        shares, chosen = shares.expand_as(targets).flatten(), targets.flatten()
        rows = real_rows(outputs.lengths, targets.shape[1])  # (N,)
        if len(rows) < len(features):
            features = select_rows(features, rows)
            shares, chosen = (part.index_select(0, rows) for part in (shares, chosen))
        smoothing = self.label_smoothing if self.training else 0.0
        return total_loss(features, weight, bias, chosen, shares, smoothing)


class StepBernoulli(Loss):
    """Negative log-likelihood of each step's independent 0/1 features, summed."""

    activation = "sigmoid"

    def forward(self, outputs: StepScores, targets: Tensor) -> Tensor:
        """Return ``(B, T)`` from scores and 0/1 targets ``(B, T, F)``."""
        losses = F.binary_cross_entropy_with_logits(
            outputs.logits, targets, reduction="none"
        ).sum(2)
        padding = ~length_mask(outputs.lengths, targets.shape[1])
        return losses.masked_fill(padding, 0.0)  # (B, T)


class PathLikelihood(Loss):
    """Negative log-likelihood of a conditional random field's whole label path.

    A path has no weight for each of its steps. Instead the loss sees scores that are lower
    by the logarithm of a class's weight: what the network then learns to say is higher by
    it, and a class's odds at each step are multiplied by its weight, as weights of steps
    would do.

    References
    ----------
    Menon, Jayasumana, Rawat, Jain, Veit, Kumar (2021). Long-tail learning via logit
    adjustment. ICLR.
    """

    MIN_WEIGHT = 1e-6
    log_weights: Tensor | None

    def __init__(self, class_weights: NDArray[np.float32] | None = None):
        super().__init__()
        weights = None
        if class_weights is not None:
            weights = torch.from_numpy(class_weights).clamp(min=self.MIN_WEIGHT).log()
        self.register_buffer("log_weights", weights, persistent=False)

    def forward(self, outputs: PathScores, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from scores ``(B, T, C)`` and class ids ``(B, T)``."""
        if self.log_weights is not None:
            outputs = outputs._replace(logits=outputs.logits - self.log_weights)
        return -log_likelihood(outputs, targets)


class RegressionLoss(Loss):
    """Abstract base: a loss of regressors, over targets ``(B, K)`` of about unit deviation.

    It says how many outputs the network needs, and which of them are the prediction.
    Unless overridden, each target has one output.
    """

    #: Parameters of the estimator that ``__init__`` takes by name.
    arguments: ClassVar[tuple[str, ...]] = ()
    #: The unit of y: "deviation", or one that a target far from all others does not
    #: change: "quartiles", or "tails" for what lies far from the median.
    unit: ClassVar[str] = "deviation"
    #: Levels between 0 and 1 that ``predict_quantiles`` returns, if any.
    levels: tuple[float, ...] = ()

    def n_outputs(self, n_targets: int) -> int:
        """Return the number of outputs for ``n_targets`` numbers a sequence."""
        return n_targets

    def select(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` the prediction of the number ``targets`` ``(B,)`` of each row."""
        return outputs.gather(1, targets[:, None])[:, 0]

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from outputs ``(B, n_outputs)`` and targets ``(B, K)``."""
        raise NotImplementedError

    def predict(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return predictions ``(n, K)`` from outputs ``(n, n_outputs)``."""
        return outputs

    def predict_quantiles(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``levels`` ``(n, n_levels, K)`` from outputs ``(n, n_outputs)``."""
        raise ValueError(f"{type(self).__name__} has no quantiles")


class SquaredError(RegressionLoss):
    """Mean of squared errors over the outputs."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from outputs and targets ``(B, K)``."""
        return (outputs - targets).square().mean(1)


class AbsoluteError(RegressionLoss):
    """Mean of absolute errors over the outputs; its minimum is the median."""

    unit = "quartiles"

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from outputs and targets ``(B, K)``."""
        return (outputs - targets).abs().mean(1)


class Huber(RegressionLoss):
    """Squared up to one standard deviation of y, absolute beyond (Huber 1964).

    The deviation is that of a normal distribution with y's quartiles.
    """

    unit = "quartiles"

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from outputs and targets ``(B, K)``."""
        return F.huber_loss(outputs, targets, reduction="none").mean(1)


class Quantile(RegressionLoss):
    """The pinball loss of several quantiles at once (Koenker & Bassett 1978).

    Parameters
    ----------
    quantiles : sequence of float in (0, 1)
        Levels to learn, in any order. The median, which is the prediction, is added.
    """

    arguments: ClassVar[tuple[str, ...]] = ("quantiles",)
    unit = "tails"
    learned: Tensor

    def __init__(self, quantiles: Sequence[float]):
        super().__init__()
        self.levels = tuple(float(level) for level in quantiles)
        self.sorted = sorted({0.5, *self.levels})
        learned = torch.tensor(self.sorted, dtype=torch.float32, device="cpu")
        self.register_buffer("learned", learned)

    def n_outputs(self, n_targets: int) -> int:
        """Return the number of outputs: each target has one a quantile."""
        return n_targets * len(self.sorted)

    def select(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` the median of the number ``targets`` ``(B,)`` of each row."""
        quantiles = outputs.view(len(outputs), len(self.sorted), -1).sort(1).values
        return super().select(quantiles[:, self.sorted.index(0.5)], targets)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from outputs ``(B, Q * K)`` and targets ``(B, K)``."""
        levels = self.learned[:, None]  # (Q, 1)
        outputs = outputs.view(len(targets), len(levels), -1)  # (B, Q, K)
        error = targets[:, None] - outputs  # (B, Q, K)
        return torch.maximum(levels * error, (levels - 1) * error).mean((1, 2))

    def predict(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the median ``(n, K)``."""
        return uncrossed(outputs, len(self.sorted))[:, self.sorted.index(0.5)]

    def predict_quantiles(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the quantiles ``(n, n_levels, K)`` in the order of ``quantiles``."""
        columns = [self.sorted.index(level) for level in self.levels]
        return uncrossed(outputs, len(self.sorted))[:, columns]


#: The regressors' ``loss`` parameter.
LOSSES: dict[str, type[RegressionLoss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
}


class RepeatedRegression(Loss):
    """Abstract base: a loss of regressors for many numbers of a sequence.

    Parameters
    ----------
    loss : str
        A key of ``LOSSES``.
    **arguments : dict
        Its arguments.
    """

    def __init__(self, loss: str, **arguments: Any):
        super().__init__()
        self.of_one = LOSSES[loss](**arguments)

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels that ``predict_quantiles`` returns, if any."""
        return self.of_one.levels


class StepRegression(RepeatedRegression):
    """A loss of regressors at each step."""

    def forward(self, outputs: StepScores, targets: Tensor) -> Tensor:
        """Return ``(B, T)`` from outputs ``(B, T, n_outputs)`` and targets ``(B, T, K)``."""
        flat = self.of_one(
            outputs.logits.flatten(0, 1), targets.flatten(0, 1)
        )  # (B * T,)
        padding = ~length_mask(outputs.lengths, targets.shape[1])
        return flat.view(padding.shape).masked_fill(padding, 0.0)  # (B, T)

    def predict(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return predictions ``(n_steps, K)`` from outputs ``(n_steps, n_outputs)``."""
        return self.of_one.predict(outputs)

    def predict_quantiles(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``levels`` ``(n_steps, n_levels, K)`` from those outputs."""
        return self.of_one.predict_quantiles(outputs)


class HorizonRegression(RepeatedRegression):
    """A loss of regressors over the steps ahead; missing ones have none."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ``(B,)`` from outputs ``(B, horizon * Q)`` and targets ``(B, horizon)``.

        NaN is a target that is missing.
        """
        missing = targets.isnan()
        flat = targets.masked_fill(missing, 0.0).view(-1, 1)  # (B * horizon, 1)
        losses = self.of_one(outputs.view(len(flat), -1), flat)  # (B * horizon,)
        return losses.view_as(targets).masked_fill(missing, 0.0).mean(1)

    def predict(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return predictions ``(n, horizon)`` from outputs ``(n, horizon * Q)``."""
        width = self.of_one.n_outputs(1)
        return self.of_one.predict(outputs.reshape(-1, width)).reshape(len(outputs), -1)

    def predict_quantiles(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``levels`` ``(n, horizon, n_levels)`` from those outputs."""
        width = self.of_one.n_outputs(1)
        levels = self.of_one.predict_quantiles(outputs.reshape(-1, width))
        return levels.reshape(len(outputs), -1, len(self.levels))


def loss_arguments(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the loss from an estimator's ``parameters``."""
    return {argument: parameters[argument] for argument in LOSSES[name].arguments}


def make_loss(name: str, parameters: Mapping[str, Any]) -> RegressionLoss:
    """Return the loss of this name for an estimator with these ``parameters``."""
    return LOSSES[name](**loss_arguments(name, parameters))

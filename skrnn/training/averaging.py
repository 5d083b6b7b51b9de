"""Averages of the weights that a training passes through.

Validation and prediction use the average, training continues from the weights themselves. A
new kind of average is one subclass of ``WeightAverage`` and one row in ``AVERAGES``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

#: Share of the updates that an exponential average looks back over, at least.
SPAN = 0.05
#: Share of the passes before those that are averaged.
BEFORE = 0.75


class WeightAverage:
    """Abstract base: the mean of some weights, in one training.

    Parameters
    ----------
    weights : iterable of Tensor
        Parameters of a network; frozen ones are left out.
    n_epochs : int
        Passes of the training.
    n_updates : int
        Updates of each.

    Attributes
    ----------
    reads_updates : bool
        Whether each update must leave all weights up to date.
    """

    reads_updates: ClassVar[bool]

    def __init__(self, weights: Iterable[Tensor], n_epochs: int, n_updates: int):
        self.weights = [weight for weight in weights if weight.requires_grad]
        self.n_epochs, self.n_updates = n_epochs, n_updates
        #: empty before the first weights
        self.means: list[Tensor] = []
        self.n_averaged = 0

    def end_update(self) -> None:
        """Take note of an update."""

    def end_epoch(self, epoch: int) -> None:
        """Take note of the end of a pass; the first is number 1."""

    @torch.no_grad()
    def add(self, share: float) -> None:
        """Move the means towards the weights by ``share`` of their distance."""
        if self.means:
            torch._foreach_lerp_(self.means, self.weights, share)
        else:
            self.means = [weight.detach().clone() for weight in self.weights]
        self.n_averaged += 1

    @torch.no_grad()
    def apply(self) -> None:
        """Set the weights to their means, if there are any yet."""
        if self.means:
            torch._foreach_copy_(self.weights, self.means)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Compute with the means; the weights are back afterwards."""
        before = [weight.detach().clone() for weight in self.weights]
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.weights, before)

    def state_dict(self) -> dict[str, Any]:
        """Return the means so far."""
        return {"means": list(self.means), "n_averaged": self.n_averaged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``."""
        places = zip(self.weights, state["means"], strict=False)
        self.means = [torch.empty_like(weight).copy_(mean) for weight, mean in places]
        self.n_averaged = int(state["n_averaged"])


class ExponentialAverage(WeightAverage):
    """Weights count less the more updates ago they were.

    It spans the updates of a pass, or `SPAN` of all where these are more; before as many are
    done, all weights so far count alike.

    References
    ----------
    Ruppert (1988). Efficient estimations from a slowly convergent Robbins-Monro process.
    Cornell University, technical report 781.
    Polyak, Juditsky (1992). Acceleration of stochastic approximation by averaging. SIAM
    Journal on Control and Optimization 30(4).
    """

    reads_updates = True

    def end_update(self) -> None:
        """Add the weights."""
        span = max(1.0, self.n_updates, SPAN * self.n_updates * self.n_epochs)
        self.add(max(1 / (self.n_averaged + 1), 1 / span))


class EqualAverage(WeightAverage):
    """The weights after each of the last passes count alike.

    References
    ----------
    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson (2018). Averaging weights leads to wider
    optima and better generalization. UAI, section 3.
    """

    reads_updates = False

    def end_epoch(self, epoch: int) -> None:
        """Add the weights, if the pass is one of the last."""
        if epoch > BEFORE * self.n_epochs:
            self.add(1 / (self.n_averaged + 1))


#: The ``weight_averaging`` parameter.
AVERAGES: dict[str, type[WeightAverage]] = {
    "ema": ExponentialAverage,
    "swa": EqualAverage,
}

"""Callbacks of the loop: learning rate, clipping, early stopping.

A new schedule is one row in ``SCHEDULES``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from skorch.callbacks import BatchScoring, Callback, EpochScoring
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau


class StopTraining(Exception):
    """Raised by a callback to end training; the net keeps what it has learned."""


def one_cycle(progress: float, warm_up: float = 0.3) -> float:
    """Return the factor of the rate: up along a cosine, then down to nearly nothing.

    References
    ----------
    Smith, Topin (2019). Super-convergence: very fast training of neural networks using
    large learning rates. SPIE 11006, section 3.
    """
    if progress < warm_up:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warm_up)) / 2
    return 1e-4 + (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2


def cosine(progress: float) -> float:
    """Return the factor of the rate: down along a cosine (Loshchilov, Hutter 2017)."""
    return 1e-4 + (1 + math.cos(math.pi * progress)) / 2


#: Factor of the learning rate by progress (0 to 1); None: constant, or by the loss.
SCHEDULES: dict[str, Callable[[float], float] | None] = {
    "one_cycle": one_cycle,
    "cosine": cosine,
    "constant": None,
    "plateau": None,
}


class LearningRate(Callback):
    """Moves the learning rate after each update, or on a plateau of the loss."""

    def __init__(self, schedule: str, n_updates: int):
        self.schedule = schedule
        self.n_updates = n_updates

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start the schedule from its beginning."""
        factor = SCHEDULES[self.schedule]
        self.stepper_: LRScheduler | ReduceLROnPlateau | None = None
        if factor is not None:
            last = max(1, self.n_updates - 1)
            self.stepper_ = LambdaLR(
                net.optimizer_, lambda update: factor(min(1.0, update / last))
            )
        elif self.schedule == "plateau":
            self.stepper_ = ReduceLROnPlateau(net.optimizer_, factor=0.5, patience=2)

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Move along the schedule."""
        if training and isinstance(self.stepper_, LambdaLR):
            self.stepper_.step()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Note the rate, and look for a plateau."""
        row = net.history[-1]
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])
        if isinstance(self.stepper_, ReduceLROnPlateau):
            self.stepper_.step(row.get("valid_loss", row["train_loss"]))


class GradientNormClipping(Callback):
    """Scales gradients down to a largest norm (Pascanu, Mikolov & Bengio 2013)."""

    def __init__(self, max_norm: float):
        self.max_norm = max_norm

    @torch.no_grad()
    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        """Scale all gradients if their joint norm is too large."""
        grads = [p.grad for p in net.module_.parameters() if p.grad is not None]
        norms = torch._foreach_norm(grads)
        norm = float(torch.linalg.vector_norm(torch.stack(norms)))
        if norm > self.max_norm and math.isfinite(norm):
            torch._foreach_mul_(grads, self.max_norm / norm)


def check_callbacks(callbacks: Sequence[Any]) -> list[Any]:
    """Return the user's callbacks, raising a TypeError for what is none.

    As skorch takes them: callbacks, classes of them, or pairs of a name and either.
    """
    for i, entry in enumerate(callbacks):
        callback = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                f"callbacks[{i}] must be a skorch callback, or a pair of a name and one, "
                f"got {entry!r}"
            )
        if issubclass(kind, EpochScoring | BatchScoring):
            raise ValueError(
                f"callbacks[{i}] is a {kind.__name__}, which needs skorch's own data "
                "sets; use the scoring parameter"
            )
    return list(callbacks)


class EarlyStopping(Callback):
    """Keeps the best epoch's weights and stops when nothing improves.

    Parameters
    ----------
    patience : int or None
        Epochs without improvement after which training ends; None runs to the end (an
        annealing schedule must reach its end to be of use) and only keeps the best.
    score : callable, optional
        ``score(net)`` → float, higher is better; without it the validation loss counts.
    """

    def __init__(self, patience: int | None, score: Callable[[Any], float] | None = None):
        self.patience = patience
        self.score = score

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget earlier runs."""
        self.best_, self.weights_ = -math.inf, None
        self.best_epoch_ = len(net.history)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Compare this epoch with the best."""
        if self.score is not None:
            value = float(self.score(net))
            net.history.record("valid_score", value)
        else:
            value = -net.history[-1]["valid_loss"]
        if not math.isfinite(value):
            what = "loss" if self.score is None else "score by scoring"
            raise ValueError(f"The validation {what} became {value}; it must be finite")
        epoch = len(net.history)
        if value > self.best_:
            self.best_, self.best_epoch_ = value, epoch
            self.weights_ = copy.deepcopy(net.module_.state_dict())
        elif self.patience is not None and epoch - self.best_epoch_ >= self.patience:
            raise StopTraining

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Restore the best epoch's weights."""
        if self.weights_ is not None:
            net.module_.load_state_dict(self.weights_)
            self.weights_ = None

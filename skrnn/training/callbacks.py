"""Callbacks of the loop: learning rate, validation, early stopping.

A new schedule is one row in ``SCHEDULES``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from skrnn.training.finite import NotFiniteOutput


class StopTraining(Exception):
    """Raised by a callback to end training: the estimator is fitted with what it has learned.

    Early stopping still restores the weights of the best epoch that has ended. Without it,
    or before the first epoch has ended, the present weights are kept, with the updates of
    an epoch that did not end.

    Parameters
    ----------
    *args : object
        As for every exception; not read.

    Examples
    --------
    >>> from skorch.callbacks import Callback
    >>> from skrnn import SequenceClassifier, StopTraining
    >>> class StopBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...
    ...     def on_epoch_end(self, net, **kwargs):
    ...         if net.history[-1]["train_loss"] < self.loss:
    ...             raise StopTraining
    >>> X, y = [["a", "b"], ["b"], ["a"], ["b", "b"]], [1, 0, 1, 0]
    >>> model = SequenceClassifier(hidden_size=4, callbacks=[StopBelow(9.0)])
    >>> model.fit(X, y).n_iter_
    1
    """

    def __init__(self, *args: object):
        super().__init__(*args)


# --- the learning rate --------------------------------------------------------------------


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
    """Changes the learning rate after each update, or on a plateau of the loss.

    Parameters
    ----------
    schedule : str
        A key of ``SCHEDULES``.
    n_updates : int
        Length of the schedule.
    """

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
        """Advance the schedule."""
        if training and isinstance(self.stepper_, LambdaLR):
            self.stepper_.step()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the rate; lower it on a plateau."""
        row = net.history[-1]
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])
        if isinstance(self.stepper_, ReduceLROnPlateau):
            self.stepper_.step(row.get("valid_loss", row["train_loss"]))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the schedule."""
        return {} if self.stepper_ is None else self.stepper_.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a place in the schedule; the optimizer has its rate already."""
        if self.stepper_ is not None:
            self.stepper_.load_state_dict(state)


class EpochCounter(Callback):
    """Counts the epochs of one training; a checkpoint may replace the history."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start at 0."""
        self.n_epochs_ = 0

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Count one more."""
        self.n_epochs_ += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the number of epochs."""
        return {"n_epochs_": self.n_epochs_}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a number of epochs."""
        self.n_epochs_ = state["n_epochs_"]


# --- validation ---------------------------------------------------------------------------


class ValidationScore(Callback):
    """Records a score after each epoch.

    Parameters
    ----------
    score : callable
        ``score(net)`` → float, higher is better. It holds the data, and is let go at the
        end of training.
    name : str
        Where it is recorded.
    """

    def __init__(self, score: Callable[[Any], float], name: str = "valid_score"):
        self.score: Callable[[Any], float] | None = score
        self.name = name

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Score the net; NaN where an output is not finite."""
        assert self.score is not None
        try:
            value = float(self.score(net))
        except NotFiniteOutput:
            value = math.nan
        net.record_score(self.name, value, lower_is_better=False)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Let the data go."""
        self.score = None


class EarlyStopping(Callback):
    """Keeps the best epoch's weights, and asks ``EndTraining`` for the end.

    Parameters
    ----------
    patience : int or None
        Epochs without improvement after which training ends; None runs to the end (a
        schedule that anneals the rate must reach its end) and only keeps the best.
    monitor : {"valid_loss", "valid_score"}
        What improves: the loss falls, or the score of ``ValidationScore``, which must
        come before this callback, rises.

    Attributes
    ----------
    stop : bool
        Whether nothing has improved for so long.
    """

    def __init__(self, patience: int | None, monitor: str = "valid_loss"):
        self.patience = patience
        self.monitor = monitor

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget earlier runs."""
        self.best_, self.weights_, self.stop = -math.inf, None, False
        self.best_epoch_ = len(net.history)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Compare this epoch with the best."""
        value = net.history[-1][self.monitor]
        if not math.isfinite(value):
            what = "loss" if self.monitor == "valid_loss" else "score by scoring"
            raise ValueError(f"The validation {what} became {value}; it must be finite")
        if self.monitor == "valid_loss":
            value = -value
        epoch = len(net.history)
        if value > self.best_:
            self.best_, self.best_epoch_ = value, epoch
            self.weights_ = copy.deepcopy(net.module_.state_dict())
        elif self.patience is not None:
            self.stop = epoch - self.best_epoch_ >= self.patience

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Restore the best epoch's weights."""
        if self.weights_ is not None:
            net.module_.load_state_dict(self.weights_)
            self.weights_ = None

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch and its weights."""
        return {
            "best_": self.best_,
            "best_epoch_": self.best_epoch_,
            "weights_": self.weights_,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from an epoch and weights."""
        self.best_, self.best_epoch_ = state["best_"], state["best_epoch_"]
        self.weights_ = state["weights_"]


class EndTraining(Callback):
    """Ends training where another asked for it; as the last, so that all see the epoch's end.

    Parameters
    ----------
    askers : list
        Objects whose attribute ``stop`` asks.
    """

    def __init__(self, askers: list[Any]):
        self.askers = askers

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """End training."""
        if any(asker.stop for asker in self.askers):
            raise StopTraining

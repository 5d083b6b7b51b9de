"""Callbacks of the loop: learning rate, validation, early stopping, and the user's own.

A new schedule is one row in ``SCHEDULES``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import skorch.callbacks
from skorch.callbacks import Callback
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau


class StopTraining(Exception):
    """Raised by a callback to end training; the net keeps what it has learned."""


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


# --- validation ---------------------------------------------------------------------------


class ValidationScore(Callback):
    """Records ``valid_score`` after each epoch.

    Parameters
    ----------
    score : callable
        ``score(net)`` → float, higher is better.
    """

    def __init__(self, score: Callable[[Any], float]):
        self.score = score

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Score the net."""
        value = float(self.score(net))
        net.record_score("valid_score", value, lower_is_better=False)


class EarlyStopping(Callback):
    """Keeps the best epoch's weights and stops when nothing improves.

    Parameters
    ----------
    patience : int or None
        Epochs without improvement after which training ends; None runs to the end (a
        schedule that anneals the rate must reach its end) and only keeps the best.
    monitor : {"valid_loss", "valid_score"}
        What improves: the loss falls, or the score of ``ValidationScore``, which must
        come before this callback, rises.
    """

    def __init__(self, patience: int | None, monitor: str = "valid_loss"):
        self.patience = patience
        self.monitor = monitor

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget earlier runs."""
        self.best_, self.weights_ = -math.inf, None
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
        elif self.patience is not None and epoch - self.best_epoch_ >= self.patience:
            raise StopTraining

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Restore the best epoch's weights."""
        if self.weights_ is not None:
            net.module_.load_state_dict(self.weights_)
            self.weights_ = None


def print_log() -> skorch.callbacks.PrintLog:
    """Return the callback that prints a line an epoch."""
    return skorch.callbacks.PrintLog(keys_ignored=["skipped_updates"])


# --- the user's callbacks -----------------------------------------------------------------

#: Callbacks of skorch that cannot work here, and what does their work.
REFUSED = {
    "EpochScoring": "which needs skorch's own data sets; use the scoring parameter",
    "BatchScoring": "which needs skorch's own data sets; use the scoring parameter",
    "InputShapeSetter": "which builds another network; the estimator reads the number of "
    "features from X",
}


def prepare_callbacks(
    callbacks: Sequence[Any], *, schedule: str, validation: bool, scoring: bool
) -> list[Any]:
    """Return the user's callbacks for one training; refuse those that could not work.

    They come as skorch takes them: callbacks, classes of them, or pairs of a name and
    either. skorch's own are copied: what they hold while training (the optimizer, a
    progress bar) does not stay in the user's objects, and so in pickles of these.

    Parameters
    ----------
    callbacks : sequence
    schedule : str
        The ``lr_schedule`` in use.
    validation, scoring : bool
        Whether the training has validation data, and ``ValidationScore``.

    Raises
    ------
    TypeError
        If one is no callback.
    ValueError
        If one of skorch's own would fail during training.
    """
    prepared, copies = [], {}
    for i, entry in enumerate(callbacks):
        pair = isinstance(entry, tuple | list) and len(entry) == 2
        callback = entry[1] if pair else entry
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                f"callbacks[{i}] must be a skorch callback, or a pair of a name and one, "
                f"got {entry!r}"
            )
        name = f"callbacks[{i}] is a {kind.__name__}"
        for base, reason in REFUSED.items():
            if issubclass(kind, getattr(skorch.callbacks, base)):
                raise ValueError(f"{name}, {reason}")
        if isinstance(callback, type):
            callback = callback()
        elif _is_skorchs(kind):
            given, callback = callback, copy.copy(callback)
            copies[id(given)] = callback
        _check_schedule(callback, name, schedule)
        prepared.append((entry[0], callback) if pair else callback)
    found = [entry[1] if isinstance(entry, tuple) else entry for entry in prepared]
    _check_monitors(found, validation, scoring)
    for callback in found:
        if isinstance(callback, skorch.callbacks.LoadInitState):
            # the checkpoint that writes is the copy
            of = callback.checkpoint
            callback.checkpoint = copies.get(id(of), of)
    return prepared


def _is_skorchs(kind: type) -> bool:
    """Return whether a class is skorch's, or derived from more than its base class."""
    return any(
        base is not Callback and base.__module__.split(".")[0] == "skorch"
        for base in kind.__mro__
    )


def _check_schedule(callback: Callback, name: str, schedule: str) -> None:
    if isinstance(callback, skorch.callbacks.LRScheduler) and schedule != "constant":
        raise ValueError(
            f'{name}, which lr_schedule="{schedule}" would overrule; use '
            'lr_schedule="constant" with it'
        )


def _monitor_of(callback: Callback) -> str | None:
    """Return the value of the history that a callback of skorch cannot do without."""
    if isinstance(callback, skorch.callbacks.LRScheduler):
        plateau = callback.policy in (ReduceLROnPlateau, "ReduceLROnPlateau")
        monitor = callback.monitor if plateau else None
    elif isinstance(callback, skorch.callbacks.WandbLogger):
        monitor = "valid_loss_best" if callback.save_model else None
    else:
        monitor = getattr(callback, "monitor", None)
    return monitor if isinstance(monitor, str) else None


def _check_monitors(callbacks: list[Callback], validation: bool, scoring: bool) -> None:
    """Raise a ValueError for a callback of skorch that monitors what is not recorded."""
    known = {"train_loss", "train_loss_best", "lr", "dur"}
    if validation:
        known |= {"valid_loss", "valid_loss_best"}
    if validation and scoring:
        known |= {"valid_score", "valid_score_best"}
    for i, callback in enumerate(callbacks):
        monitor = _monitor_of(callback) if _is_skorchs(type(callback)) else None
        if monitor is not None and monitor not in known:
            remedy = "monitor one of " + ", ".join(sorted(known))
            if monitor.startswith("valid_score"):
                remedy += ", or use validation data and the scoring parameter"
            elif monitor.startswith("valid_"):
                remedy += ", or pass X_val and y_val, or use early_stopping=True"
            raise ValueError(
                f"callbacks[{i}] is a {type(callback).__name__} that needs {monitor!r}, "
                f"which this training does not record; {remedy}"
            )
        if isinstance(callback, skorch.callbacks.PassthroughScoring):
            known |= {callback.name, f"{callback.name}_best"}
        elif not _is_skorchs(type(callback)):
            return  # a user's own may record anything


def ends_training(callback: Callback) -> bool:
    """Return whether a callback that raised KeyboardInterrupt meant to end training.

    skorch's ``EarlyStopping`` ends training by that exception once its patience is over.
    Any other is the user's.
    """
    return (
        isinstance(callback, skorch.callbacks.EarlyStopping)
        and callback.misses_ >= callback.patience
    )


def set_n_batches(callbacks: Sequence[tuple[str, Callback]], n_batches: int) -> None:
    """Give skorch's progress bars the number of batches, which they cannot count here."""
    for _, callback in callbacks:
        if isinstance(callback, skorch.callbacks.ProgressBar) and isinstance(
            callback.batches_per_epoch, str
        ):
            callback.batches_per_epoch = n_batches

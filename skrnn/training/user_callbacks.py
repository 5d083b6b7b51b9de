"""The user's callbacks: which of skorch's work, and what of them is left after training."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import skorch.callbacks
from skorch.callbacks import Callback
from torch.optim.lr_scheduler import ReduceLROnPlateau

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
            # the copy is the checkpoint that saves files
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

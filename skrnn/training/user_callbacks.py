"""Validation and copying of the user's callbacks, and their release after training."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import skorch.callbacks
from skorch.callbacks import Callback
from torch.optim.lr_scheduler import ReduceLROnPlateau

from skrnn.data.steps import shown

#: Callbacks of skorch that cannot work here, and what does their work.
REFUSED = {
    "EpochScoring": "needs skorch's own data sets; use the scoring parameter",
    "BatchScoring": "needs skorch's own data sets; use the scoring parameter",
    "InputShapeSetter": "builds another network; the estimator reads the number of "
    "features from X",
}
#: Callbacks of skorch that write files, which members of an ensemble would overwrite.
WRITE_FILES = (skorch.callbacks.Checkpoint, skorch.callbacks.TrainEndCheckpoint)
#: How a training gets validation data.
VALIDATE = "pass X_val and y_val, or use early_stopping=True"


def prepare_callbacks(
    callbacks: Sequence[Any],
    *,
    schedule: str,
    validation: bool,
    scoring: bool,
    of_many: bool = False,
) -> list[Any]:
    """Return the user's callbacks for one training; refuse those that could not work.

    They come as skorch takes them: callbacks, classes of them, or pairs of a name and
    either. Those of skorch's own classes are copied: what they hold while training (the
    optimizer, a progress bar) does not stay in the user's objects, and so in pickles of
    these. An object of a user's class is used itself, and keeps what it records.

    Parameters
    ----------
    callbacks : sequence
    schedule : str
        The ``lr_schedule`` in use.
    validation, scoring : bool
        Whether the training has validation data, and ``ValidationScore``.
    of_many : bool
        Whether it is that of a member of an ensemble, default False.

    Raises
    ------
    TypeError
        If one is not a callback.
    ValueError
        If one of skorch's would fail during training, or overwrite another member's files.
    """
    prepared, copies = [], {}
    shared = _checkpoints_of_users(callbacks)
    for i, entry in enumerate(callbacks):
        pair = isinstance(entry, tuple | list) and len(entry) == 2
        callback = entry[1] if pair else entry
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            if hasattr(kind, "on_fit_task_end"):
                raise TypeError(
                    f"callbacks[{i}] must be a skorch callback, got {shown(entry)}; "
                    "scikit-learn's callbacks are set by set_callbacks"
                )
            raise TypeError(
                f"callbacks[{i}] must be a skorch callback, or a pair of a name and one, "
                f"got {shown(entry)}"
            )
        name = f"callbacks[{i}] ({kind.__name__})"
        for base, reason in REFUSED.items():
            if issubclass(kind, getattr(skorch.callbacks, base)):
                raise ValueError(f"{name} {reason}")
        if of_many and issubclass(kind, WRITE_FILES):
            raise ValueError(
                f"{name} writes files, and the members of an ensemble would overwrite each "
                "other's; use the checkpoint parameter, or n_estimators=1"
            )
        if isinstance(callback, type):
            callback = callback()
        elif _is_of_skorch(kind) and id(callback) not in shared:
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


def _checkpoints_of_users(callbacks: Sequence[Any]) -> set[int]:
    """Return the ids of checkpoints that a user's own ``LoadInitState`` holds."""
    parts = [
        entry[-1] if isinstance(entry, tuple | list) and entry else entry
        for entry in callbacks
    ]
    return {
        id(one.checkpoint)
        for one in parts
        if isinstance(one, skorch.callbacks.LoadInitState)
        and not _is_of_skorch(type(one))
    }


def _is_of_skorch(kind: type) -> bool:
    """Return whether a class is defined in skorch."""
    return kind.__module__.partition(".")[0] == "skorch"


def _extends_skorchs(kind: type) -> bool:
    """Return whether a class is skorch's, or derived from more than its base class."""
    return any(base is not Callback and _is_of_skorch(base) for base in kind.__mro__)


def _check_schedule(callback: Callback, name: str, schedule: str) -> None:
    if isinstance(callback, skorch.callbacks.LRScheduler) and schedule != "constant":
        raise ValueError(
            f'{name} sets the learning rate, which lr_schedule="{schedule}" would '
            'overrule; use lr_schedule="constant" with it'
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


def _steps_by_batch(callback: Callback) -> bool:
    return (
        isinstance(callback, skorch.callbacks.LRScheduler)
        and callback.step_every == "batch"
    )


def _check_monitors(callbacks: list[Callback], validation: bool, scoring: bool) -> None:
    """Raise a ValueError for a callback of skorch that needs what is not recorded."""
    known = {"train_loss", "train_loss_best", "lr", "dur", "skipped_updates"}
    known |= {"gradient_norm", "max_gradient_norm"}
    by_batch = {"train_loss", "train_batch_size"}
    if validation:
        known |= {"valid_loss", "valid_loss_best"}
    if validation and scoring:
        known |= {"valid_score", "valid_score_best", "train_score", "train_score_best"}
    users = [not _is_of_skorch(type(callback)) for callback in callbacks]
    for i, callback in enumerate(callbacks):
        if not _extends_skorchs(type(callback)):
            return  # a user's own may record anything
        name = f"callbacks[{i}] ({type(callback).__name__})"
        steps = _steps_by_batch(callback)
        recorded = by_batch if steps else known
        monitor = _monitor_of(callback)
        if monitor is not None and monitor not in recorded:
            remedy = "monitor one of " + ", ".join(sorted(recorded))
            if not steps and monitor.startswith("valid_score"):
                remedy += ", or use validation data and the scoring parameter"
            elif not steps and monitor.startswith("valid_"):
                remedy += f", or {VALIDATE}"
            raise ValueError(
                f"{name} needs {monitor!r}, which this training does not record for each "
                f"{'batch' if steps else 'epoch'}; {remedy}"
            )
        if isinstance(callback, skorch.callbacks.PassthroughScoring):
            _check_averaged(callback, name, by_batch, validation, any(users))
            known |= {callback.name, f"{callback.name}_best"}
        event = getattr(callback, "event_name", None)
        if event is not None:
            recorded.add(event)
        if users[i]:
            return


def _check_averaged(
    callback: Callback, name: str, by_batch: set[str], validation: bool, any_users: bool
) -> None:
    """Raise a ValueError if no batch has what ``PassthroughScoring`` averages."""
    of_validation = {"valid_loss", "valid_batch_size"}
    has_batches = callback.on_train or validation
    if has_batches and callback.name in (
        by_batch if callback.on_train else of_validation
    ):
        return
    if has_batches and any_users and callback.name not in by_batch | of_validation:
        return  # a user's callback may record it
    if callback.name in by_batch:
        remedy = "use on_train=True"
    elif validation:
        remedy = "average valid_loss, or, with on_train=True, train_loss"
    else:
        remedy = f"use on_train=True, or {VALIDATE}"
    if callback.on_train and callback.name in of_validation:
        remedy = "use on_train=False and validation data"
    kind = "training" if callback.on_train else "validation"
    raise ValueError(
        f"{name} needs {callback.name!r} in each {kind} batch, which this training does "
        f"not record; {remedy}"
    )


def ends_training(callback: Callback) -> bool:
    """Return whether a callback that raised KeyboardInterrupt meant to end training.

    skorch's ``EarlyStopping`` ends training by that exception once its patience is over.
    Any other is the user's.
    """
    return (
        isinstance(callback, skorch.callbacks.EarlyStopping)
        and callback.misses_ >= callback.patience
    )


#: Events within an epoch.
OF_UPDATES = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def any_watches_updates(callbacks: Sequence[tuple[str, Callback]]) -> bool:
    """Return whether a user's callback may look at the network between two updates."""
    return any(
        getattr(getattr(callback, event), "__func__", None)
        is not getattr(Callback, event)
        for _, callback in callbacks
        for event in OF_UPDATES
        if not type(callback).__module__.startswith("skrnn.")
    )


def set_n_batches(callbacks: Sequence[tuple[str, Callback]], n_batches: int) -> None:
    """Give skorch's progress bars the number of batches, which they cannot count here."""
    for _, callback in callbacks:
        if isinstance(callback, skorch.callbacks.ProgressBar) and isinstance(
            callback.batches_per_epoch, str
        ):
            callback.batches_per_epoch = n_batches


def release_torch(callbacks: Sequence[tuple[str, Callback]]) -> None:
    """Delete the schedulers that callbacks hold, and with these the optimizer.

    The next training makes new ones. Pickles of a user's callback must not hold them.
    """
    for _, callback in callbacks:
        if isinstance(callback, skorch.callbacks.LRScheduler):
            vars(callback).pop("lr_scheduler_", None)

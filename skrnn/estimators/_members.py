"""The members of an ensemble: one plan, and trainings that differ in their seeds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from skrnn._warnings import warn
from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData
from skrnn.training.dataset import EncodedDataset
from skrnn.training.interrupts import Aborted, Interrupts
from skrnn.training.net import SequenceNet
from skrnn.training.updates import Diverged

if TYPE_CHECKING:
    from skrnn.training.checkpoint import Checkpoint


class TrainingPlan(NamedTuple):
    """Data and options that the trainings of all members share.

    Attributes
    ----------
    train, held_out, every : CheckedData
        What is trained on, what is held out (or None), and what the user passed.
    dataset, validation : EncodedDataset
        The first two, encoded and weighted.
    weight : ndarray, RaggedArray or None
        Of the training data in the loss.
    loss : type
        A loss of ``skrnn.training.losses``.
    loss_options : dict
        Its arguments.
    batch_size : int
    lr : float
    schedule : str
        A key of ``SCHEDULES``.
    warm : bool
        Whether networks are trained further.
    in_parts : bool
        Whether this is one pass of ``partial_fit``.
    stops : bool
        Whether held-out data end training or choose the weights.
    """

    train: CheckedData
    held_out: CheckedData | None
    every: CheckedData
    dataset: EncodedDataset
    validation: EncodedDataset | None
    weight: Any
    loss: type[torch.nn.Module]
    loss_options: dict[str, Any]
    batch_size: int
    lr: float
    schedule: str
    warm: bool
    in_parts: bool
    stops: bool


def train_members(
    estimator: Any,
    plan: TrainingPlan,
    starts: Sequence[int | SequenceNet],
    checkpoints: Sequence[Checkpoint | None],
    interrupts: Interrupts,
    stop: Callable[[], bool],
) -> Iterator[tuple[SequenceNet, int]]:
    """Yield the trained networks of an ensemble, each with its epochs.

    Parameters
    ----------
    estimator : estimator
        Its ``n_jobs`` says how many train at a time.
    plan : TrainingPlan
    starts : sequence
        The seed of each new member, or the network that is trained further.
    checkpoints : sequence of Checkpoint or None
        Of each member.
    interrupts : Interrupts
        New members whose training has not begun when it is requested are left out, others
        stay as they are.
    stop : callable
        ``stop()`` says after each member whether the others are left out, or stay as they
        are. It is not called where they train side by side.

    Raises
    ------
    ValueError
        If no member's training succeeds.

    Warns
    -----
    ConvergenceWarning
        If a member's training diverges: the others remain.
    UserWarning
        If an interrupt leaves members out.
    """
    jobs = [
        (_member(estimator, i, len(starts)), start, plan, checkpoint, interrupts)
        for i, (start, checkpoint) in enumerate(zip(starts, checkpoints, strict=False))
    ]
    nets = [start for start in starts if not isinstance(start, int)]
    try:
        for net in nets:
            net.keep_optimizer = True  # nothing is lost on the way to another process
        yield from _trained(estimator, jobs, nets, interrupts, stop)
    finally:
        for net in nets:
            net.keep_optimizer = bool(estimator.keep_optimizer)


def _trained(
    estimator: Any,
    jobs: Sequence[tuple[Any, ...]],
    nets: Sequence[SequenceNet],
    interrupts: Interrupts,
    stop: Callable[[], bool],
) -> Iterator[tuple[SequenceNet, int]]:
    """Yield the members that are trained, and ``nets`` of a warm start that are not."""
    failures: dict[int, Diverged] = {}
    n_trained = 0
    in_turn = effective_n_jobs(estimator.n_jobs) == 1
    for i, result in enumerate(_results(estimator, jobs, interrupts, in_turn=in_turn)):
        if isinstance(result, Diverged):
            failures[i] = result
        elif result is not None:
            result[0].keep_optimizer = bool(estimator.keep_optimizer)
            n_trained += 1
            yield result
            if in_turn and stop():
                # what was trained before stays
                yield from ((net, 0) for net in nets[i + 1 :])
                break
    if interrupts.requested and n_trained < len(jobs):
        warn(f"Ctrl-C: {n_trained} of {len(jobs)} members are trained")
    if not n_trained:
        raise next(iter(failures.values()))
    for i, error in failures.items():
        warn(f"member {i + 1} of {len(jobs)} is left out: {error}", ConvergenceWarning)


def _results(
    estimator: Any,
    jobs: Sequence[tuple[Any, ...]],
    interrupts: Interrupts,
    *,
    in_turn: bool,
) -> Iterator[Any]:
    """Yield the members' results, trained one after the other or side by side."""
    if in_turn:
        yield from (_train_member(*job) for job in jobs)
        return
    parallel = Parallel(n_jobs=estimator.n_jobs, prefer="threads")
    here = os.getpid()
    try:
        results = parallel(delayed(_train_in_worker)(here, *job) for job in jobs)
    except BaseException as error:
        interrupts.abort()  # no thread trains on when the estimator is restored
        if isinstance(error, Aborted) and interrupts.error is not None:
            raise interrupts.error from None  # what came first
        raise
    said: set[tuple[str, type[Warning]]] = set()
    for result, caught in results:
        for text, category in caught:
            if (text, category) not in said:
                said.add((text, category))
                warn(text, category)
        yield result


def _member(estimator: Any, index: int, n_members: int) -> Any:
    """Return the estimator of one member, with callbacks of its own."""
    member = copy(estimator)
    vars(member).pop("net_", None)  # of all members
    member.set_callbacks()  # they see the ensemble
    member._name_in_ensemble = f"member {index + 1} of {n_members}"
    try:
        member.callbacks = deepcopy(estimator.callbacks)
    except Exception as error:
        raise ValueError(
            f"callbacks={shown(estimator.callbacks)} cannot be copied, and each member of an "
            f"ensemble needs its own: {shown(error)}"
        ) from error
    return member


def _train_in_worker(pid: int, *job: Any) -> tuple[Any, list[tuple[str, type[Warning]]]]:
    """Return the result of ``_train_member``, and its warnings in another process.

    Those of a process that is not ``pid`` would not reach the user. They are filtered as
    there.
    """
    if os.getpid() == pid:
        return _train_member(*job), []
    with warnings.catch_warnings(record=True) as caught:
        result = _train_member(*job)
    return result, [(str(one.message), one.category) for one in caught]


def _train_member(
    member: Any,
    start: int | SequenceNet,
    plan: TrainingPlan,
    checkpoint: Checkpoint | None,
    interrupts: Interrupts,
) -> tuple[SequenceNet, int] | Diverged | None:
    """Return the trained network of a member and its epochs, or why there is none."""
    if interrupts.requested or interrupts.aborted:
        return None if isinstance(start, int) else (start, 0)
    with interrupts.member():
        net = member._build_net(plan, start) if isinstance(start, int) else start
        try:
            member._train_net(net, plan, checkpoint, interrupts, of_many=True)
        except Diverged as error:
            return error
        net.keep_optimizer = True  # nor on the way back
        return net, member.n_iter_

"""The members of an ensemble: one plan, and trainings that differ in their seeds."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from joblib import effective_n_jobs, wrap_non_picklable_objects
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


class Member(NamedTuple):
    """A trained network of an ensemble, its epochs, and its number, from 1."""

    net: SequenceNet
    n_epochs: int
    number: int


def train_members(
    estimator: Any,
    plan: TrainingPlan,
    starts: Mapping[int, int | SequenceNet],
    checkpoints: Sequence[Checkpoint | None],
    interrupts: Interrupts,
    stop: Callable[[], bool],
) -> Iterator[Member]:
    """Yield the trained members of an ensemble.

    Parameters
    ----------
    estimator : estimator
        Its ``n_jobs`` says how many train at a time.
    plan : TrainingPlan
    starts : dict
        Number of a member → the seed of a new one, or the network that is trained further.
    checkpoints : sequence of Checkpoint or None
        Of each number.
    interrupts : Interrupts
        New members whose training has not begun when it is requested are left out, others
        stay as they are.
    stop : callable
        ``stop()`` says after each member whether the others are left out, or stay as they
        are. It is not called where they train side by side.

    Raises
    ------
    ValueError
        If no member's training succeeds, or if callbacks or ``augment`` cannot be copied.
    PicklingError
        If members train in other processes, and a parameter cannot be pickled.

    Warns
    -----
    ConvergenceWarning
        If a member's training diverges: a new one is left out, another keeps the weights
        that it had before.
    UserWarning
        If an interrupt leaves members out.
    """
    jobs = [
        (_member(estimator, number), start, plan, checkpoints[number - 1], interrupts)
        for number, start in starts.items()
    ]
    before = {
        number: Member(start, 0, number)
        for number, start in starts.items()
        if not isinstance(start, int)
    }
    try:
        for net, *_ in before.values():
            net.keep_optimizer = True  # nothing is lost on the way to another process
        yield from _trained(estimator, list(starts), jobs, before, interrupts, stop)
    finally:
        for net, *_ in before.values():
            net.keep_optimizer = bool(estimator.keep_optimizer)


def _trained(
    estimator: Any,
    numbers: Sequence[int],
    jobs: Sequence[tuple[Any, ...]],
    before: Mapping[int, Member],
    interrupts: Interrupts,
    stop: Callable[[], bool],
) -> Iterator[Member]:
    """Yield the members that are trained, and those ``before`` a warm start that are not."""
    failures: dict[int, Diverged] = {}
    n_trained = n_kept = 0
    in_turn = effective_n_jobs(estimator.n_jobs) == 1
    results = _results(estimator, jobs, interrupts, in_turn=in_turn)
    for number, result in zip(numbers, results, strict=False):
        if isinstance(result, Diverged):
            failures[number] = result
        if result is None or isinstance(result, Diverged):
            if number in before:
                n_kept += result is None
                yield before[number]
        else:
            net, n_epochs = result
            net.keep_optimizer = bool(estimator.keep_optimizer)
            n_trained += 1
            yield Member(net, n_epochs, number)
            if in_turn and stop():
                # what was trained before stays
                yield from (one for one in before.values() if one.number > number)
                break
    if interrupts.requested and n_trained < len(jobs):
        warn(f"Ctrl-C: {n_trained} of {len(jobs)} members are trained")
    if failures and not n_trained + n_kept:
        number, error = next(iter(failures.items()))
        raise Diverged(
            f"no member is trained; {_name(estimator, number)}: {error}"
        ) from error
    for number, error in failures.items():
        then = "keeps its former weights" if number in before else "is left out"
        name = _name(estimator, number)
        warn(f"{name} {then}: {error}", ConvergenceWarning)


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
        if isinstance(error, PicklingError):
            _name_what_does_not_pickle(estimator)
        raise
    said: set[tuple[str, type[Warning]]] = set()
    for result, caught in results:
        for text, category in caught:
            if (text, category) not in said:
                said.add((text, category))
                warn(text, category)
        yield result


def _name_what_does_not_pickle(estimator: Any) -> None:
    """Raise a PicklingError that names the first parameter that joblib cannot pickle."""
    for name, value in estimator.get_params(deep=False).items():
        try:
            pickle.dumps(wrap_non_picklable_objects([value]))
        except Exception as error:
            raise PicklingError(
                f"{name}={shown(value)} cannot be pickled, and members that train in other "
                f"processes need it: {str(error)[:200]}. Pass another, or train in threads, "
                "as without joblib.parallel_config"
            ) from error


def _name(estimator: Any, number: int) -> str:
    """Return the name of a member in progress and warnings."""
    return f"member {number} of {estimator.n_estimators}"


def _member(estimator: Any, number: int) -> Any:
    """Return the estimator of one member, with callbacks and ``augment`` of its own."""
    member = copy(estimator)
    vars(member).pop("net_", None)  # of all members
    member.set_callbacks()  # they see the ensemble
    member._name_in_ensemble = _name(estimator, number)
    member.callbacks = _own("callbacks", estimator.callbacks)
    member.augment = _own("augment", estimator.augment)
    return member


def _own(name: str, value: Any) -> Any:
    """Return a copy of a parameter, whose state no other member changes.

    Raises
    ------
    ValueError
        If it cannot be copied.
    """
    try:
        return deepcopy(value)
    except Exception as error:
        raise ValueError(
            f"{name}={shown(value)} cannot be copied, and each member of an ensemble needs "
            f"its own: {shown(error)}"
        ) from error


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
    """Return the trained network of a member and its epochs, or why there is none.

    None if training ends before it begins.
    """
    if interrupts.requested or interrupts.aborted:
        return None
    with interrupts.member():
        net = member._build_net(plan, start) if isinstance(start, int) else start
        before = net.snapshot() if plan.warm else None
        try:
            member._train_net(net, plan, checkpoint, interrupts, of_many=True)
        except Diverged as error:
            if before is not None:
                net.restore(before)
            return error
        net.keep_optimizer = True  # nor on the way back
        return net, member.n_iter_

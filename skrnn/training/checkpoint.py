"""Checkpoints: files from which an interrupted training resumes, bit for bit.

A file holds what training has changed: weights, optimizer, random streams, history, and the
state of callbacks. It says which fit it belongs to, and is refused by any other.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from glob import escape
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from skorch import callbacks as skorchs

from skrnn._warnings import warn
from skrnn.data.documents import read_document, write_document
from skrnn.data.steps import shown
from skrnn.training.digests import digest_of
from skrnn.training.files import ModelFileError, read_file, write_file
from skrnn.training.seeding import Seeds
from skrnn.training.states import Place, pack, unpack

if TYPE_CHECKING:
    from skrnn.training.net import SequenceNet
    from skrnn.training.updates import Updates

#: Of all writes together, the next included, the time that has passed is a multiple of so
#: much: they take less than 3 %. So at least 30 times the last write's time passes.
SPACING = 34
#: Seconds that the first write may take whatever the training takes. One that is expected to
#: take longer waits, too: for the weights, moments of twice their size and a best epoch's
#: weights at so many bytes a second, which is slow.
FREE_SECONDS, BYTES_A_SECOND, COPIES = 0.05, 1e8, 4
#: After them a file that is not complete is taken for one of a killed process.
SECONDS_TO_WRITE = 300
#: Parts of a fit that train a network of their own before it; each has a file beside.
STAGES = ("calibration",)
#: Parameters that such a part sets for itself.
OF_STAGES = {
    "calibration_fraction",
    "early_stopping",
    "warm_start",
    "callbacks",
    "window",
}
#: What the files of members of an ensemble are called.
MEMBER = "member"
#: Digits of the digest in the name of a file in a directory.
N_DIGITS = 32
#: Callbacks of skorch whose state does not change the training.
STATELESS = (
    skorchs.EpochTimer,
    skorchs.GradientNormClipping,
    skorchs.MlflowLogger,
    skorchs.NeptuneLogger,
    skorchs.PrintLog,
    skorchs.ProgressBar,
    skorchs.SacredLogger,
    skorchs.TensorBoard,
    skorchs.WandbLogger,
)
#: What a document of a checkpoint may hold instances of.
HELD: dict[str, type] = {"Place": Place}
PARTS = {"fit", "environment", "seeds", "finished", "n_epochs", "state"}


class FitIdentity(NamedTuple):
    """Identity of a fit: a checkpoint is resumed by a fit with the same one.

    Attributes
    ----------
    estimator : str
        Name of the class.
    parameters, data : dict
        Name → digest, and a short representation.
    """

    estimator: str
    parameters: dict[str, tuple[str, str]]
    data: dict[str, tuple[str, str]]

    @property
    def digest(self) -> str:
        """One digest of all."""
        parts = {"estimator": self.estimator}
        for name, (digest, _) in (self.parameters | self.data).items():
            parts[name] = digest
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def of_member(self, index: int) -> FitIdentity:
        """Return the identity of one member's training in the fit of an ensemble."""
        return self._replace(data=self.data | {"member": (str(index), "")})

    def differences(self, other: FitIdentity) -> list[str]:
        """Return in words in what the fit of a file, ``other``, differs from this one."""
        if self.estimator != other.estimator:
            return [f"its estimator is {other.estimator}, and this is {self.estimator}"]
        found = []
        for name in self.parameters | other.parameters:
            here, there = (
                fit.parameters.get(name, ("", "not known")) for fit in (self, other)
            )
            if here[0] == there[0]:
                continue
            if here[1] == there[1]:
                found.append(f"another {name}")
            else:
                found.append(f"{name}={there[1]} in place of {here[1]}")
        for name in self.data | other.data:
            here, there = (fit.data.get(name, ("", "")) for fit in (self, other))
            if here[0] != there[0]:
                found.append(f"another {name}")
        return found


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    given : str or path
        A file, or a directory that has one file for each fit.
    fit : FitIdentity
    device : str
        Where the network trains.
    stage : str, optional
        A row of ``STAGES``, if the fit is such a part of another.
    member : int, optional
        Which member of an ensemble is trained.

    Attributes
    ----------
    is_part : bool
        Whether the fit is a part of another, which needs its end.
    in_directory : bool
        Whether the file is one of many, which stay.

    Raises
    ------
    ValueError
        If the file belongs to another fit, or its directory does not exist.
    ModelFileError
        If it is not a checkpoint, or damaged.
    """

    def __init__(
        self,
        given: str | os.PathLike[str],
        fit: FitIdentity,
        device: str,
        stage: str | None,
        member: int | None = None,
    ):
        self.fit = fit
        path = _checked(given)
        self.is_part = stage is not None or member is not None
        self.in_directory = path.is_dir()
        #: the user's file
        self.main = path
        if self.in_directory:
            path = path / f"{fit.estimator}-{fit.digest[:N_DIGITS]}.checkpoint"
        else:
            ends = [] if stage is None else [stage]
            ends += [] if member is None else [f"{MEMBER}-{member}"]
            path = path.with_name(".".join([path.name, *ends]))
        self.path = path
        self.environment = {
            "skrnn": import_module("skrnn").__version__,
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
            "device": device,
            "numba": find_spec("numba") is not None,
        }
        self.seeds = Seeds(None)
        self.found: dict[str, Any] | None = None
        self.warned = False
        #: whether no more is written, for a callback whose state cannot be stored
        self.given_up = False
        #: digests of callbacks that keep no state
        self.callbacks: dict[str, str] = {}
        #: the file as it was last written or read
        self.written = _signature(path)
        #: seconds of all writes so far; when training began, and when the next is due
        self.spent = self.begun = self.due = 0.0
        self._remove_remains(older_than=SECONDS_TO_WRITE)
        if self.written is not None:
            self.found = self._read()
            self._compare_environments(self.found["environment"])

    # --- reading ---------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether the file holds the end of the training."""
        return self.found is not None and bool(self.found["finished"])

    def draw_from(self, random_state: Any) -> Seeds:
        """Return the seeds of the fit, those of the file first."""
        kept = [] if self.found is None else self.found["seeds"]
        self.seeds = Seeds(random_state, kept)
        return self.seeds

    def begin(self, net: SequenceNet, updates: Updates) -> int:
        """Restore what the file holds, and return how many epochs it has."""
        self.begun = time.perf_counter()
        self.callbacks = states_of(net.callbacks_)
        self.spent = time.perf_counter() - self.begun
        n_bytes = sum(w.nbytes for w in net.module_.state_dict().values())
        expected = COPIES * n_bytes / BYTES_A_SECOND
        if expected > FREE_SECONDS:
            self._wait_for(expected)
        return self.restore(net, updates)

    def restore(self, net: SequenceNet, updates: Updates | None = None) -> int:
        """Do the same without callbacks; ``updates`` are None once training has ended."""
        if self.found is None:
            return 0
        state = self.found["state"]
        try:
            net.load_training_state(state["net"])
            if updates is not None:
                updates.load_state_dict(state["updates"])
                for name, callback in net.callbacks_:
                    if name in state["callbacks"]:
                        callback.load_state_dict(state["callbacks"][name])
        except (KeyError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"checkpoint={str(self.path)!r} cannot be resumed by this version of "
                f"skrnn: {shown(error)}"
            ) from error
        return int(self.found["n_epochs"])

    def _read(self) -> dict[str, Any]:
        """Return the content of the file; an error unless it is of this fit."""
        try:
            text, arrays = read_file(self.path)
        except ModelFileError as error:
            raise ModelFileError(f"checkpoint={error}") from error
        except OSError as error:
            raise ModelFileError(
                f"checkpoint={str(self.path)!r} cannot be read: {error}"
            ) from error
        try:
            document = read_document(text, HELD)
            if document.keys() != PARTS:
                raise ValueError("it has other parts")
            there = FitIdentity(*document["fit"])
            differences = self.fit.differences(there)
            document["state"] = unpack(document["state"], arrays)
        except (LookupError, AttributeError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"checkpoint={str(self.path)!r} is not a checkpoint of skrnn: {shown(error)}"
            ) from error
        if differences:
            raise ValueError(
                f"checkpoint={str(self.path)!r} belongs to another fit: "
                f"{_listed(differences)}. Fit as before, remove the file, or pass a "
                "directory, which keeps a file for each fit"
            )
        return document

    def _compare_environments(self, there: Mapping[str, Any]) -> None:
        # what has ended is not changed by the number of threads
        names = ("skrnn",) if self.finished else tuple(self.environment)
        here = {name: self.environment[name] for name in names}
        others = [
            f"{name} {there.get(name)} in place of {value}"
            for name, value in here.items()
            if there.get(name) != value
        ]
        if others:
            warn(
                f"checkpoint={str(self.path)!r} was written with {_listed(others)}: the "
                "resumed training may not equal an uninterrupted one to the last bit"
            )

    # --- writing ---------------------------------------------------------------------

    def end_epoch(self, net: SequenceNet, updates: Updates, n_epochs: int) -> None:
        """Write the state after ``n_epochs`` if the writes so far are long enough ago.

        A TypeError if that of a callback cannot be stored: after the first epoch. Later
        nothing more is written, and a warning says so.
        """
        started = time.perf_counter()
        is_due = started >= self.due
        if self.given_up or not (is_due or n_epochs == 1):
            return
        try:
            callbacks = stored_states(net.callbacks_, self.callbacks)
        except TypeError as error:
            if n_epochs == 1:
                raise
            self._give_up(error)
            return
        if not is_due:
            return

        def state() -> dict[str, Any]:
            return {
                "net": net.training_state(),
                "updates": updates.state_dict(),
                "callbacks": callbacks,
            }

        self._write(state, n_epochs, started, finished=False)

    def finish(self, net: SequenceNet, n_epochs: int, *, is_whole: bool = True) -> None:
        """Keep the end of the training in a directory; remove the file elsewhere.

        A training that is not whole ended earlier than its parameters say, and is not kept.
        """
        self._remove_remains()
        if self.in_directory or self.is_part:
            if not is_whole:
                self._remove_own()
            elif not (self.finished or self.given_up):
                started = time.perf_counter()
                self._write(
                    lambda: {"net": net.training_state()},
                    n_epochs,
                    started,
                    finished=True,
                )
            return
        self._remove_own()
        self.remove_parts()

    def _give_up(self, error: Exception) -> None:
        """Train on without the file: the state of training holds what none can store."""
        self.given_up = True
        self._remove_own()
        warn(
            f"checkpoint={str(self.path)!r} is removed, and training continues without "
            f"it: {error}"
        )

    def _remove_own(self) -> None:
        """Remove the file unless another process has written it since."""
        if self.written is not None and _signature(self.path) == self.written:
            _remove(self.path)
            self.written = None

    def remove_parts(self) -> None:
        """Remove the files of the parts of a fit that has finished, and nobody else's."""
        if self.in_directory:
            return
        name = re.escape(self.main.name)
        is_part = re.compile(rf"{name}((?:\.(?:{'|'.join(STAGES)}))?)(?:\.{MEMBER}-\d+)?")
        for path in self.main.parent.glob(f"{escape(self.main.name)}.*"):
            found = is_part.fullmatch(path.name)
            if found and self._has_part(path, is_stage=bool(found[1])):
                _remove(path)

    def _has_part(self, path: Path, *, is_stage: bool) -> bool:
        """Return whether a file is a checkpoint of a part of this fit."""
        try:
            text, _ = read_file(path)
            document = read_document(text, HELD)
            there = FitIdentity(*document["fit"])
        except (OSError, LookupError, AttributeError, TypeError, ValueError):
            return False
        if there.estimator != self.fit.estimator:
            return False
        if is_stage:  # it trains on a part of the data
            return _same(there.parameters, self.fit.parameters, OF_STAGES)
        return _same(there.parameters | there.data, self.fit.parameters | self.fit.data)

    def _write(
        self,
        state: Callable[[], dict[str, Any]],
        n_epochs: int,
        started: float,
        *,
        finished: bool,
    ) -> None:
        """Write what ``state`` returns; a failure costs the file, not the training."""
        try:
            arrays: dict[str, Any] = {}
            document = {
                "fit": tuple(self.fit),
                "environment": self.environment,
                "seeds": self.seeds.drawn,
                "finished": finished,
                "n_epochs": n_epochs,
                "state": pack(state(), arrays, "state."),
            }
            text = write_document(document, HELD)
            if self._is_finished_elsewhere():
                return
            write_file(self.path, text, arrays)
            self.written = _signature(self.path)
        except TypeError as error:  # a callback's value in the history
            self._give_up(error)
        except (OSError, MemoryError) as error:
            if not self.warned:
                self.warned = True
                reason = error if isinstance(error, OSError) else "memory is short"
                warn(
                    f"checkpoint={str(self.path)!r} could not be written: {reason}. "
                    "Training continues without it"
                )
        last = time.perf_counter() - started
        self.spent += last
        self._wait_for(last)

    def _wait_for(self, expected: float) -> None:
        """Say when a write of so many seconds is due."""
        self.due = self.begun + SPACING * (self.spent + expected)

    def _is_finished_elsewhere(self) -> bool:
        """Return whether another process, with the same fit, has finished it.

        An OSError if it wrote something else.
        """
        if _signature(self.path) in (self.written, None):
            return False
        try:
            return bool(self._read()["finished"])
        except ValueError as error:
            raise OSError("another process has written the file") from error

    def _remove_remains(self, *, older_than: float = 0.0) -> None:
        """Remove files that a killed process had not finished."""
        written = Path(os.path.realpath(self.path))
        pattern = f".{escape(written.name)}.{'[0-9a-f]' * 8}"
        for path in written.parent.glob(pattern):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime >= older_than:
                    path.unlink()


def _checked(user_path: str | os.PathLike[str]) -> Path:
    """Return the path that a user gave, once a file can be written there.

    A ValueError, which names the parameter, if it cannot.
    """
    given = os.fspath(user_path)
    name = f"checkpoint={shown(given)}"
    if not given:
        raise ValueError(f"{name} is empty: pass a file, or an existing directory")
    path = Path(given)
    if isinstance(user_path, Path) and not path.parts:
        # pathlib writes both like that
        raise ValueError(
            'checkpoint=Path("") is empty, or Path("."): pass a file, or an existing '
            'directory; the current one is "." or Path.cwd()'
        )
    folder = path if given.endswith(("/", os.sep)) else path.parent
    try:
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no directory {shown(str(folder))}")
        if not path.is_dir():  # the name that it has until it is complete
            os.lstat(path.with_name(f".{path.name}.{'0' * 8}"))
    except FileNotFoundError as error:
        if error.errno is None:
            raise ValueError(f"{name}: {error}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{name} cannot be used: {reason}") from error
    return path


def _signature(path: Path) -> tuple[int, int, int] | None:
    """Return properties that change when a file is replaced; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _same(
    there: Mapping[str, Any], here: Mapping[str, Any], but: Set[str] = frozenset({MEMBER})
) -> bool:
    """Return whether the digests of two fits are equal, of all parts ``but`` some."""
    digests = [
        {name: part[0] for name, part in parts.items() if name not in but}
        for parts in (there, here)
    ]
    return digests[0] == digests[1]


def _remove(path: Path) -> None:
    """Remove a file; a link to it stays, and the next one is written where it points."""
    with suppress(OSError):
        Path(os.path.realpath(path)).unlink()


def _listed(parts: Sequence[str], most: int = 5) -> str:
    """Return parts of a sentence, the first ones if there are many."""
    if len(parts) > most:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    return ", ".join(parts)


# --- callbacks ----------------------------------------------------------------------------


def states_of(callbacks: Sequence[tuple[str, Any]]) -> dict[str, str]:
    """Return a digest of each callback that keeps no state, by name.

    One with a state stores it by ``state_dict`` and takes it by ``load_state_dict``, as
    torch's objects do; one without has no attributes whose name ends in an underscore, and
    training does not change the others.

    Raises
    ------
    TypeError
        If a callback has such attributes and not these methods.
    """
    digests = {}
    for name, callback in callbacks:
        kind = type(callback)
        if kind in STATELESS or kind.__module__.startswith("skrnn."):
            continue
        if hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict"):
            continue
        state = [attribute for attribute in vars(callback) if attribute.endswith("_")]
        if state:
            refuse_state(name, callback, state)
        digests[name] = digest_of(vars(callback))
    return digests


def stored_states(
    callbacks: Sequence[tuple[str, Any]], before: Mapping[str, str]
) -> dict[str, Any]:
    """Return the states of callbacks that have any, by name.

    Parameters
    ----------
    callbacks : sequence
    before : mapping
        What ``states_of`` returned before training.

    Raises
    ------
    TypeError
        If a state cannot be stored.
    """
    states = {}
    for name, callback in callbacks:
        if name in before and digest_of(vars(callback)) != before[name]:
            refuse_state(name, callback, ["it changes in training"])
        if not hasattr(callback, "state_dict"):
            continue
        states[name] = callback.state_dict()
        if type(callback).__module__.startswith("skrnn."):
            continue
        try:
            write_document({"state": pack(states[name], {}, "")}, HELD)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(
                f"callbacks: what state_dict() of {name} ({type(callback).__name__}) "
                f"returns cannot be stored in a checkpoint: {shown(error)}"
            ) from error
    return states


def refuse_state(name: str, callback: Any, state: Sequence[str]) -> None:
    """Raise the TypeError for a callback whose state cannot be stored."""
    raise TypeError(
        f"callbacks: {name} ({type(callback).__name__}) has a state ({_listed(state)}), "
        "which a checkpoint cannot store without its methods state_dict() and "
        "load_state_dict(state); use early_stopping, scoring and lr_schedule in place of "
        "skorch's callbacks, or checkpoint=None"
    )


def identity_of_callbacks(callbacks: Sequence[Any]) -> list[Any]:
    """Return the classes and parameters of callbacks, which identify a fit."""
    found = []
    for entry in callbacks:
        callback = entry[-1] if isinstance(entry, tuple | list) and entry else entry
        kind = callback if isinstance(callback, type) else type(callback)
        given = {}
        if not isinstance(callback, type) and kind not in STATELESS:
            names = signature(kind).parameters
            given = {n: v for n, v in vars(callback).items() if n in names}
        found.append([kind, given])
    return found

"""Ctrl-C during training: a request to end it after the update, with what it has learned."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, ClassVar, Self, TypeVar

from skrnn._warnings import warn

T = TypeVar("T")
#: Seconds in which a second Ctrl-C is meant for all that runs, not for this training.
SECONDS = 5.0


class Aborted(Exception):
    """Ends the training of a member when another's has failed."""


class Interrupts:
    """Within it Ctrl-C asks for the end of training, from its first update on.

    Before, and where the last one was less than ``SECONDS`` ago, also in another training,
    it raises KeyboardInterrupt as usual. So it does outside the main thread and the main
    process, where nothing is installed: a worker must stop when its search has ended.

    Parameters
    ----------
    keep : bool
        Whether to install anything.

    Attributes
    ----------
    requested : bool
        Whether training is to end.
    n_updates : int
        Updates so far.
    """

    #: When the last request was made, in any training.
    last: ClassVar[float] = -math.inf

    def __init__(self, keep: bool):
        self.keep = keep
        self.requested = False
        self.n_updates = 0
        self.warned = False
        self.previous: Any = None
        #: of several networks that train at a time: whether one has failed
        self.aborted, self.n_running = False, 0
        self.error: BaseException | None = None
        self.changed = threading.Condition()

    def __enter__(self) -> Self:
        """Take over Ctrl-C."""
        if self.keep and _is_main():
            previous = signal.getsignal(signal.SIGINT)
            # it may be ignored, as in the background, or be another language's
            if callable(previous):
                self.previous = previous
                signal.signal(signal.SIGINT, self._request)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give Ctrl-C back."""
        if self.previous is not None:
            if signal.getsignal(signal.SIGINT) == self._request:
                signal.signal(signal.SIGINT, self.previous)
            self.previous = None
        if error is None and self.requested and not self.warned:
            self.warned = True
            warn("Ctrl-C came after the last update: training is complete")

    def __reduce__(self) -> tuple[Any, ...]:
        return Interrupts, (False,)  # a worker has no part in it

    @contextmanager
    def member(self) -> Iterator[None]:
        """Train within it one of several networks; if one fails, ``abort`` the others."""
        with self.changed:
            self.n_running += 1
        try:
            yield
        except BaseException as error:
            if not self.aborted:
                self.aborted, self.error = True, error
            raise
        finally:
            with self.changed:
                self.n_running -= 1
                self.changed.notify_all()

    def abort(self) -> None:
        """End the training of all members after their update, and wait for it."""
        self.aborted = True
        with self.changed:
            self.changed.wait_for(lambda: not self.n_running)

    def _request(self, number: int, frame: FrameType | None) -> None:
        """Note the request, or raise as usual."""
        now = time.monotonic()
        again = self.requested or now - Interrupts.last < SECONDS
        if self.n_updates and not again:
            Interrupts.last = now
            self.requested = True
        else:
            Interrupts.last = -math.inf
            self.previous(number, frame)

    def until_requested(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield batches until training is to end, each for one update."""
        for batch in batches:
            yield batch
            self.n_updates += 1
            if self.aborted:
                raise Aborted("the training of another member has failed")
            if self.end_training():
                return

    def end_training(self) -> bool:
        """Return whether training is to end; if so, say it once."""
        if self.requested and not self.warned:
            self.warned = True
            warn(
                "Ctrl-C ends training: the estimator is fitted with the best weights so far "
                "where it watches held-out data, else with the last. Another Ctrl-C within "
                f"{SECONDS:.0f} seconds raises KeyboardInterrupt"
            )
        return self.requested


def _is_main() -> bool:
    """Return whether this is the main thread of the main process."""
    if threading.current_thread() is not threading.main_thread():
        return False
    multiprocessing = sys.modules.get("multiprocessing")  # a worker has loaded it
    return multiprocessing is None or (
        multiprocessing.parent_process() is None
        and multiprocessing.current_process().name == "MainProcess"
    )

"""Progress of a training, printed: one line that is updated, or a row an epoch.

Workers of joblib print nothing: the lines of several trainings would mix.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from numbers import Real
from shutil import get_terminal_size
from typing import Any

from skorch.callbacks import Callback
from tqdm import tqdm

from skrnn.training.callbacks import EpochCounter

#: Seconds between two lines, and the share of the time so far that they are at least apart.
INTERVAL, SHARE = 5.0, 0.02
#: Columns of a row, where they are recorded, and their formats.
COLUMNS = {
    "train_loss": ".4f",
    "valid_loss": ".4f",
    "train_score": ".4f",
    "valid_score": ".4f",
    "lr": ".2e",
    "gradient_norm": ".3g",
    "skipped_updates": "d",
    "dur": ".2f",
}
#: What the line shows of them.
SHOWN = ("train_loss", "valid_loss", "train_score", "valid_score")
#: Width of a terminal from which on the line begins with a bar.
COLUMNS_OF_BAR = 100
#: Parts that a line leaves out if the terminal is too narrow, the least important first.
OMITTED = ("speed", "updates", "train_score", "train_loss", "valid_loss", "valid_score")
#: Names of columns in ``history_`` that skorch gives another name.
NAMES = {"dur": "seconds"}


def in_worker() -> bool:
    """Return whether this is a worker: a child process, or a thread of a pool."""
    pools = sys.modules.get(
        "multiprocessing.dummy"
    )  # loaded where there are such threads
    thread = threading.current_thread()
    in_pool = pools is not None and isinstance(thread, pools.DummyProcess)
    return in_pool or multiprocessing.parent_process() is not None


def progress(
    verbose: int,
    counter: EpochCounter,
    n_epochs: int,
    n_batches: int,
    n_steps: int,
    member: str = "",
) -> list[tuple[str, Callback]]:
    """Return the callback that prints, if there is anything to print.

    Parameters
    ----------
    verbose : int
        0 prints nothing, 1 a line that is updated, 2 and more a row an epoch.
    counter : EpochCounter
        The epochs of this training so far; it comes before this callback.
    n_epochs, n_batches : int
        Epochs of the training, and updates of an epoch.
    n_steps : int
        Steps of all sequences.
    member : str
        Which network of an ensemble this is, such as "member 2 of 5".
    """
    if verbose < 1 or in_worker():
        return []
    kind = ProgressLine if verbose == 1 else EpochTable
    return [("progress", kind(counter, n_epochs, n_batches, n_steps, member))]


class _Bar(tqdm):
    """A bar without the thread by which tqdm watches all of them."""

    monitor_interval = 0


class ProgressLine(Callback):
    """Prints how far training is: in a terminal one line that is updated.

    Elsewhere, in a file or a notebook, lines follow each other: the first after an epoch,
    then at most one each few seconds, and the last one.
    """

    def __init__(
        self,
        counter: EpochCounter,
        n_epochs: int,
        n_batches: int,
        n_steps: int,
        member: str = "",
    ):
        self.counter = counter
        self.n_epochs = n_epochs
        self.member = member
        self.n_batches = n_batches
        self.n_steps = n_steps

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start the clock, and in a terminal the line."""
        self.start_ = self.printed_ = time.monotonic()
        self.first_: int | None = None
        self.n_updates_, self.total_ = 0, 0.0
        self.last_: dict[str, float] = {}  # of the epoch before
        self.pending_ = ""  # the line of an epoch, while it is not shown
        self.bar_ = None
        self.width_: int | None = None  # of the line in a terminal
        if sys.stdout.isatty():
            size = get_terminal_size()  # 80 × 24 where the terminal does not know
            bar = "{bar:10}| " if size.columns >= COLUMNS_OF_BAR else " "
            self.bar_ = _Bar(
                total=self.n_epochs * self.n_batches,
                file=sys.stdout,
                bar_format="{percentage:3.0f}%|" + bar + "{desc}",
                ncols=size.columns - 1,
                nrows=size.lines,
            )
            taken = len("100%| ") if bar == " " else len("100%|##########| ")
            self.width_ = size.columns - 1 - taken

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Count the updates from here."""
        if self.first_ is None:
            self.first_ = self.counter.n_epochs_  # more than 0 if training was resumed
        self.n_updates_, self.total_ = 0, 0.0

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Show the progress within an epoch."""
        if not training:
            return
        self.n_updates_ += 1
        self.total_ += net.history[-1]["batches"][-1]["train_loss"]
        if self._is_due():
            losses = {"train_loss": self.total_ / self.n_updates_}
            self._show(self._line(self.counter.n_epochs_, self.last_ | losses))

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Show the epoch's losses and scores."""
        n_epochs = self.counter.n_epochs_
        is_first = self.first_ == n_epochs - 1
        self.n_updates_ = 0
        row = net.history[-1]
        self.last_ = {name: row[name] for name in SHOWN if name in row}
        self.pending_ = self._line(n_epochs, row)
        if is_first or self.bar_ is not None or self._is_due():
            self._show(self.pending_)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Show the end."""
        n_epochs = self.counter.n_epochs_
        if self.first_ is not None and n_epochs < self.n_epochs:
            self.pending_ = self._line(n_epochs, self.last_, ended=True)
        if self.pending_:
            self._show(self.pending_)
        if self.bar_ is not None:
            self.bar_.close()

    def _is_due(self) -> bool:
        """Return whether it is time for another line."""
        if self.bar_ is not None:
            return time.monotonic() - self.printed_ > self.bar_.mininterval
        now = time.monotonic()
        return now - self.printed_ >= max(INTERVAL, SHARE * (now - self.start_))

    def _show(self, line: str) -> None:
        self.printed_, self.pending_ = time.monotonic(), ""
        if self.bar_ is None:
            print(line, flush=True)  # noqa: T201
            return
        self.bar_.n = self.counter.n_epochs_ * self.n_batches + self.n_updates_
        self.bar_.set_description_str(line)

    def _line(self, n_epochs: int, row: dict[str, Any], ended: bool = False) -> str:
        """Return the line after so many whole epochs, and the updates of the next one."""
        updates = n_epochs * self.n_batches + self.n_updates_
        all_updates = self.n_epochs * self.n_batches
        seconds = max(1e-9, time.monotonic() - self.start_)
        done = updates - (self.first_ or 0) * self.n_batches
        left = seconds / max(1, done) * (all_updates - updates)
        steps = done / self.n_batches * self.n_steps / seconds
        if ended:
            epoch = f"ended after epoch {n_epochs} of {self.n_epochs}"
            if not n_epochs:
                epoch = f"ended in epoch 1 of {self.n_epochs}"
        else:
            epoch = f"epoch {n_epochs + (self.n_updates_ > 0)} of {self.n_epochs}"
        parts = {
            "member": self.member,
            "epoch": epoch,
            "time": f"{_clock(left)} left"
            if left and not ended
            else f"{_clock(seconds)} in all",
            **{name: f"{name} {row[name]:.4f}" for name in SHOWN if name in row},
            "updates": f"update {updates:,} of {all_updates:,}",
            "speed": f"{steps:,.0f} steps/s",
        }
        return _joined(parts, self.width_)


def _joined(parts: dict[str, str], width: int | None) -> str:
    """Return the parts in one line, and only some if they are wider together."""
    line = ", ".join(part for part in parts.values() if part)
    for name in OMITTED:
        if width is None or len(line) <= width:
            break
        parts = {kept: part for kept, part in parts.items() if kept != name}
        line = ", ".join(part for part in parts.values() if part)
    return line[:width]


def _clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, from an hour on with hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _is_of_a_user(name: str, value: Any) -> bool:
    """Return whether a number of the history was recorded by a user's callback."""
    return (
        isinstance(value, Real)
        and not isinstance(value, bool)
        and name not in {*COLUMNS, "epoch", "max_gradient_norm"}
        and not name.endswith("_batch_count")
    )


class EpochTable(Callback):
    """Prints a row an epoch: what ``history_`` holds of it."""

    def __init__(
        self,
        counter: EpochCounter,
        n_epochs: int,
        n_batches: int,
        n_steps: int,
        member: str = "",
    ):
        self.counter = counter
        self.n_epochs = n_epochs
        self.member = member

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the columns of an earlier training."""
        self.widths_: dict[str, int] = {}

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Print the row, before the first one the names of the columns."""
        row = net.history[-1]
        if not self.widths_:
            if self.member:
                print(self.member)  # noqa: T201
            names = [name for name in COLUMNS if name in row]
            names += [name for name, value in row.items() if _is_of_a_user(name, value)]
            self.widths_ = {name: max(9, len(NAMES.get(name, name))) for name in names}
            self._print("epoch", [NAMES.get(name, name) for name in names])
        values = [
            format(row[name], COLUMNS.get(name, ".4g")) if name in row else ""
            for name in self.widths_
        ]
        self._print(f"{self.counter.n_epochs_}/{self.n_epochs}", values)

    def _print(self, epoch: str, cells: list[str]) -> None:
        width = max(5, 2 * len(str(self.n_epochs)) + 1)
        aligned = map(str.rjust, cells, self.widths_.values())
        print(f"{epoch:>{width}}", *aligned, sep="  ", flush=True)  # noqa: T201

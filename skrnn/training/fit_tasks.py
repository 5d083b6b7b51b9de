"""Calls scikit-learn's callbacks for each epoch, and ends training when one asks for it."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import Callback

from skrnn._callbacks import FitTasks
from skrnn.training.callbacks import StopTraining


class EpochTasks(Callback):
    """Runs the subtask of each epoch; it comes before a callback that ends training."""

    def __init__(self, tasks: FitTasks):
        self.tasks = tasks

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin the subtask."""
        self.tasks.begin_epoch()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """End it."""
        self.tasks.end_epoch()


class StopAsked(Callback):
    """Ends training where ``EpochTasks`` was asked to; all others see the epoch's end."""

    def __init__(self, tasks: FitTasks):
        self.tasks = tasks

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """End training."""
        if self.tasks.stop:
            raise StopTraining

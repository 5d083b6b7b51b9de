"""Calls scikit-learn's callbacks for each epoch."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import Callback

from skrnn._callbacks import FitTasks


class EpochTasks(Callback):
    """Runs the subtask of each epoch; it comes before callbacks that end training."""

    def __init__(self, tasks: FitTasks):
        self.tasks = tasks

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin the subtask."""
        self.tasks.begin_epoch()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """End it."""
        self.tasks.end_epoch()

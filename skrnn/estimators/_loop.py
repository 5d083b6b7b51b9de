"""The values that "auto" stands for in the training loop, and its log as a frame."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch.optim import Optimizer

from skrnn.estimators._parameters import AUTO_WEIGHT_DECAY, OPTIMIZERS
from skrnn.training.callbacks import SCHEDULES

#: Rows of a batch of small data, and rows from which a batch has four times as many.
SMALL_BATCH, LARGE_DATA = 32, 65536
#: Growth of a batch up to which the learning rate grows.
MAX_GROWTH = 4


class Budget(NamedTuple):
    """The values that "auto" stands for in the training loop of an estimator.

    Attributes
    ----------
    updates : int
        Updates that small data get, in at most ``max_epochs`` passes.
    max_epochs : int
        As above.
    min_epochs : tuple of int
        Passes over larger data, for few and for many classes: between them, twice the
        base-2 logarithm of the number of classes.
    small : int
        Sequences up to which a batch has ``SMALL_BATCH`` of them.
    lr : float
        Highest learning rate of a schedule that anneals it, for a batch of ``SMALL_BATCH``
        sequences.
    """

    updates: int
    max_epochs: int = 100
    min_epochs: tuple[int, int] = (12, 12)
    small: int = 16384
    lr: float = 0.003

    @property
    def epochs_text(self) -> str:
        """The passes in the words of a docstring."""
        least, most = self.min_epochs
        passes = f"{least}"
        if most > least:
            passes += (
                f" (for 4 classes or fewer) to {most} (for {2 ** (most // 2)} or more)"
            )
        return (
            f"as many as make {self.updates:,} updates, at least {passes}, at most "
            f"{self.max_epochs}"
        )

    def batch_size(self, given: int | str, n_rows: int) -> int:
        """Return the rows of a batch; "auto" grows with the number of rows."""
        if not isinstance(given, str):
            return int(given)
        if n_rows <= self.small:
            return SMALL_BATCH
        return 2 * SMALL_BATCH if n_rows <= LARGE_DATA else 4 * SMALL_BATCH

    def epochs(self, given: int | str, n_batches: int, n_outputs: int) -> int:
        """Return the passes over data of ``n_batches`` batches."""
        if not isinstance(given, str):
            return int(given)
        least, most = self.min_epochs
        by_classes = int(2 * math.log2(max(1, n_outputs)))
        enough = min(most, max(least, by_classes))
        return min(self.max_epochs, max(enough, self.updates // max(1, n_batches)))

    def learning_rate(self, given: float | str, batch_size: int, schedule: str) -> float:
        """Return the rate; "auto" grows with the square root of the size of a batch.

        Gradients of larger batches have less noise, and allow larger steps of Adam
        (Malladi, Lyu, Panigrahi & Arora 2022, section 4). A rate that is never annealed is
        half as high.
        """
        if not isinstance(given, str):
            return float(given)
        growth = math.sqrt(min(max(batch_size / SMALL_BATCH, 1), MAX_GROWTH))
        return self.lr * growth * (0.5 if SCHEDULES[schedule] is None else 1)


def resolve_optimizer(
    optimizer: str | type[Optimizer], weight_decay: float | str
) -> tuple[type[Optimizer], dict[str, Any]]:
    """Return the class of the optimizer and its options beside the learning rate."""
    if isinstance(weight_decay, str):
        weight_decay = AUTO_WEIGHT_DECAY if optimizer == "adamw" else 0.0
    if isinstance(optimizer, str):
        kind, fixed = OPTIMIZERS[optimizer]
        return kind, {"weight_decay": weight_decay, **fixed}
    return optimizer, {"weight_decay": weight_decay} if weight_decay else {}


#: What the loop keeps in skorch's history for itself.
BOOKKEEPING = {
    *("train_loss_best", "valid_loss_best", "valid_score_best"),
    *("train_batch_count", "valid_batch_count"),
}


def history_frame(history: Any) -> pd.DataFrame:
    """Return skorch's history as one row an epoch, the callbacks' numbers included."""
    rows = [
        {k: v for k, v in row.items() if np.isscalar(v) and k not in BOOKKEEPING}
        for row in history
    ]
    return pd.DataFrame(rows).set_index("epoch") if rows else pd.DataFrame()

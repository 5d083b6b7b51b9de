"""The values that "auto" stands for in the training loop, and its log as a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from torch.optim import Optimizer

from skrnn.estimators._parameters import (
    AUTO_MIN_EPOCHS,
    AUTO_WEIGHT_DECAY,
    OPTIMIZERS,
)


def resolve_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the rows of a batch: "auto" grows with the number of rows."""
    if isinstance(batch_size, str):
        return 32 if n_rows <= 16384 else 64 if n_rows <= 65536 else 128
    return int(batch_size)


def resolve_max_epochs(
    max_epochs: int | str, n_batches: int, auto_updates: int, auto_max_epochs: int
) -> int:
    """Return the epochs; "auto" aims at ``auto_updates`` updates, in not too many passes."""
    if isinstance(max_epochs, str):
        wanted = auto_updates // max(1, n_batches)
        return min(auto_max_epochs, max(AUTO_MIN_EPOCHS, wanted))
    return int(max_epochs)


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

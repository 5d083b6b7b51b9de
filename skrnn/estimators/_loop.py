"""The values that "auto" stands for in the training loop, and its log as a frame."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch.optim import Optimizer

from skrnn.estimators._parameters import AUTO_WEIGHT_DECAY
from skrnn.training.callbacks import SCHEDULES
from skrnn.training.optimizers import OPTIMIZERS

#: Rows of a batch that the learning rate of a budget is for, and of the largest data.
USUAL_BATCH, LARGE_BATCH = 32, 128
#: Growth of a batch up to which the learning rate grows.
MAX_GROWTH = 4
#: Tokens up to which a vocabulary is one of characters, or as small.
FEW_TOKENS = 256


class Budget(NamedTuple):
    """The values that "auto" stands for in the training loop of an estimator.

    Attributes
    ----------
    updates : int
        The fewest updates.
    of_a_class : int
        The fewest sequences of a class that are read in all passes, on average.
    min_epochs : tuple of int
        The fewest passes, for few and for many classes: between them, 3 more each time the
        number of classes doubles.
    max_epochs : int
        The most passes.
    batches : tuple of pairs of int
        Sequences up to which a batch has so many of them, ascending.
    lr : float
        Highest learning rate of a schedule that anneals it, for batches of 32.
    of_features : Budget, optional
        For sequences of features alone, if it differs.
    of_few_tokens : Budget, optional
        For tokens of which ``FEW_TOKENS`` at most are different, such as characters, if it
        differs: no embedding of theirs is learned by heart.
    """

    updates: int
    of_a_class: int = 0
    min_epochs: tuple[int, int] = (12, 12)
    max_epochs: int = 100
    batches: tuple[tuple[int, int], ...] = ((16384, 32), (65536, 64))
    lr: float = 0.003
    of_features: Budget | None = None
    of_few_tokens: Budget | None = None

    def for_inputs(self, n_tokens: int | None) -> Budget:
        """Return the budget for ``n_tokens`` different tokens, None for features alone."""
        if n_tokens is None:
            return self.of_features or self
        return (self.of_few_tokens if n_tokens <= FEW_TOKENS else None) or self

    def _text(self, describe: Callable[[Budget], str]) -> str:
        """Return the description of this budget and of those for other inputs."""
        others = {
            f"for a vocabulary of up to {FEW_TOKENS} tokens": self.of_few_tokens,
            "for features alone": self.of_features,
        }
        texts = [f"{k} {describe(v)}" for k, v in others.items() if v is not None]
        return "; ".join([describe(self), *texts])

    @property
    def epochs_text(self) -> str:
        """The passes in the words of a docstring."""
        return self._text(Budget._epochs_text)

    @property
    def batches_text(self) -> str:
        """The sizes of batches in the words of a docstring."""
        return self._text(Budget._batches_text)

    @property
    def lr_text(self) -> str:
        """The learning rate in the words of a docstring."""
        if self.of_features is None:
            return f"{self.lr}"
        return f"{self.lr}, for features alone {self.of_features.lr},"

    def _epochs_text(self) -> str:
        least, most = self.min_epochs
        passes = f"{least}"
        if most > least:
            few, many = _classes_of(least + 1) - 1, _classes_of(most)
            passes += f" (for {few} classes or fewer) to {most} (for {many} or more)"
        updates = f"as many as make {self.updates:,} updates"
        if self.of_a_class:
            updates += f" and read {self.of_a_class} sequences of each class"
        return f"{updates}, at least {passes} and at most {self.max_epochs}"

    def _batches_text(self) -> str:
        sizes = [f"{size} for up to {most:,} sequences" for most, size in self.batches]
        return ", ".join(sizes) + f", {LARGE_BATCH} for more"

    def batch_size(self, given: int | str, n_rows: int) -> int:
        """Return the rows of a batch; "auto" grows with the number of rows."""
        if not isinstance(given, str):
            return int(given)
        return next((size for most, size in self.batches if n_rows <= most), LARGE_BATCH)

    def epochs(
        self, given: int | str, n_rows: int, n_batches: int, n_outputs: int
    ) -> int:
        """Return the passes over ``n_rows`` sequences in ``n_batches`` batches."""
        if not isinstance(given, str):
            return int(given)
        least, most = self.min_epochs
        enough = max(
            min(most, max(least, _passes_for(n_outputs))),
            self.updates // max(1, n_batches),
            self.of_a_class * n_outputs // max(1, n_rows),
        )
        return min(self.max_epochs, enough)

    def learning_rate(self, given: float | str, batch_size: int, schedule: str) -> float:
        """Return the rate; "auto" grows with the square root of the size of a batch.

        Gradients of larger batches have less noise, and allow larger steps of Adam
        (Malladi, Lyu, Panigrahi & Arora 2022, section 4). A rate that is never annealed is
        half as high.
        """
        if not isinstance(given, str):
            return float(given)
        growth = math.sqrt(min(max(batch_size / USUAL_BATCH, 1), MAX_GROWTH))
        return self.lr * growth * (0.5 if SCHEDULES[schedule] is None else 1)


def _passes_for(n_classes: int) -> int:
    """Return the passes that ``n_classes`` take."""
    return int(3 * math.log2(max(1, n_classes))) - 3


def _classes_of(passes: int) -> int:
    """Return the fewest classes that take ``passes``."""
    return next(n for n in range(1, 10_000) if _passes_for(n) >= passes)


def resolve_optimizer(
    optimizer: str | type[Optimizer], weight_decay: float | str
) -> tuple[type[Optimizer], dict[str, Any]]:
    """Return the class of the optimizer and its options beside the learning rate."""
    if isinstance(weight_decay, str):
        weight_decay = AUTO_WEIGHT_DECAY if optimizer == "adamw" else 0.0
    if isinstance(optimizer, str):
        kind, fixed = OPTIMIZERS[optimizer]
        return kind, {"weight_decay": weight_decay, **fixed}
    takes = _takes_weight_decay(optimizer)
    return optimizer, {"weight_decay": weight_decay} if takes or weight_decay else {}


def _takes_weight_decay(optimizer: type[Optimizer]) -> bool:
    """Return whether an optimizer has that argument, or hands it on to its base."""
    parameters = inspect.signature(optimizer).parameters
    if "weight_decay" in parameters:
        return True
    hands_on = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    bases = (base for base in optimizer.__bases__ if issubclass(base, Optimizer))
    return hands_on and any(map(_takes_weight_decay, bases))


#: The columns of ``history_``; those of callbacks come after them.
COLUMNS = (
    *("train_loss", "valid_loss", "train_score", "valid_score", "lr"),
    *("gradient_norm", "max_gradient_norm", "skipped_updates", "seconds"),
)
#: What the loop keeps in skorch's history for itself.
BOOKKEEPING = {
    *("train_loss_best", "valid_loss_best", "train_score_best", "valid_score_best"),
    *("train_batch_count", "valid_batch_count"),
}


def history_frame(history: Any) -> pd.DataFrame:
    """Return skorch's history as one row an epoch, the callbacks' numbers included."""
    rows = [
        {k: v for k, v in row.items() if np.isscalar(v) and k not in BOOKKEEPING}
        for row in history
    ]
    frame = pd.DataFrame(rows, columns=None if rows else ["epoch"]).set_index("epoch")
    frame = frame.rename(columns={"dur": "seconds"})
    others = [name for name in frame.columns if name not in COLUMNS]
    return frame.reindex(columns=[*COLUMNS, *others])

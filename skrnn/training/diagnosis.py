"""Signs that a training goes wrong: each is noticed once, and explained with the remedy.

A sign must not be seen in a training that is merely short, small or noisy: all bounds lie
far from what such trainings show. The warnings are scikit-learn's ``ConvergenceWarning``.
Those of skipped updates, of the same category, are in ``updates``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from skrnn._warnings import warn
from skrnn.training.callbacks import EpochCounter
from skrnn.training.updates import advice

#: Epochs and updates before which nothing is said of the course of a loss.
MIN_EPOCHS, MIN_UPDATES = 5, 50
#: Mean and largest norm of the gradients of an epoch in which they explode.
EXPLODED = 100.0, 1000.0
#: Epochs in a row whose loss is above that of the start, their ratio to it, and what it is
#: at least, in nats or variances, where the learning rate is too high.
N_RISEN, RISE, RISEN = 3, 1.5, 0.1
#: Epochs from which a loss may be said not to move. Its first and last third differ by less
#: than a share of it, or than a share of the noise of an epoch, which must itself be small.
N_STILL, FALL, FALL_IN_NOISE, NOISE = 9, 0.005, 0.5, 0.03
#: Losses from which on a few outliers hide what the others do.
OUTLYING = 100.0
#: Ratio of the first to the later updates by which a loss fell within the first epoch.
EARLY_FALL = 1.1
#: Norm of gradients that are as good as 0.
NO_GRADIENT = 0.01
#: Updates of an epoch that are enough to see a fall within it.
MANY_UPDATES = 20
#: Held-out sequences that are enough, epochs in a row in which their loss is above that of
#: the first epoch, and the ratio to it.
MIN_VALIDATION, N_WORSE, WORSE = 20, 3, 1.1


class Diagnosis(Callback):
    """Warns once of each sign.

    Parameters
    ----------
    counter : EpochCounter
        The epochs of this training so far; it comes before this callback.
    n_epochs : int
        Epochs of the training.
    fresh : bool
        Whether the network has its first weights. The losses of one that was trained
        before may well stand still, or rise.
    n_validation : int
        Held-out sequences.
    name : str
        Which member of an ensemble is trained, at the front of messages.
    """

    def __init__(
        self,
        counter: EpochCounter,
        n_epochs: int,
        *,
        fresh: bool,
        n_validation: int,
        name: str = "",
    ):
        self.name = name
        self.counter = counter
        self.n_epochs = n_epochs
        self.fresh = fresh
        self.n_validation = n_validation
        self._forget()

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget an earlier training."""
        self._forget()

    def _forget(self) -> None:
        self.warned_: set[str] = set()
        self.train_: list[float] = []
        self.valid_: list[float] = []
        self.n_updates_, self.start_ = 0, 0.0
        self.fell_at_once_ = False
        self.largest_gradient_ = 0.0

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Look for signs that an epoch can show."""
        row = net.history[-1]
        self.n_updates_ += row["train_batch_count"]
        self.train_.append(row["train_loss"])
        if "valid_loss" in row:
            self.valid_.append(row["valid_loss"])
        self.largest_gradient_ = max(self.largest_gradient_, row["max_gradient_norm"])
        if len(self.train_) == 1:
            self._look_at_first_epoch(row)
        self._warn("exploding", _exploding(net, row))
        if self._sees_the_course:
            self._warn("rising", _rising(net, self))
            if self.counter.n_epochs_ >= self.n_epochs / 2:
                self._warn("overfitting", _overfitting(self))

    def finish(self, net: Any) -> None:
        """Look for signs that only a whole training can show."""
        if self._sees_the_course:
            self._warn("overfitting", _overfitting(self))
            self._warn("standing still", _standing_still(net, self))

    def says_enough(self) -> bool:
        """Return whether a network should have learned something in this training."""
        return self._sees_the_course

    @property
    def _sees_the_course(self) -> bool:
        return (
            self.fresh
            and self.counter.n_epochs_ == len(self.train_)  # else training was resumed
            and len(self.train_) >= MIN_EPOCHS
            and self.n_updates_ >= MIN_UPDATES
        )

    def _look_at_first_epoch(self, row: Any) -> None:
        """Take the loss of the start, and whether it fell within the epoch."""
        losses = [
            batch["train_loss"] for batch in row["batches"] if "train_loss" in batch
        ]
        self.start_ = max(row["train_loss"], losses[0])
        few = len(losses) // 10
        self.fell_at_once_ = len(losses) >= MANY_UPDATES and (
            np.mean(losses[:few]) > EARLY_FALL * np.mean(losses[len(losses) // 2 :])
        )

    def _warn(self, sign: str, message: str | None) -> None:
        if message is not None and sign not in self.warned_:
            self.warned_.add(sign)
            warn(": ".join(filter(None, [self.name, message])), ConvergenceWarning)


# --- the signs ----------------------------------------------------------------------------


def _exploding(net: Any, row: Any) -> str | None:
    """Return the message about gradients that explode."""
    mean, largest = row["gradient_norm"], row["max_gradient_norm"]
    if mean < EXPLODED[0] or largest < EXPLODED[1]:
        return None
    return (
        f"Gradients explode: their norm reached {largest:.2g} in epoch {len(net.history)}, "
        f"{mean:.2g} on average, where 1 is usual. Try {advice(net)}"
    )


def _rising(net: Any, seen: Diagnosis) -> str | None:
    """Return the message about a learning rate above what the data bear."""
    last = seen.train_[-N_RISEN:]
    if len(seen.train_) <= N_RISEN or min(last) <= max(RISE * seen.start_, RISEN):
        return None
    lr = net.optimizer_.param_groups[0]["initial_lr"]
    return (
        f"The learning rate is too high for these data: the training loss rose from "
        f"{seen.start_:.3g} in the first epoch to {last[-1]:.3g} in epoch "
        f"{len(seen.train_)}, and was above for {N_RISEN} epochs. Try lr={lr / 10:.2g}, a "
        "tenth of the present one"
    )


def _overfitting(seen: Diagnosis) -> str | None:
    """Return the message about a validation loss that got worse from the first epoch on."""
    first, *others = seen.valid_ or [0.0]
    if (
        seen.n_validation < MIN_VALIDATION
        or len(others) < MIN_EPOCHS - 1
        or min(others) <= first
        or min(others[-N_WORSE:]) <= WORSE * first
        or seen.train_[-1] >= seen.train_[0]
    ):
        return None
    return (
        f"The validation loss got worse from the first epoch on, from {first:.3g} to "
        f"{others[-1]:.3g}, while the training loss fell from {seen.train_[0]:.3g} to "
        f"{seen.train_[-1]:.3g}: the network learns its training sequences by heart. Try "
        "more dropout, a smaller network, a smaller lr or more data, and see that the "
        "held-out sequences are of the same kind as the others"
    )


def _standing_still(net: Any, seen: Diagnosis) -> str | None:
    """Return the message about a loss that does not move."""
    losses, third = seen.train_, len(seen.train_) // 3
    first, last = np.mean(losses[:third]), np.mean(losses[-third:])
    if len(losses) < N_STILL or seen.fell_at_once_ or not 0 < first < OUTLYING:
        return None
    noise = np.std(np.diff(losses), ddof=1) / math.sqrt(2)
    bound = max(FALL * first, FALL_IN_NOISE * noise)
    if noise > NOISE * first or abs(first - last) >= bound:
        return None
    lr = net.optimizer_.param_groups[0]["initial_lr"]
    remedy = f"Try a higher lr than {lr:.2g}, and see that X says something about y"
    if seen.largest_gradient_ < NO_GRADIENT:
        remedy = (
            "The gradient is almost 0: see that the features are not constant, and try another "
            "random_state, or another cell or activation than ReLU"
        )
    return (
        f"The training loss did not move: it is {first:.4g} in the first and {last:.4g} in "
        f"the last of {len(losses)} epochs. {remedy}"
    )

"""Updates of the weights: gradient norm, clipping, skipping of those that are not finite.

A single sequence can overflow: one text of 10,000 steps among thousands of short ones. Its
update is skipped, since it would leave no weight finite; training that overflows again and
again ends with an error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from skorch.utils import TeeGenerator
from torch import Tensor

from skrnn._warnings import warn
from skrnn.training.collate import Batch, TrainingBatches
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import evaluation, run

if TYPE_CHECKING:
    from skrnn.training.net import SequenceNet

#: Updates in a row that may be skipped.
MAX_SKIPPED = 10
#: Sequences that a warning names, and that are tried after the last update.
N_NAMED, N_TRIED = 5, 16
#: Steps from which a message calls a sequence long.
LONG = 1000
#: What one epoch leaves to the next.
KEPT = ("norms", "n_in_a_row", "last", "named", "warned", "any_skipped")
#: Growth of a weight's norm from which the network is tried after the last update.
LARGE_GROWTH = 2.0


class Diverged(ValueError):
    """Training has made weights or losses that are not finite."""


class NotFinite(Exception):
    """The loss or the gradient of an update is not finite."""

    def __init__(self, loss: Tensor, what: str, value: float):
        super().__init__(f"the {what} became {value}")
        self.loss = loss


class Updates:
    """The updates of one training, and the state carried between them.

    Parameters
    ----------
    net : SequenceNet
    dataset : EncodedDataset
        The training data.
    batches : TrainingBatches
        An epoch of it.
    """

    def __init__(
        self, net: SequenceNet, dataset: EncodedDataset, batches: TrainingBatches
    ):
        self.net = net
        self.batches = batches
        self.weights = list(net.module_.parameters())
        self.read(dataset)
        self.norms = self._measure_weights()
        self.state: tuple[Tensor, ...] = ()
        self.n_updates = self.n_skipped = 0  # of this epoch
        self.norm_total = self.norm_max = 0.0  # of its gradients, before clipping
        self.n_in_a_row = 0
        self.last = self.named = ""  # why, and of which sequences, one was skipped
        self.warned = self.any_skipped = False

    def read(self, dataset: EncodedDataset) -> None:
        """Take note of the data that the batches are cut out of."""
        self.dataset = dataset
        # Where each step has a target, a batch of short sequences has few of them. All
        # count alike: what is minimized is the mean over the epoch's steps, and not the
        # mean over batches of their means, in which short sequences would weigh more.
        n_targets = self.batches.n_targets
        self.n_targets = None if n_targets is None else n_targets / len(self.batches)

    def step(self, batch: Batch) -> dict[str, Any]:
        """Update the weights, unless the loss or the gradient is not finite.

        Returns the ``loss``, and as ``value`` the same as a float.
        """
        self.n_updates += 1
        before, computing = self.state, False
        found: dict[str, Any] = {}

        def closure() -> Tensor:
            """Compute the gradient; some optimizers do so several times an update."""
            nonlocal found, computing
            computing = True
            one, value = self._compute_gradient(batch, before, check=not found)
            found = found or {"loss": one, "value": value}
            computing = False
            return one

        try:
            self.net._step_optimizer(closure)
        except NotFinite as error:
            self._skip(batch, before, error)
            return {"loss": error.loss, "y_pred": None, "skipped": True}
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if computing:
                raise
            raise ValueError(unusable(type(self.net.optimizer_), error)) from error
        self.n_in_a_row = 0
        if self.net.average_ is not None:
            self.net.average_.end_update()
        return {**found, "y_pred": None}

    def end_epoch(self) -> None:
        """Record norms and skipped updates; warn once, raise where there was no other."""
        n_done = max(1, self.n_updates - self.n_skipped)
        self.net.history.record("gradient_norm", self.norm_total / n_done)
        self.net.history.record("max_gradient_norm", self.norm_max)
        self.net.history.record("skipped_updates", self.n_skipped)
        if self.n_skipped and self.n_skipped == self.n_updates:
            raise Diverged(self._message("for all its updates"))
        if self.n_skipped and not self.warned:
            self.warned = True
            warn(
                f"{self.n_skipped} of {self.n_updates} updates in epoch "
                f"{len(self.net.history)} were skipped: {self.last} for {self.named}. Cut "
                "or leave out sequences that are far longer than others or have extreme "
                f"values, or try {advice(self.net)}. The history counts skipped_updates; "
                "later ones are not warned of",
                ConvergenceWarning,
            )
        self.n_updates = self.n_skipped = 0
        self.norm_total = self.norm_max = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the state that the next epoch continues from."""
        return {name: getattr(self, name) for name in KEPT}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state of an earlier training of the same network."""
        device = self.norms.device
        for name in KEPT:
            value = state[name]  # tensors of a file are the CPU's
            setattr(self, name, value.to(device) if isinstance(value, Tensor) else value)

    def end_training(self) -> None:
        """Raise a ValueError if the last update was too large.

        No later loss shows it, so the network is tried where updates were skipped, or the
        weights have grown: both are rare, and in one short training a try costs much.
        """
        bounds = 1 + LARGE_GROWTH * self.norms  # some weights start at zero
        if self.any_skipped or not (self._measure_weights() <= bounds).all():
            check_weights(self.net, self.batches)

    def _measure_weights(self) -> Tensor:
        """Return the norm of each weight tensor."""
        with torch.no_grad():
            return torch.stack(torch._foreach_norm(self.weights))

    def _compute_gradient(
        self, batch: Batch, state: tuple[Tensor, ...], *, check: bool
    ) -> tuple[Tensor, float]:
        """Compute and clip the gradient; return the mean loss, and the same as a float."""
        net = self.net
        net._zero_grad_optimizer()
        n_targets = self.n_targets or batch.n_targets
        loss, self.state = net.add_gradients(batch, n_targets, state)
        gradients = [dense_part(w) for w in self.weights if w.grad is not None]
        # one transfer from the device for both numbers
        norm, value = torch.stack([joint_norm(gradients, loss), loss]).tolist()
        if check and not math.isfinite(value):
            raise NotFinite(loss, "loss", value)
        if check and not math.isfinite(norm):
            raise NotFinite(loss, "norm of the gradient", norm)
        if check:
            self.norm_total += norm
            self.norm_max = max(self.norm_max, norm)
        if net.max_grad_norm is not None and net.max_grad_norm < norm < math.inf:
            with torch.no_grad():
                torch._foreach_mul_(gradients, net.max_grad_norm / norm)
        net.notify(
            "on_grad_computed",
            named_parameters=TeeGenerator(net.get_all_learnable_params()),
            batch=batch,
            training=True,
        )
        return loss, value

    def _skip(self, batch: Batch, before: tuple[Tensor, ...], error: NotFinite) -> None:
        """Leave an update out; a ValueError if it is not the fault of its sequences."""
        check_weights(self.net, self.batches)
        self.any_skipped = True
        self.n_skipped += 1
        self.n_in_a_row += 1
        self.last = str(error)
        # the next chunk of a stream starts from a finite state
        self.state = tuple(part.nan_to_num(0.0, 0.0, 0.0) for part in self.state)
        if self.n_in_a_row == MAX_SKIPPED:
            raise Diverged(self._message(f"for {MAX_SKIPPED} updates in a row"))
        if not self.warned:
            self.named = self._name(batch, before)

    def _name(self, batch: Batch, state: tuple[Tensor, ...]) -> str:
        """Return the sequences that made an update fail by their places in X.

        They are those whose own loss is not finite, the longest first. Where each loss is
        finite, all are named, of equal length that of the largest loss first.
        """
        indices = np.concatenate([part.indices for part in batch])
        losses = self._losses(batch, state)
        bad = ~np.isfinite(losses)
        if bad.any():
            indices, losses = indices[bad], losses[bad]
        lengths = self.dataset.lengths[indices]
        order = np.lexsort((-losses, -lengths))
        longest: dict[int, int] = {}  # of several streams of one sequence
        for i, n in zip(
            self.dataset.origin_of(indices)[order], lengths[order], strict=True
        ):
            longest.setdefault(int(i), int(n))
        names = [f"X[{i}] ({n:,} step{'s' * (n > 1)})" for i, n in longest.items()]
        if len(names) > N_NAMED + 1:
            names[N_NAMED:] = [f"{len(names) - N_NAMED} others"]
        return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)

    def _losses(self, batch: Batch, state: tuple[Tensor, ...]) -> NDArray[np.float64]:
        """Return the loss of each sequence of a batch, without dropout."""
        found = []
        with evaluation(self.net):
            for part in batch:
                outputs, state = run(self.net, part, state)
                losses = self.net.weighted_losses(part, outputs)
                found.append(losses.reshape(len(losses), -1).sum(1).cpu().numpy())
        return np.concatenate(found).astype(np.float64)

    def _message(self, how_often: str) -> str:
        message = (
            f"Training diverged: {self.last} in epoch {len(self.net.history)} "
            f"{how_often}. Try {advice(self.net)}"
        )
        longest = int(self.dataset.lengths.max())
        if self.net.bptt is None and longest >= LONG:
            message += f", or shorter sequences (the longest has {longest:,} steps)"
        return message


def unusable(optimizer: type, error: Exception) -> str:
    """Return the message about an optimizer that cannot train a network."""
    return (
        f"optimizer={optimizer.__name__} cannot train this network: {str(error)[:200]}. "
        'Pass another, such as "adamw"'
    )


def dense_part(weight: Tensor) -> Tensor:
    """Return the gradient of a weight, or of those of its rows that have one."""
    gradient: Any = weight.grad
    if not gradient.is_sparse:
        return gradient
    weight.grad = gradient = gradient.coalesce()
    return gradient.values()


def joint_norm(tensors: list[Tensor], like: Tensor) -> Tensor:
    """Return the norm of all tensors as if they were one vector, on ``like``'s device."""
    if not tensors:
        return torch.zeros_like(like)
    with torch.no_grad():
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))


def check_weights(net: SequenceNet, batches: TrainingBatches) -> None:
    """Raise a ValueError if an update was so large that the network's outputs are not finite.

    Some short sequences are tried, most of which must have a finite loss: a very long one
    may overflow where others do not.
    """
    few = np.arange(len(batches.lengths))
    if len(few) > N_TRIED:
        few = np.argpartition(batches.lengths, N_TRIED)[:N_TRIED]
    inputs = batches.collator(few, 0, net.bptt)
    with evaluation(net):
        losses = net.criterion_(net.module_(inputs.inputs), inputs.targets)
        by_sequence = losses.reshape(len(few), -1).sum(1)
        norm = joint_norm(list(net.module_.parameters()), by_sequence[0])
    finite = by_sequence.isfinite()
    if norm.isfinite() and 2 * int(finite.sum()) >= len(few):
        return
    raise Diverged(
        f"Training diverged: the loss became {by_sequence.sum().item()} in epoch "
        f"{len(net.history)}. Try {advice(net)}"
    )


def advice(net: SequenceNet) -> str:
    """Return advice for training that diverges; it does not name settings in use."""
    config = net.module_.config
    ways = ["a smaller lr"]
    ways.append("a smaller max_grad_norm" if net.max_grad_norm else "max_grad_norm=1.0")
    layer = config.get("input_layer", {})
    if any("n_features" in field for field in layer.get("fields", [layer])):
        ways.append("features scaled to about unit size")
    cell = net.module_.cell
    if cell is not None and cell.n_gates == 1:
        ways.append('cell="lstm"')
    return ", ".join(ways[:-1]) + f" or {ways[-1]}"

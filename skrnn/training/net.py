"""The skorch net: the training loop and pickling.

What the net keeps when pickled is plain Python and numpy. Functions that predict with it
are in ``inference``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer
from torch import Tensor, nn

from skrnn.modules.dropout import set_generator
from skrnn.modules.initialization import allocate
from skrnn.modules.memory import keep_freed_memory
from skrnn.modules.modes import in_usual_modes
from skrnn.modules.networks import empty_network
from skrnn.modules.parallel import one_thread_each
from skrnn.modules.products import has_bfloat16_units, products_in
from skrnn.modules.recurrent import expected_work
from skrnn.training.averaging import AVERAGES, WeightAverage
from skrnn.training.callbacks import StopTraining
from skrnn.training.collate import Batch, MicroBatch, TrainingBatches
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import (
    prediction_batches,
    recurrent_work,
    run,
    run_batch,
)
from skrnn.training.interrupts import Interrupts
from skrnn.training.optimizers import Adam, class_of, name_of
from skrnn.training.seeding import draw_random_state, make_generator
from skrnn.training.states import as_arrays, as_tensors
from skrnn.training.updates import Updates, unusable
from skrnn.training.user_callbacks import (
    any_watches_updates,
    ends_training,
    release_torch,
    set_n_batches,
)

if TYPE_CHECKING:
    from skrnn.training.checkpoint import Checkpoint

#: The training data of an epoch.
Augment = Callable[[np.random.RandomState], EncodedDataset]


def resolve_device(device: str | torch.device) -> str:
    """Return ``device``, for "auto" the GPU where there is one.

    Raises
    ------
    ValueError
        If torch knows no such device, or this machine has none.
    """
    device = str(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if torch.empty(0, device=device).is_meta:
            raise RuntimeError("it holds no values")
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device[:80]!r} cannot be used: {str(error)[:300]}"
        ) from error
    return device


def resolve_precision(precision: str, device: str) -> str:
    """Return ``precision``, a key of ``PRECISIONS``.

    Raises
    ------
    ValueError
        If the device has no units for it, and would only be slower.
    """
    if precision == "float32" or has_bfloat16_units(torch.device(device).type):
        return precision
    raise ValueError(
        f"precision={precision!r} would only be slower on device={device!r}, for which "
        'PyTorch finds no units for it. Use "float32"'
    )


class SequenceNet(NeuralNet):
    """A skorch net over ``EncodedDataset``.

    Differs from skorch's where ragged data needs it: batches come ready-made in
    micro-batches whose gradients add up; losses are one value a sequence, weighted; an
    update whose gradient is not finite is skipped; a user's interrupt is passed on.

    Parameters
    ----------
    module : nn.Module
        A network of ``skrnn.modules.networks``, with its weights.
    criterion : type
        A loss of ``skrnn.training.losses``; its arguments as ``criterion__...``.
    seed : int
        Start of the random streams of the order and of dropout.
    bptt : int, optional
        Steps of a chunk, for a network that carries its state from one to the next.
    max_grad_norm : float, optional
        Larger gradients are scaled down to this norm (Pascanu, Mikolov & Bengio 2013).
    weight_averaging : str, optional
        A key of ``AVERAGES``: what is validated, and stays, is an average of the weights.
    precision : str
        Of matrix products in training, a key of ``PRECISIONS``.
    keep_optimizer : bool
        Whether pickles hold the state of the optimizer and of dropout's random stream.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: type[nn.Module],
        *,
        seed: int = 0,
        bptt: int | None = None,
        max_grad_norm: float | None = None,
        weight_averaging: str | None = None,
        precision: str = "float32",
        keep_optimizer: bool = False,
        **kwargs: Any,
    ):
        self.keep_optimizer = keep_optimizer
        self.precision = precision
        self.seed = seed
        self.bptt = bptt
        self.max_grad_norm = max_grad_norm
        self.weight_averaging = weight_averaging
        super().__init__(module, criterion, **({"train_split": None} | kwargs))

    # --- set-up ----------------------------------------------------------------------

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [("epoch_timer", EpochTimer())]

    def initialize(self) -> SequenceNet:
        """Make the parts, and the random streams of this training."""
        super().initialize()
        #: of the weights of the present training
        self.average_: WeightAverage | None = None
        self.restart_random(self.seed)
        return self

    def restart_random(self, seed: int) -> None:
        """Start the random streams of the order and of dropout from ``seed``."""
        self.order_generator_ = make_generator(seed)
        self.restart_dropout(seed + 1)

    def restart_dropout(self, seed: int) -> None:
        """Start dropout's random stream, which lives on the device, from ``seed``."""
        self.dropout_generator_ = make_generator(seed, self.device)
        set_generator(self.module_, self.dropout_generator_)

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> SequenceNet:
        """Make the optimizer over all weights; frozen ones have no gradient."""
        _, options = self.get_params_for_optimizer("optimizer", [])
        try:
            self.optimizer_ = self.optimizer(list(self.module_.parameters()), **options)
        except (TypeError, ValueError) as error:
            raise ValueError(unusable(self.optimizer, error)) from error
        return self

    def set_loss(self, criterion: type[nn.Module], options: dict[str, Any]) -> None:
        """Replace the loss; ``options`` are its arguments."""
        for name in [name for name in vars(self) if name.startswith("criterion__")]:
            delattr(self, name)
        self.criterion = criterion
        for name, value in options.items():
            setattr(self, f"criterion__{name}", value)
        self.initialize_criterion()
        self.criterion_.to(self.device)

    def set_learning_rate(self, lr: float) -> None:
        """Set the rate that the next training starts from."""
        for group in self.optimizer_.param_groups:
            group["lr"] = lr
            group["initial_lr"] = lr  # where schedules start, also a user's own

    def use_callbacks(self, callbacks: list[Any]) -> None:
        """Replace the callbacks."""
        self.callbacks = callbacks
        self._initialize_callbacks()

    def _initialize_callbacks(self) -> SequenceNet:
        self.listeners_: dict[str, list[Any]] = {}
        return super()._initialize_callbacks()

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call a method of the net, and of all callbacks that have one of their own."""
        getattr(self, method_name)(self, **cb_kwargs)
        if method_name not in self.listeners_:
            nothing = getattr(Callback, method_name)
            self.listeners_[method_name] = [
                callback
                for _, callback in self.callbacks_
                if getattr(getattr(callback, method_name), "__func__", None)
                is not nothing
            ]
        for callback in self.listeners_[method_name]:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                # an interrupt by the user must not be taken for the end of training
                if not ends_training(callback):
                    raise
                raise StopTraining from None

    # --- training --------------------------------------------------------------------

    def partial_fit(
        self,
        X: EncodedDataset,
        y: EncodedDataset | None = None,
        classes: None = None,
        epochs: int | None = None,
        **kwargs: Any,
    ) -> SequenceNet:
        """Train on ``X`` for ``epochs``, else ``max_epochs`` epochs, validating on ``y``.

        A ``checkpoint``, ``interrupts`` and ``augment`` may be passed, a function that makes
        the training data of an epoch from a RandomState.
        """
        keep_freed_memory()
        epochs = self.max_epochs if epochs is None else epochs
        n_before = len(self.history)
        n_epochs = n_before + epochs  # of the whole training
        try:
            try:
                self.notify("on_train_begin", X=X, y=y)
                work = n_epochs * recurrent_work(self, X)
                with (
                    one_thread_each(),
                    expected_work(work),
                    products_in(self.precision),
                ):
                    self.fit_loop(X, y, epochs=epochs, **kwargs)
            except StopTraining:
                pass  # a callback ends training
            finally:
                if self.average_ is not None:
                    self.average_.apply()
                    self.average_ = None
                with suppress(StopTraining):  # it has ended
                    self.notify("on_train_end", X=X, y=y)
        finally:
            self.drop_unfinished_epoch(n_before, validated=y is not None)
            release_torch(self.callbacks_)
            self._set_training(False)
            self.optimizer_.zero_grad(set_to_none=True)
        return self

    def fit_loop(
        self,
        X: EncodedDataset,
        y: EncodedDataset | None = None,
        epochs: int | None = None,
        checkpoint: Checkpoint | None = None,
        interrupts: Interrupts | None = None,
        augment: Augment | None = None,
        **fit_params: Any,
    ) -> SequenceNet:
        """Run the epochs."""
        training = TrainingBatches(
            X, self.batch_size, self.order_generator_, self.device, self.bptt
        )
        with self._updates_by_row():
            self._run_epochs(
                X,
                y,
                training,
                epochs,
                checkpoint,
                interrupts or Interrupts(False),
                augment,
            )
        return self

    @contextmanager
    def _updates_by_row(self) -> Iterator[None]:
        """Update rows of embeddings where they are read, unless somebody looks before.

        After an epoch all rows are up to date.
        """
        optimizer = self.optimizer_
        kind = self.weight_averaging
        if (
            not isinstance(optimizer, Adam)
            or any_watches_updates(self.callbacks_)
            or (kind is not None and AVERAGES[kind].reads_updates)
        ):
            yield
            return
        optimizer.watch(self.module_.lookup_tables())
        try:
            yield
        finally:
            optimizer.release()

    def _set_training(self, training: bool = True) -> None:
        """Change the mode of the parts; whoever evaluates sees all rows up to date."""
        super()._set_training(training)
        if not training and isinstance(self.optimizer_, Adam):
            self.optimizer_.flush()

    def _run_epochs(
        self,
        X: EncodedDataset,
        y: EncodedDataset | None,
        training: TrainingBatches,
        epochs: int | None,
        checkpoint: Checkpoint | None,
        interrupts: Interrupts,
        augment: Augment | None,
    ) -> None:
        updates = Updates(self, X, training)
        validation = None if y is None else prediction_batches(self, y)
        n_batches = len(training) + (0 if validation is None else len(validation))
        set_n_batches(self.callbacks_, n_batches)
        datasets = {"dataset_train": X, "dataset_valid": y}
        # a checkpoint, or a restored snapshot, may have replaced the history
        self.best_: dict[str, float] = {}
        epochs = self.max_epochs if epochs is None else epochs
        if self.weight_averaging is not None:
            self.average_ = AVERAGES[self.weight_averaging](
                self.module_.parameters(), epochs, len(training)
            )
        first = 0 if checkpoint is None else checkpoint.begin(self, updates)
        # before the first update there is nothing to keep, but for members trained before
        interrupts.n_updates += first
        try:
            for epoch in range(first + 1, epochs + 1):
                if augment is not None:
                    X = augment(draw_random_state(self.order_generator_))
                    training.read(X)
                    updates.read(X)
                batches = interrupts.until_requested(training)
                self._run_epoch(epoch, batches, validation, updates, datasets)
                if interrupts.end_training():
                    break
                if checkpoint is not None and epoch < epochs:
                    checkpoint.end_epoch(self, updates, epoch)
        except StopTraining:
            if validation is None:  # else the epoch's loss tells
                updates.end_training()
            raise
        updates.end_training()

    def _run_epoch(
        self,
        epoch: int,
        training: Iterable[Batch],
        validation: Iterable[Batch] | None,
        updates: Updates,
        datasets: dict[str, EncodedDataset | None],
    ) -> None:
        """Train on all batches once, and validate the network, or the average of its weights."""
        self.notify("on_epoch_begin", **datasets)
        self._set_training(True)
        self.run_single_epoch(training, True, "train", updates.step)
        updates.end_epoch()
        self._set_training(False)
        average = self.average_
        if average is not None:
            average.end_epoch(epoch)
        with nullcontext() if average is None else average.applied():
            if validation is not None:
                with products_in("float32"):  # where batches are made, too
                    self.run_single_epoch(
                        validation, False, "valid", self.validation_step
                    )
            try:
                self.notify("on_epoch_end", **datasets)
            finally:
                # one row an update would add up; skorch's checkpoints read the last
                del self.history[-1]["batches"][:-1]

    def run_single_epoch(
        self,
        iterator: Iterable[Batch],
        training: bool,
        prefix: str,
        step_fn: Callable[[Batch], dict[str, Any]],
        **fit_params: Any,
    ) -> None:
        """Go through all batches once and record their mean loss.

        ``step_fn`` returns the ``loss`` of a batch as a tensor, and its ``value`` if it has
        that number already. Others are transferred from the device together, unless
        somebody may look at the history before the last batch.
        """
        at_once = training or any_watches_updates(self.callbacks_)
        rows: list[dict[str, Any]] = []
        losses: list[Any] = []
        sizes: list[int] = []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch)
            loss = step.pop("value", step["loss"])
            if at_once and isinstance(loss, Tensor):
                loss = loss.item()
            rows.append(self.history[-1]["batches"][-1])
            losses.append(loss)
            sizes.append(0 if step.get("skipped", False) else batch.n_targets)
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", batch.n_targets)
            self.notify("on_batch_end", batch=batch, training=training, **step)
        if not at_once and losses:
            losses = torch.stack(losses).tolist()
        total = 0.0
        for row, loss, n_targets in zip(rows, losses, sizes, strict=True):
            row[f"{prefix}_loss"] = loss
            if n_targets:  # it was not skipped
                total += loss * n_targets
        self.record_score(f"{prefix}_loss", total / max(1, sum(sizes)))
        self.history.record(f"{prefix}_batch_count", len(losses))

    def record_score(
        self, name: str, value: float, *, lower_is_better: bool = True
    ) -> None:
        """Record an epoch's value, and as ``name_best`` whether none before was better."""
        sign = 1.0 if lower_is_better else -1.0
        if name not in self.best_:  # of earlier trainings
            before = [sign * row[name] for row in self.history[:-1] if name in row]
            self.best_[name] = min(filter(math.isfinite, before), default=math.inf)
        is_best = sign * value < self.best_[name]
        if is_best:
            self.best_[name] = sign * value
        self.history.record(name, value)
        self.history.record(f"{name}_best", is_best)

    def add_gradients(
        self, batch: Batch, n_targets: float, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Add up the gradients of a batch's micro-batches.

        Returns the mean loss, and the state after the last micro-batch.
        """
        total = torch.zeros((), device=self.device)
        for micro_batch in batch:
            outputs, state = run(self, micro_batch, state)
            loss = self.total_loss(micro_batch, outputs)
            (loss / n_targets).backward()
            total += loss.detach()
        return total / batch.n_targets, state

    def validation_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Return the loss of a batch without training on it."""
        with torch.inference_mode():
            total = sum(
                self.total_loss(micro_batch, outputs)
                for micro_batch, outputs in run_batch(self, batch)
            )
        return {"loss": total / batch.n_targets, "y_pred": None}

    def weighted_losses(self, micro_batch: MicroBatch, outputs: Any) -> Tensor:
        """Return the weighted losses, one a sequence or one a step."""
        return self.criterion_.weighted(outputs, micro_batch.targets, micro_batch.weights)

    def total_loss(self, micro_batch: MicroBatch, outputs: Any) -> Tensor:
        """Return the sum of the weighted losses."""
        return self.criterion_.total(outputs, micro_batch.targets, micro_batch.weights)

    # --- state -----------------------------------------------------------------------

    def drop_unfinished_epoch(self, n_before: int = 0, *, validated: bool) -> None:
        """Delete the history's last row if it is of an epoch that is not over.

        The first ``n_before`` rows are of earlier trainings.
        """
        last = "valid_loss" if validated else "train_loss"
        while len(self.history) > n_before and last not in self.history[-1]:
            del self.history[-1]

    def snapshot(self) -> dict[str, Any]:
        """Return copies of what training and its settings change, for ``restore``."""
        return {
            "settings": self._settings("criterion__"),
            "criterion": self.criterion_,
            "callbacks": (self.callbacks, self.callbacks_, self.listeners_),
            "module": {k: v.clone() for k, v in self.module_.state_dict().items()},
            "optimizer": copy.deepcopy(self.optimizer_.state_dict()),
            "order": self.order_generator_.get_state(),
            "dropout": self.dropout_generator_.get_state(),
            "history": len(self.history),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a ``snapshot``."""
        for name in self._settings("criterion__"):
            del self.__dict__[name]
        self.__dict__.update(snapshot["settings"])
        self.criterion_ = snapshot["criterion"]
        self.callbacks, self.callbacks_, self.listeners_ = snapshot["callbacks"]
        self.module_.load_state_dict(snapshot["module"])
        self.optimizer_.load_state_dict(snapshot["optimizer"])
        self.order_generator_.set_state(snapshot["order"])
        self.dropout_generator_.set_state(snapshot["dropout"])
        del self.history[snapshot["history"] :]

    def training_state(self) -> dict[str, Any]:
        """Return the present state of training, for ``load_training_state``."""
        return {
            "module": self.module_.state_dict(),
            "optimizer": self.optimizer_.state_dict(),
            "order": self.order_generator_.get_state(),
            "dropout": self.dropout_generator_.get_state(),
            "history": [dict(row) for row in self.history],
            "average": None if self.average_ is None else self.average_.state_dict(),
        }

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Take the ``training_state`` of a net with the same network and optimizer."""
        self.module_.load_state_dict(state["module"])
        self.load_optimizer_state(state["optimizer"])
        self.order_generator_.set_state(state["order"])
        self.dropout_generator_.set_state(state["dropout"])
        self.history[:] = state["history"]
        if self.average_ is not None:
            self.average_.load_state_dict(state["average"])

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Take the optimizer's ``state_dict``, its moments in the layout of the weights."""
        groups = self.optimizer_.param_groups
        weights = [weight for group in groups for weight in group["params"]]
        moments = {
            i: {name: _laid_out_like(weights[i], value) for name, value in one.items()}
            for i, one in state["state"].items()
        }
        self.optimizer_.load_state_dict(state | {"state": moments})

    @property
    def n_parameters(self) -> int:
        """Number of trained weights of the network."""
        return sum(p.numel() for p in self.module_.parameters() if p.requires_grad)

    def __getstate__(self) -> dict[str, Any]:
        """Return the network's weights as numpy arrays, beside its configuration.

        The optimizer's moments are left out (they have twice the weights' size) unless
        ``keep_optimizer``: training that resumes after loading starts with fresh ones.
        """
        weights = {
            name: value.detach().cpu().numpy().copy()
            for name, value in self.module_.state_dict().items()
        }
        settings = self._settings("criterion__", "optimizer__")
        return {
            "network": (self.module_.kind, self.module_.config),
            "weights": weights,
            "settings": settings | {"optimizer": name_of(self.optimizer)},
            "order": self.order_generator_.get_state().numpy(),
            "dropout_seed": self.seed + 1 + len(self.history),
            "history": [dict(row) for row in self.history],
            **(self._kept_state() if self.keep_optimizer else {}),
        }

    def _settings(self, *prefixes: str) -> dict[str, Any]:
        """Return the settings of ``KEPT``, and those whose names begin so."""
        return {
            name: value
            for name, value in vars(self).items()
            if name in KEPT or name.startswith(prefixes)
        }

    def _kept_state(self) -> dict[str, Any]:
        """Return the state of the optimizer and of dropout as numpy arrays."""
        state = {
            "optimizer_state": self.optimizer_.state_dict(),
            "dropout": self.dropout_generator_.get_state(),
        }
        return copy.deepcopy(as_arrays(state))

    def load_kept_state(self, state: dict[str, Any]) -> None:
        """Take the state of the optimizer and of dropout that a file holds."""
        self.load_optimizer_state(as_tensors(state["optimizer_state"]))
        stream = as_tensors(state["dropout"])
        # that of a missing device is another generator's
        if stream.shape == self.dropout_generator_.get_state().shape:
            self.dropout_generator_.set_state(stream)

    @in_usual_modes
    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the network again, on the CPU if its device is not there."""
        network = allocate(empty_network(*state["network"]))
        network.load_state_dict(
            {name: as_tensors(value) for name, value in state["weights"].items()}
        )
        settings = dict(state["settings"])
        settings["optimizer"] = class_of(settings["optimizer"])
        try:
            resolve_device(settings["device"])
        except ValueError:
            settings["device"] = "cpu"
        self.__init__(network, **settings)  # type: ignore[misc]
        self.initialize()
        self.order_generator_.set_state(as_tensors(state["order"]))
        self.restart_dropout(state["dropout_seed"])
        if "optimizer_state" in state:
            self.load_kept_state(state)
        self._set_training(False)
        self.history_.extend(state["history"])


#: Settings that a pickled net keeps.
KEPT = (
    "criterion",
    "optimizer",
    "lr",
    "max_epochs",
    "batch_size",
    "verbose",
    "device",
    "seed",
    "bptt",
    "max_grad_norm",
    "weight_averaging",
    "precision",
    "keep_optimizer",
)


def _laid_out_like(weight: Tensor, value: Any) -> Any:
    """Return a tensor of the weight's shape in the weight's layout in memory."""
    if not isinstance(value, Tensor) or value.shape != weight.shape:
        return value
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)

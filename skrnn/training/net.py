"""The skorch net: takes ready-made batches, trains, and gives outputs without padding.

Padding ends here. What the net keeps when pickled is plain Python and numpy.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from traceback import extract_tb
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import EpochTimer, PrintLog
from torch import Tensor, nn

from skrnn.data.codecs import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.generation.hypotheses import Hypotheses, joined
from skrnn.modules.dropout import set_generator
from skrnn.modules.embedding import TokenEmbedding
from skrnn.modules.language import State
from skrnn.modules.networks import empty_network
from skrnn.training.batching import (
    MAX_ROWS,
    Batch,
    Collator,
    EncodedDataset,
    MicroBatch,
    PredictionBatches,
    TrainingBatches,
    max_steps,
)
from skrnn.training.callbacks import StopTraining
from skrnn.training.seeding import make_generator


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
        raise ValueError(f"device={device!r} cannot be used: {error}") from error
    return device


def check_finite(loss: float, epoch: int) -> None:
    """Raise a ValueError with advice if training has diverged."""
    if not math.isfinite(loss):
        raise ValueError(
            f"The training loss became {loss} in epoch {epoch}. Try a smaller lr, a "
            "smaller max_grad_norm, features scaled to about unit size, or "
            'cell="lstm" in place of a ReLU cell'
        )


def targets_of_a_batch(X: EncodedDataset, n_batches: int) -> float | None:
    """Return the mean number of targets of a batch; None with one for each sequence."""
    if not isinstance(X.targets, RaggedArray):
        return None
    return len(X.targets.values) / n_batches


#: Sequences that are tried after the last update.
N_TRIED = 16
#: Steps after which a long sequence is cut where nothing is learned from it.
CHUNK = 4096


class SequenceNet(NeuralNet):
    """A skorch net over ``EncodedDataset``.

    Differs from skorch's where ragged data needs it: batches come ready-made in pieces
    whose gradients add up; losses are one value a sequence, weighted; a user's
    interrupt is passed on; predictions come back in the user's order.

    Parameters
    ----------
    module : nn.Module
        A network of ``skrnn.modules.networks``, with its weights.
    criterion : type
        A loss of ``skrnn.training.losses``; its arguments as ``criterion__...``.
    seed : int
        Start of the order's and of dropout's random numbers.
    bptt : int, optional
        Steps of a chunk, for a network that carries its state from one to the next.
    """

    #: In training: the state behind the last chunk, from which the next one goes on.
    carried_: State = ()
    #: In training, where each step has a target: how many of them a batch has on average.
    targets_of_a_batch_: float | None = None

    def __init__(
        self,
        module: nn.Module,
        criterion: type[nn.Module],
        *,
        seed: int = 0,
        bptt: int | None = None,
        **kwargs: Any,
    ):
        self.seed = seed
        self.bptt = bptt
        super().__init__(module, criterion, **({"train_split": None} | kwargs))

    # --- set-up ----------------------------------------------------------------------

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [("epoch_timer", EpochTimer())]

    def initialize(self) -> SequenceNet:
        """Make the parts, and the random streams of this training."""
        super().initialize()
        self.restart_random(self.seed)
        return self

    def restart_random(self, seed: int) -> None:
        """Start the order's and dropout's random numbers from ``seed``."""
        self.order_generator_ = make_generator(seed)
        self.restart_dropout(seed + 1)

    def restart_dropout(self, seed: int) -> None:
        """Start dropout's random numbers, which live on the device, from ``seed``."""
        self.dropout_generator_ = make_generator(seed, self.device)
        set_generator(self.module_, self.dropout_generator_)

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> SequenceNet:
        """Make the optimizer over the weights that are to be trained."""
        parameters = [p for p in self.module_.parameters() if p.requires_grad]
        _, options = self.get_params_for_optimizer("optimizer", [])
        self.optimizer_ = self.optimizer(parameters, **options)
        return self

    def set_learning_rate(self, lr: float) -> None:
        """Set the rate that the next training starts from."""
        for group in self.optimizer_.param_groups:
            group["lr"] = lr
            group["initial_lr"] = lr  # where schedules start, also a user's own

    # --- training --------------------------------------------------------------------

    def partial_fit(
        self,
        X: EncodedDataset,
        y: EncodedDataset | None = None,
        classes: None = None,
        **kwargs: Any,
    ) -> SequenceNet:
        """Train on ``X`` for ``max_epochs`` epochs, validating on ``y``."""
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y, **kwargs)
        except StopTraining:
            pass  # a callback has seen enough
        finally:
            self.notify("on_train_end", X=X, y=y)
            self._set_training(False)
            self.optimizer_.zero_grad(set_to_none=True)
            self.carried_ = ()
        return self

    def fit_loop(
        self,
        X: EncodedDataset,
        y: EncodedDataset | None = None,
        epochs: int | None = None,
        **fit_params: Any,
    ) -> SequenceNet:
        """Run the epochs."""
        training = self._training_batches(X)
        self.carried_ = ()
        self.targets_of_a_batch_ = targets_of_a_batch(X, len(training))
        validation = None if y is None else self._prediction_batches(y)
        datasets = {"dataset_train": X, "dataset_valid": y}
        for _ in range(self.max_epochs if epochs is None else epochs):
            self.notify("on_epoch_begin", **datasets)
            self._set_training(True)
            self.run_single_epoch(training, True, "train", self.train_step)
            self._set_training(False)
            if validation is not None:
                self.run_single_epoch(validation, False, "valid", self.validation_step)
            try:
                self.notify("on_epoch_end", **datasets)
            except KeyboardInterrupt as error:
                # skorch's own stopping callbacks speak by this exception
                if not _raised_by_skorch(error):
                    raise
                raise StopTraining from None
            finally:
                self.history[-1]["batches"] = []  # one row an update would add up
        # the last update may have been the one that was too large
        few = Batch([training.collator(np.arange(min(len(X), N_TRIED)), 0, self.bptt)])
        check_finite(self.validation_step(few)["loss"].item(), len(self.history))
        return self

    def updates_of_an_epoch(self, X: EncodedDataset) -> int:
        """Return the number of batches of one epoch (about that with chunks)."""
        return len(self._training_batches(X))

    def _training_batches(self, X: EncodedDataset) -> TrainingBatches:
        return TrainingBatches(
            X, self.batch_size, self.order_generator_, self.device, self.bptt
        )

    def run_single_epoch(
        self,
        iterator: Iterable[Batch],
        training: bool,
        prefix: str,
        step_fn: Any,
        **fit_params: Any,
    ) -> None:
        """Go through all batches once and note their mean loss."""
        total = 0.0
        n_targets = n_batches = 0
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch)
            loss = step["loss"].item()
            if training:
                check_finite(loss, len(self.history))
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", batch.n_targets)
            self.notify("on_batch_end", batch=batch, training=training, **step)
            total += loss * batch.n_targets
            n_targets += batch.n_targets
            n_batches += 1
        self.history.record(f"{prefix}_loss", total / max(1, n_targets))
        self.history.record(f"{prefix}_batch_count", n_batches)

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Add up the gradients of a batch's pieces.

        Where each step has a target, a batch of short sequences has few of them. All count
        alike: what is minimized is the mean over the epoch's steps, and not the mean over
        batches of their means, in which the steps of short sequences would weigh more.
        """
        total = torch.zeros((), device=self.device)
        n_targets = self.targets_of_a_batch_ or batch.n_targets
        for piece in batch:
            outputs, self.carried_ = self._run(piece, self.carried_)
            loss = self._piece_loss(piece, outputs)
            (loss / n_targets).backward()
            total += loss.detach()
        return {"loss": total / batch.n_targets, "y_pred": None}

    def validation_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Return the loss of a batch without training on it."""
        with torch.inference_mode():
            total = sum(
                self._piece_loss(piece, outputs)
                for piece, outputs in self._through(batch)
            )
        return {"loss": total / batch.n_targets, "y_pred": None}

    def _piece_loss(self, piece: MicroBatch, outputs: Any) -> Tensor:
        """Return the weighted sum of a piece's losses, one a sequence or one a step."""
        losses = self.criterion_(outputs, piece.targets)
        return losses.sum() if piece.weights is None else (losses * piece.weights).sum()

    def _run(self, piece: MicroBatch, before: State) -> tuple[Any, State]:
        """Return a piece's outputs, and the state behind it, cut off from gradients.

        ``before`` is the state behind the piece before, from which some pieces go on.
        """
        inputs: dict[str, Any] = piece.inputs
        if piece.carries_state:
            n_sequences = len(inputs["lengths"])
            inputs = inputs | {"state": tuple(part[:n_sequences] for part in before)}
        outputs = self.module_(inputs)
        if self.bptt is None:
            return outputs, ()
        return outputs, tuple(part.detach() for part in outputs.state)

    def _through(self, batch: Batch) -> Iterator[tuple[MicroBatch, Any]]:
        """Yield the pieces of a batch with their outputs."""
        state: State = ()
        for piece in batch:
            outputs, state = self._run(piece, state)
            yield piece, outputs

    def _prediction_batches(self, examples: EncodedDataset) -> PredictionBatches:
        chunk = None if self.bptt is None else max(CHUNK, self.bptt)
        layer = getattr(self.module_, "input_layer", None)
        encode = layer.encode_characters if isinstance(layer, TokenEmbedding) else None
        return PredictionBatches(examples, self.device, chunk, encode)

    # --- prediction ------------------------------------------------------------------

    def predict_outputs(self, examples: EncodedDataset) -> NDArray[np.float32]:
        """Return the network's outputs ``(n_sequences, n_outputs)`` in user's order."""
        batches = self._prediction_batches(examples)
        result: NDArray[np.float32] | None = None
        with torch.inference_mode():
            for indices, batch in zip(batches.order, batches, strict=True):
                outputs = self.module_(batch[0].inputs).cpu().numpy()
                if result is None:
                    result = np.empty((len(examples), *outputs.shape[1:]), np.float32)
                result[indices] = outputs
        assert result is not None  # the door refuses empty X
        return result

    def predict_steps(
        self, examples: EncodedDataset, decode: Callable[[Any], Tensor]
    ) -> RaggedArray:
        """Return what ``decode`` makes of the outputs, step by step, in user's order.

        ``decode`` takes the network's outputs of a batch and gives ``(B, T, ...)``.
        """
        batches = self._prediction_batches(examples)
        steps = examples.sequences.steps
        values: NDArray | None = None
        with torch.inference_mode():
            for indices, batch in zip(batches.order, batches, strict=True):
                decoded = decode(self.module_(batch[0].inputs)).cpu().numpy()
                if values is None:
                    shape = (len(steps.values), *decoded.shape[2:])
                    values = np.empty(shape, decoded.dtype)
                lengths = steps.lengths[indices]
                place = np.arange(decoded.shape[1])
                real = place < lengths[:, None]  # (B, T)
                rows = (steps.offsets[indices][:, None] + place)[real]
                values[rows] = decoded[real]
        assert values is not None  # the door refuses empty X
        return steps.with_values(values)

    def score_targets(self, examples: EncodedDataset) -> NDArray[np.float64]:
        """Return each sequence's loss ``(n_sequences,)``, the sum over its steps."""
        result = np.zeros(len(examples))
        with torch.inference_mode():
            for batch in self._prediction_batches(examples):
                for piece, outputs in self._through(batch):
                    losses = self.criterion_(outputs, piece.targets)
                    by_sequence = losses.double().flatten(1).sum(1)
                    result[piece.indices] += by_sequence.cpu().numpy()
        return result

    def read(self, inputs: RaggedArray) -> tuple[Tensor, State]:
        """Return logits ``(n, C)`` behind each sequence's last step, and the states there.

        Sequences of one length are read together: behind padding no state is real.
        """
        lengths = inputs.lengths
        collator = Collator(EncodedDataset(EncodedSequences(inputs)), self.device)
        order, logits, states = [], [], []
        with torch.inference_mode():
            for length in np.unique(lengths):
                same = np.flatnonzero(lengths == length)
                n_rows = min(MAX_ROWS, max(1, max_steps(self.device) // int(length)))
                for rows in np.split(same, np.arange(n_rows, len(same), n_rows)):
                    state: State | None = None
                    for piece in collator.chunks(rows, CHUNK, CHUNK):
                        last, state = self.module_.read(
                            piece.inputs[collator.name], state
                        )
                    assert state is not None  # each sequence has a step, its begin
                    order.append(rows)
                    logits.append(last)
                    states.append(state)
            back = torch.from_numpy(np.argsort(np.concatenate(order))).to(self.device)
            joined_states = zip(*states, strict=True)
            state = tuple(torch.cat(parts)[back] for parts in joined_states)
            return torch.cat(logits)[back], state

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return logits ``(n, C)`` behind one more step ``(n, 1[, F])``, and the state."""
        with torch.inference_mode():
            return self.module_.read(inputs, state)

    def attention(self, examples: EncodedDataset) -> list[NDArray[np.float32]]:
        """Return each pair's attention ``(n_target_steps, n_steps)``, in user's order."""
        result: list[Any] = [None] * len(examples)
        batches = self._prediction_batches(examples)
        with torch.inference_mode():
            for indices, batch in zip(batches.order, batches, strict=True):
                inputs = batch[0].inputs
                weights = self.module_.attention(inputs).cpu().numpy()
                sizes = zip(
                    indices.tolist(),
                    inputs["target_lengths"].tolist(),
                    inputs["lengths"].tolist(),
                    strict=True,
                )
                for row, (i, n_targets, n_steps) in enumerate(sizes):
                    result[i] = weights[row, :n_targets, :n_steps].copy()
        return result

    def search(
        self, examples: EncodedDataset, search: Callable[[Any, Any, NDArray], Hypotheses]
    ) -> Hypotheses:
        """Return what ``search(network, inputs, indices)`` writes, in user's order."""
        batches = self._prediction_batches(examples)
        with torch.inference_mode():
            found = [
                search(self.module_, batch[0].inputs, indices)
                for indices, batch in zip(batches.order, batches, strict=True)
            ]
        return joined(found).take(np.argsort(np.concatenate(batches.order)))

    # --- state -----------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return copies of what training changes, for ``restore``."""
        return {
            "module": {k: v.clone() for k, v in self.module_.state_dict().items()},
            "optimizer": copy.deepcopy(self.optimizer_.state_dict()),
            "order": self.order_generator_.get_state(),
            "dropout": self.dropout_generator_.get_state(),
            "history": len(self.history),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a ``snapshot``."""
        self.module_.load_state_dict(snapshot["module"])
        self.optimizer_.load_state_dict(snapshot["optimizer"])
        self.order_generator_.set_state(snapshot["order"])
        self.dropout_generator_.set_state(snapshot["dropout"])
        del self.history[snapshot["history"] :]

    @property
    def n_parameters(self) -> int:
        """Trained numbers of the network."""
        return sum(p.numel() for p in self.module_.parameters() if p.requires_grad)

    def use_callbacks(self, callbacks: list[Any]) -> None:
        """Replace the callbacks."""
        self.callbacks = callbacks
        self._initialize_callbacks()

    def __getstate__(self) -> dict[str, Any]:
        """Return the network's numpy weights beside what it is built from.

        The optimizer's moments are left out (they are twice the weights' size): training
        that goes on after loading starts with fresh ones.
        """
        weights = {
            name: value.detach().cpu().numpy().copy()
            for name, value in self.module_.state_dict().items()
        }
        return {
            "network": (self.module_.kind, self.module_.config),
            "weights": weights,
            "settings": {
                name: value
                for name, value in vars(self).items()
                if name in KEPT or name.startswith(("criterion__", "optimizer__"))
            },
            "order": self.order_generator_.get_state().numpy(),
            "dropout_seed": self.seed + 1 + len(self.history),
            "history": [dict(row) for row in self.history],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the network again, on the CPU if its device is not there."""
        network = empty_network(*state["network"]).to_empty(device="cpu")
        network.load_state_dict(
            {name: torch.tensor(value) for name, value in state["weights"].items()}
        )
        settings = state["settings"]
        try:
            resolve_device(settings["device"])
        except ValueError:
            settings = settings | {"device": "cpu"}
        self.__init__(network, **settings)  # type: ignore[misc]
        self.initialize()
        self.order_generator_.set_state(torch.tensor(state["order"]))
        self.restart_dropout(state["dropout_seed"])
        self._set_training(False)
        self.history_.extend(state["history"])


#: What a pickled net keeps of its settings.
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
)


def _raised_by_skorch(error: BaseException) -> bool:
    """Tell a stop that skorch's own callback asked for from a user's Ctrl-C in it."""
    last = extract_tb(error.__traceback__)[-1]
    in_skorch = Path(last.filename).parts[-3:-1] == ("skorch", "callbacks")
    return in_skorch and (last.line or "").startswith("raise KeyboardInterrupt")


def print_log() -> PrintLog:
    """Return the callback that prints a line an epoch."""
    return PrintLog()

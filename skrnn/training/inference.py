"""Inference: functions over a fitted net. Padding ends here.

Nothing is kept on the net between calls, so that threads may share one. Results come in the
user's order, and dropout is off, also where a callback predicts in the middle of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.generation.hypotheses import Hypotheses, joined
from skrnn.modules.memory import keep_freed_memory
from skrnn.modules.modes import usual_modes
from skrnn.modules.outputs import State
from skrnn.modules.parallel import (
    n_free_threads,
    one_openmp_thread,
    one_thread_each,
    run_side_by_side,
)
from skrnn.modules.products import products_in
from skrnn.modules.recurrent import expected_work
from skrnn.training.collate import Batch, Collator, MicroBatch, PredictionBatches
from skrnn.training.dataset import EncodedDataset
from skrnn.training.finite import check_finite_rows, raise_not_finite
from skrnn.training.order import MAX_ROWS, is_large, max_steps

if TYPE_CHECKING:
    from skrnn.training.net import SequenceNet

T = TypeVar("T")
#: Words whose characters are encoded at once.
WORDS_TOGETHER = 512
#: Batches of a prediction that run side by side at most, with as many steps as usual ones.
MAX_TOGETHER = 8
#: Steps after which a long sequence is cut where no gradient is wanted.
CHUNK = 4096


# --- the network over a batch -----------------------------------------------------------


def run(net: SequenceNet, micro_batch: MicroBatch, state: State) -> tuple[Any, State]:
    """Return the network's outputs, and the state after them, detached.

    ``state`` is the one after the micro-batch before; it is read where the micro-batch
    carries state.
    """
    inputs: dict[str, Any] = micro_batch.inputs
    if micro_batch.carries_state:
        n_sequences = len(micro_batch.indices)
        inputs = inputs | {"state": tuple(part[:n_sequences] for part in state)}
    outputs = net.module_(inputs)
    if net.bptt is None:
        return outputs, ()
    return outputs, tuple(part.detach() for part in outputs.state)


def run_batch(net: SequenceNet, batch: Batch) -> Iterator[tuple[MicroBatch, Any]]:
    """Yield each micro-batch with the network's outputs."""
    state: State = ()
    for micro_batch in batch:
        outputs, state = run(net, micro_batch, state)
        yield micro_batch, outputs


def prediction_batches(
    net: SequenceNet, dataset: EncodedDataset, *, halved: bool = False
) -> PredictionBatches:
    """Return the batches of a prediction; distinct words are encoded once for all.

    With ``halved`` there are two at least for a CPU, unless there is little to read.
    """
    chunk = None if net.bptt is None else max(CHUNK, net.bptt)

    def encode(characters: Tensor, field: int) -> Tensor:
        encode = net.module_.encode_characters
        if characters.device.type != "cpu":
            return encode(characters, field)
        parts = characters.split(WORDS_TOGETHER)
        return torch.cat(run_side_by_side([partial(encode, p, field) for p in parts]))

    halved = halved and torch.device(net.device).type == "cpu"
    return PredictionBatches(dataset, net.device, chunk, encode, halved=halved)


def recurrent_work(net: SequenceNet, dataset: EncodedDataset) -> float:
    """Return the work of the recurrent layers over a dataset: steps times units."""
    units = sum(cell.hidden_size for cell in net.module_.cells().values())
    return float(units * dataset.longer_lengths.sum())


@contextmanager
def evaluation(net: SequenceNet, dataset: EncodedDataset | None = None) -> Iterator[None]:
    """Turn gradients and dropout off; a net in training returns to it.

    The sequences of ``dataset`` decide which kernels run, of cells that have some.
    """
    keep_freed_memory()
    training = net.module_.training
    if training:
        net._set_training(False)
    try:
        with (
            usual_modes(),
            torch.inference_mode(),
            products_in("float32"),  # a result is the same in any batch, on any machine
            _threads(net, dataset),
            _kernels(net, dataset),
        ):
            yield
    finally:
        if training:
            net._set_training(True)


@contextmanager
def _kernels(net: SequenceNet, dataset: EncodedDataset | None) -> Iterator[None]:
    """Announce the work of cells that have compiled kernels."""
    kind, cells = net.module_.cell, []
    if kind is not None and kind.kernel is not None:  # to ask each cell takes longer
        cells = [cell for cell in net.module_.cells().values() if cell.kernel is not None]
    if not cells:
        yield
        return
    with expected_work(0.0 if dataset is None else recurrent_work(net, dataset)):
        yield


def _threads(
    net: SequenceNet, dataset: EncodedDataset | None
) -> AbstractContextManager[None]:
    """Return the context in which batches run side by side; little work has one thread."""
    if dataset is None or torch.device(net.device).type != "cpu":
        return nullcontext()
    return one_thread_each() if is_large(dataset) else one_openmp_thread()


def network_inputs(
    net: SequenceNet, dataset: EncodedDataset
) -> Iterator[tuple[NDArray[np.int64], dict[str, Tensor]]]:
    """Yield each batch's indices and the network's argument."""
    batches = prediction_batches(net, dataset)
    for indices, batch in zip(batches.order, batches, strict=True):
        yield indices, batch[0].inputs


def computed(
    net: SequenceNet, dataset: EncodedDataset, compute: Callable[[Any, Any], T]
) -> Iterator[tuple[NDArray[np.int64], T]]:
    """Yield each batch's indices and ``compute(indices, inputs)``, of some at a time."""
    batches = prediction_batches(net, dataset, halved=True)
    inputs = (batch[0].inputs for batch in batches)
    pairs = zip(batches.order, inputs, strict=True)
    found = _side_by_side(net, (partial(compute, *pair) for pair in pairs), batches.sizes)
    yield from zip(batches.order, found, strict=True)


def _side_by_side(
    net: SequenceNet, calls: Iterable[Callable[[], T]], sizes: Sequence[int]
) -> Iterator[T]:
    """Yield the results of calls, each for a batch of ``sizes`` padded steps."""
    rest = iter(calls)
    for n_calls in _together(net, sizes):
        yield from run_side_by_side(list(islice(rest, n_calls)))


def _together(net: SequenceNet, sizes: Sequence[int]) -> Iterator[int]:
    """Yield how many of the next batches, of ``sizes`` padded steps, run side by side.

    As many as there are threads, of large ones fewer; one on a GPU.
    """
    on_cpu = torch.device(net.device).type == "cpu"
    most = min(n_free_threads(), MAX_TOGETHER) if on_cpu else 1
    limit = MAX_TOGETHER * max_steps(net.device)
    n_batches = n_steps = 0
    for size in sizes:
        if n_batches == most or (n_batches and n_steps + size > limit):
            yield n_batches
            n_batches = n_steps = 0
        n_batches, n_steps = n_batches + 1, n_steps + size
    yield n_batches


# --- outputs ----------------------------------------------------------------------------


def predict_outputs(
    net: SequenceNet,
    dataset: EncodedDataset,
    decode: Callable[[Any], Tensor] | None = None,
) -> NDArray:
    """Return the outputs ``(n_sequences, n_outputs)``, or ``decode(outputs)``.

    ``decode`` returns a tensor ``(B, ...)`` for a batch.
    """

    def compute(indices: NDArray[np.int64], inputs: dict[str, Tensor]) -> Tensor:
        if decode is not None:
            return decode(_step_scores(net, dataset, indices, inputs))
        outputs = net.module_(inputs).cpu()  # a GPU is waited for once
        check_finite_rows(net, dataset, indices, outputs)
        return outputs

    return _row_by_sequence(net, dataset, compute)


def _step_scores(
    net: SequenceNet,
    dataset: EncodedDataset,
    indices: NDArray[np.int64],
    inputs: dict[str, Tensor],
) -> Any:
    """Return a batch's scores of steps, which are finite."""
    scores = net.module_(inputs).computed()
    check_finite_rows(net, dataset, indices, scores.logits, scores.lengths)
    return scores


def predict_pooled(net: SequenceNet, dataset: EncodedDataset) -> NDArray[np.float32]:
    """Return the pooled vectors ``(n_sequences, n_units)``."""

    def compute(indices: NDArray[np.int64], inputs: dict[str, Tensor]) -> Tensor:
        pooled = net.module_.pool(inputs).cpu()
        check_finite_rows(net, dataset, indices, pooled)
        return pooled

    return _row_by_sequence(net, dataset, compute)


#: ``compute(indices, inputs)`` of a batch.
Compute = Callable[[NDArray[np.int64], dict[str, Tensor]], Tensor]


def _row_by_sequence(
    net: SequenceNet, dataset: EncodedDataset, compute: Compute
) -> NDArray:
    """Return the rows ``(n_sequences, ...)`` that ``compute`` makes of each batch."""
    result: NDArray | None = None
    with evaluation(net, dataset):
        for indices, outputs in computed(net, dataset, compute):
            rows = outputs.cpu().numpy()
            if result is None:
                result = np.empty((len(dataset), *rows.shape[1:]), rows.dtype)
            result[indices] = rows
    assert result is not None  # input validation refuses empty X
    return result


def predict_steps(
    net: SequenceNet, dataset: EncodedDataset, decode: Callable[[Any], Tensor]
) -> RaggedArray:
    """Return ``decode(outputs)``, ``(B, T, ...)`` for a batch, for each real step."""
    scores = partial(_step_scores, net, dataset)
    return _row_by_step(net, dataset, lambda i, inputs: decode(scores(i, inputs)))


def predict_pooling_weights(net: SequenceNet, dataset: EncodedDataset) -> RaggedArray:
    """Return the weight of each real step in attention pooling."""

    def compute(indices: NDArray[np.int64], inputs: dict[str, Tensor]) -> Tensor:
        weights = net.module_.attention(inputs)
        check_finite_rows(net, dataset, indices, weights, inputs["lengths"])
        return weights

    return _row_by_step(net, dataset, compute)


def _row_by_step(
    net: SequenceNet, dataset: EncodedDataset, compute: Compute
) -> RaggedArray:
    """Return the results of ``compute`` for each batch, ``(B, T, ...)``, at real steps."""
    steps = dataset.sequences.steps
    values: NDArray | None = None
    with evaluation(net, dataset):
        for indices, outputs in computed(net, dataset, compute):
            decoded = outputs.cpu().numpy()
            if values is None:
                shape = (len(steps.values), *decoded.shape[2:])
                values = np.empty(shape, decoded.dtype)
            rows, real = steps.rows_of(indices, decoded.shape[1])
            values[rows] = decoded[real]
    assert values is not None  # input validation refuses empty X
    return steps.with_values(values)


def score_targets(
    net: SequenceNet, dataset: EncodedDataset, *, check: bool = True
) -> NDArray[np.float64]:
    """Return the loss of each sequence ``(n_sequences,)``, summed over its steps.

    ``check`` refuses those that are not finite.
    """
    result = np.zeros(len(dataset))
    with evaluation(net, dataset):
        batches = prediction_batches(net, dataset, halved=True)
        calls = (partial(_losses, net, batch) for batch in batches)
        found = _side_by_side(net, calls, batches.sizes)
        for indices, losses in chain.from_iterable(found):
            result[indices] += losses
    if check:
        raise_not_finite(net, dataset, np.flatnonzero(~np.isfinite(result)))
    return result


def _losses(net: SequenceNet, batch: Batch) -> list[tuple[NDArray[np.int64], NDArray]]:
    """Return the indices and summed losses of each micro-batch."""
    found = []
    for micro_batch, outputs in run_batch(net, batch):
        losses = net.criterion_(outputs, micro_batch.targets).double()
        by_sequence = losses.reshape(len(losses), -1).sum(1)
        found.append((micro_batch.indices, by_sequence.cpu().numpy()))
    return found


# --- encoder and decoder ------------------------------------------------------------------


def attention_weights(
    net: SequenceNet, dataset: EncodedDataset
) -> list[NDArray[np.float32]]:
    """Return the attention ``(n_target_steps, n_steps)`` of each pair."""

    def compute(
        indices: NDArray[np.int64], inputs: dict[str, Tensor]
    ) -> tuple[NDArray[np.float32], list[int], list[int]]:
        weights, targets = net.module_.attention(inputs), inputs["target_lengths"]
        check_finite_rows(net, dataset, indices, weights, targets)
        return weights.cpu().numpy(), targets.tolist(), inputs["lengths"].tolist()

    result: list[Any] = [None] * len(dataset)
    with evaluation(net, dataset):
        for indices, (found, n_targets, n_steps) in computed(net, dataset, compute):
            sizes = zip(indices.tolist(), n_targets, n_steps, strict=True)
            for row, (i, last_target, last_step) in enumerate(sizes):
                result[i] = found[row, :last_target, :last_step].copy()
    return result


def search(
    net: SequenceNet,
    dataset: EncodedDataset,
    search: Callable[[Any, Any, NDArray], Hypotheses],
) -> Hypotheses:
    """Return the hypotheses that ``search(network, inputs, indices)`` finds."""
    order, found = [], []
    with evaluation(net, dataset):
        decode = partial(search, net.module_)
        for indices, one in computed(net, dataset, lambda i, x: decode(x, i)):
            # without a finite score no hypothesis has ended
            lost = ~np.isfinite(one.log_probabilities[:, 0])
            raise_not_finite(net, dataset, indices[lost])
            order.append(indices)
            found.append(one)
    return joined(found).take(np.argsort(np.concatenate(order)))


# --- language models ----------------------------------------------------------------------


def predict_next(net: SequenceNet, prompts: EncodedSequences) -> NDArray[np.float32]:
    """Return the logits ``(n, C)`` of what follows each prompt."""
    logits, _ = read_prompts(net, prompts, keep_states=False)
    best = logits.amax(1).clamp(min=0.0)  # -inf is a step that never comes next
    check_finite_rows(net, EncodedDataset(prompts), np.arange(len(prompts)), best)
    return logits.cpu().numpy()


def read_prompts(
    net: SequenceNet, prompts: EncodedSequences, *, keep_states: bool = True
) -> tuple[Tensor, State]:
    """Return logits ``(n, C)`` after the last step of each prompt, and the states there.

    Prompts of one length are read together: after padding no state is real. States that are
    not kept are an empty tuple: those of many prompts take far more memory than a batch's.
    """
    lengths = prompts.steps.lengths
    dataset = EncodedDataset(prompts)
    collator = Collator(dataset, net.device)

    def read(rows: NDArray[np.int64]) -> tuple[Tensor, State]:
        state: State | None = None
        for chunk in collator.chunks(rows, CHUNK, CHUNK):
            if state is None:
                state = net.module_.start(chunk.inputs)
            last, state = net.module_.read(chunk.inputs[collator.name], state)
        assert state is not None  # each prompt has a step, its begin
        return last, state if keep_states else ()

    order: list[NDArray[np.int64]] = []
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        n_rows = min(MAX_ROWS, max(1, max_steps(net.device) // int(length)))
        order += np.split(same, np.arange(n_rows, len(same), n_rows))
    with evaluation(net, dataset):
        sizes = [len(rows) * min(int(lengths[rows[0]]), CHUNK) for rows in order]
        found = _side_by_side(net, (partial(read, rows) for rows in order), sizes)
        logits, states = zip(*found, strict=True)
        back = torch.from_numpy(np.argsort(np.concatenate(order))).to(net.device)
        joined_states = zip(*states, strict=True)
        return torch.cat(logits)[back], tuple(
            torch.cat(parts)[back] for parts in joined_states
        )


def step(net: SequenceNet, inputs: Tensor, state: State) -> tuple[Tensor, State]:
    """Return logits ``(n, C)`` after one more step ``(n, 1[, F])``, and the state there."""
    with evaluation(net):
        return net.module_.read(inputs, state)

"""Generation by a fitted net, block by block: continuations of prompts, sampled targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray, offsets_of
from skrnn.generation.sampling import (
    NotFiniteLogits,
    RandomStreams,
    Sampling,
    generate_features,
    generate_tokens,
)
from skrnn.modules.embedding import UNKNOWN
from skrnn.modules.outputs import State
from skrnn.modules.parallel import one_openmp_thread
from skrnn.training.dataset import EncodedDataset
from skrnn.training.finite import raise_not_finite
from skrnn.training.inference import evaluation, network_inputs, read_prompts, step
from skrnn.training.net import SequenceNet

#: Sequences that are generated together, and logits that they may have together. A GPU is
#: as fast with many as with few.
MAX_ROWS = {"cpu": 1024, "cuda": 1 << 14}
MAX_LOGITS = {"cpu": 1 << 22, "cuda": 1 << 26}
#: Logits of a step from which torch's threads gain more than they wait for each other.
MIN_LOGITS = 1 << 18
#: Steps of sources that they may attend to together: each has its source in memory.
MAX_MEMORY_STEPS = {"cpu": 1 << 15, "cuda": 1 << 19}


class GenerationConfig(NamedTuple):
    """The arguments of one generation.

    Sample ``k`` of prompt (or source) ``i`` has the index ``i * n_samples + k``.

    Attributes
    ----------
    sampling : Sampling
        How steps are chosen.
    max_length : int
        Most steps.
    seed : int
        Start of the samples' random streams.
    ends : tuple of int
        Ids that end a sequence of tokens; empty for features, which never end.
    n_samples : int
        Sequences for each prompt.
    may_be_empty : bool
        Whether a sequence of tokens may end before its first one.
    no_repeat_ngram_size : int
        Length of the runs of tokens that a sequence has once at most; 0 allows all.
    """

    sampling: Sampling
    max_length: int
    seed: int
    ends: tuple[int, ...] = ()
    n_samples: int = 1
    may_be_empty: bool = True
    no_repeat_ngram_size: int = 0

    def random_streams(
        self,
        samples: NDArray[np.int64],
        shape: tuple[int, ...],
        device: torch.device,
    ) -> RandomStreams | None:
        """Return the samples' random numbers, ``shape`` for a step; None if greedy.

        The first sample of a prompt has the same ones, however many samples there are.
        """
        if self.sampling.is_greedy:
            return None
        places = (divmod(index, self.n_samples) for index in samples.tolist())
        keys = [(i, k) if k else (i,) for i, k in places]
        return RandomStreams(self.seed, keys, shape, self.max_length, device)


# --- continuations of prompts ---------------------------------------------------------


class _LanguageState(NamedTuple):
    """The state of a language model, of which rows can be taken."""

    parts: State

    def take(self, sources: torch.Tensor, hypotheses: torch.Tensor) -> _LanguageState:
        """Return some of the sequences."""
        return _LanguageState(tuple(part[sources] for part in self.parts))


def generate(
    net: SequenceNet, prompts: EncodedSequences, config: GenerationConfig, n_outputs: int
) -> RaggedArray:
    """Return the steps that follow each prompt: ids, or float32 features.

    Parameters
    ----------
    net : SequenceNet
        A net over a language model.
    prompts : EncodedSequences
        What the network reads of each prompt.
    config : GenerationConfig
    n_outputs : int
        Columns of the network's logits.

    Returns
    -------
    steps : RaggedArray of n_prompts * n_samples sequences
        All samples of the first prompt, then those of the next.
    """
    found = _Steps()
    order = np.argsort(prompts.steps.lengths, kind="stable")  # similar lengths together
    for block in _blocks(order, config.n_samples, _max_rows(net, n_outputs)):
        for some, chosen in generate_steps(net, prompts, block, config):
            found.add(block[some.cpu().numpy()], chosen.cpu().numpy())
    return found.by_sample(len(prompts) * config.n_samples)


def generate_steps(
    net: SequenceNet,
    prompts: EncodedSequences,
    samples: NDArray[np.int64],
    config: GenerationConfig,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield, step by step, the rows that have not ended and their next steps.

    ``samples`` are the samples' indices, those of a prompt one after the other.
    """
    of_prompt = samples // config.n_samples
    with _named(net, EncodedDataset(prompts), of_prompt):
        yield from _generate_steps(net, prompts, samples, config)


@contextmanager
def _named(
    net: SequenceNet, dataset: EncodedDataset, sequences: NDArray[np.int64]
) -> Iterator[None]:
    """Name the sequence in an error about its logits; ``sequences`` are those of rows."""
    try:
        yield
    except NotFiniteLogits as error:
        raise_not_finite(net, dataset, np.unique(sequences[error.rows.cpu().numpy()]))


def _generate_steps(
    net: SequenceNet,
    prompts: EncodedSequences,
    samples: NDArray[np.int64],
    config: GenerationConfig,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    of_prompt = samples // config.n_samples
    is_first = np.diff(of_prompt, prepend=-1) != 0
    logits, state = read_prompts(net, prompts.take(of_prompt[is_first]))
    device, n_outputs = logits.device, logits.shape[1]
    repeat = torch.from_numpy(np.cumsum(is_first) - 1).to(device)
    logits, state = logits[repeat], tuple(part[repeat] for part in state)
    if config.ends:
        limit = min(config.max_length, np.iinfo(np.int64).max)

        def next_tokens(tokens: torch.Tensor, state: _LanguageState):  # type: ignore[no-untyped-def]
            with _threads(len(tokens), n_outputs):
                logits, parts = step(net, tokens, state.parts)
            return logits, _LanguageState(parts)

        limits = torch.full((len(samples),), limit, device=device)
        yield from _tokens(
            next_tokens, logits, _LanguageState(state), limits, samples, config
        )
        return

    def next_features(features: torch.Tensor, state: State):  # type: ignore[no-untyped-def]
        with _threads(len(features), n_outputs):
            return step(net, features, state)

    every = torch.arange(len(logits), device="cpu")
    for features in generate_features(
        next_features,
        logits,
        state,
        config.max_length,
        sampling=config.sampling,
        random_streams=config.random_streams(samples, (n_outputs,), device),
    ):
        yield every, features


# --- targets of sources ---------------------------------------------------------------


def sample_targets(
    net: SequenceNet,
    sources: EncodedDataset,
    config: GenerationConfig,
    max_lengths: NDArray[np.int64],
    n_outputs: int,
) -> RaggedArray:
    """Return ids of the targets that an encoder and a decoder generate, without ends.

    Parameters
    ----------
    net : SequenceNet
        A net over an encoder and a decoder.
    sources : EncodedDataset
    config : GenerationConfig
    max_lengths : int64 ndarray of shape (n_sources,)
        Most tokens of each source's targets.
    n_outputs : int
        Columns of the network's log-probabilities.

    Returns
    -------
    targets : RaggedArray of n_sources * n_samples sequences
        All samples of the first source, then those of the next.
    """
    found = _Steps()
    network: Any = net.module_

    def next_tokens(tokens: torch.Tensor, state: Any):  # type: ignore[no-untyped-def]
        with _threads(len(tokens), n_outputs):
            scores, state = network.step(tokens, state)  # (B, 1, C)
        return scores[:, 0], state

    with evaluation(net):
        for indices, inputs in network_inputs(net, sources):
            start, lengths = network.encode(inputs), inputs["lengths"]
            n_rows = _max_rows(net, n_outputs, int(lengths.max()))
            for block in _blocks(np.arange(len(indices)), config.n_samples, n_rows):
                places = block // config.n_samples  # in the batch
                samples = indices[places] * config.n_samples + block % config.n_samples
                state = start.repeat(torch.from_numpy(places).to(lengths.device))
                begin = lengths.new_zeros((len(block), 1))
                logits, state = next_tokens(begin, state)
                limits = torch.from_numpy(max_lengths[indices[places]]).to(begin.device)
                with _named(net, sources, indices[places]):
                    for some, chosen in _tokens(
                        next_tokens, logits, state, limits, samples, config
                    ):
                        found.add(samples[some.cpu().numpy()], chosen.cpu().numpy())
    return found.by_sample(len(sources) * config.n_samples)


# --- both ---------------------------------------------------------------------------------


def _threads(n_rows: int, n_outputs: int) -> AbstractContextManager[None]:
    """Return the context of small steps, which run in one thread."""
    return one_openmp_thread() if n_rows * n_outputs < MIN_LOGITS else nullcontext()


def _tokens(
    step: Any,
    logits: torch.Tensor,
    state: Any,
    max_lengths: torch.Tensor,
    samples: NDArray[np.int64],
    config: GenerationConfig,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield what ``generate_tokens`` yields for these samples."""
    device = logits.device
    return generate_tokens(
        step,
        logits,
        state,
        max_lengths,
        sampling=config.sampling,
        random_streams=config.random_streams(samples, (), device),
        ends=torch.tensor(config.ends, device=device),
        never=torch.arange(UNKNOWN + 1, device=device),
        no_repeat_ngram_size=config.no_repeat_ngram_size,
        may_be_empty=config.may_be_empty,
    )


def _max_rows(net: SequenceNet, n_outputs: int, n_memory_steps: int = 1) -> int:
    """Return how many sequences are generated together."""
    device = "cpu" if torch.device(net.device).type == "cpu" else "cuda"
    by_memory = MAX_MEMORY_STEPS[device] // n_memory_steps
    return max(1, min(MAX_ROWS[device], MAX_LOGITS[device] // n_outputs, by_memory))


def _blocks(
    order: NDArray[np.int64], n_samples: int, n_rows: int
) -> Sequence[NDArray[np.int64]]:
    """Return the indices of all samples of prompts in this order, ``n_rows`` a block."""
    samples = (order[:, None] * n_samples + np.arange(n_samples)).ravel()
    return np.split(samples, np.arange(n_rows, len(samples), n_rows))


class _Steps:
    """The steps of all samples so far, in arrays that grow by doubling.

    Small arrays that outlive a batch would lie between what it frees: the C library could not
    give the next batch the same memory.
    """

    def __init__(self) -> None:
        self.n_steps = 0
        self.samples: NDArray = np.empty(0, np.int64)
        self.steps: NDArray = np.empty(0, np.int64)

    def add(self, samples: NDArray[np.int64], steps: NDArray) -> None:
        """Add a step ``(n, ...)`` of each of n samples."""
        end = self.n_steps + len(samples)
        if end > len(self.samples):
            room = max(end, 2 * len(self.samples))
            self.samples = self._moved(self.samples, np.empty(room, np.int64))
            shape = (room, *steps.shape[1:])
            self.steps = self._moved(self.steps, np.empty(shape, steps.dtype))
        self.samples[self.n_steps : end] = samples
        self.steps[self.n_steps : end] = steps
        self.n_steps = end

    def _moved(self, old: NDArray, new: NDArray) -> NDArray:
        if self.n_steps:
            new[: self.n_steps] = old[: self.n_steps]
        return new

    def by_sample(self, n_samples: int) -> RaggedArray:
        """Return the steps of each of ``n_samples`` samples, in order."""
        samples, steps = self.samples[: self.n_steps], self.steps[: self.n_steps]
        order = np.argsort(samples, kind="stable")
        return RaggedArray(
            steps[order], offsets_of(np.bincount(samples, minlength=n_samples))
        )

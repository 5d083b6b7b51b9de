"""Generation from prompts by a fitted net: a state a prompt, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray, offsets_of
from skrnn.generation.sampling import (
    RandomStreams,
    Sampling,
    generate_features,
    generate_tokens,
)
from skrnn.modules.embedding import UNKNOWN
from skrnn.training.inference import read_prompts, step
from skrnn.training.net import SequenceNet

#: Prompts that are continued together, and logits that they may have together. A GPU is
#: as fast with many as with few.
MAX_ROWS = {"cpu": 1024, "cuda": 1 << 14}
MAX_LOGITS = {"cpu": 1 << 22, "cuda": 1 << 26}


class GenerationConfig(NamedTuple):
    """The arguments of one generation.

    Attributes
    ----------
    sampling : Sampling
        How steps are chosen.
    max_length : int
        Most steps.
    seed : int
        Start of the prompts' random streams.
    ends : tuple of int
        Ids that end a sequence of tokens; empty for features, which never end.
    """

    sampling: Sampling
    max_length: int
    seed: int
    ends: tuple[int, ...] = ()


def generate(
    net: SequenceNet, prompts: RaggedArray, config: GenerationConfig, n_outputs: int
) -> RaggedArray:
    """Return the steps that follow each prompt: ids, or float32 features.

    Parameters
    ----------
    net : SequenceNet
        A net over a language model.
    prompts : RaggedArray
        What the network reads of each prompt.
    config : GenerationConfig
    n_outputs : int
        Columns of the network's logits.
    """
    rows: list[NDArray] = []
    steps: list[NDArray] = []
    for block in _blocks(net, prompts.lengths, n_outputs):
        for some, chosen in generate_steps(net, prompts.take(block), block, config):
            rows.append(block[some.cpu().numpy()])
            steps.append(chosen.cpu().numpy())
    if not rows:  # only tokens can end at once
        rows = steps = [np.empty(0, np.int64)]
    all_rows = np.concatenate(rows)
    order = np.argsort(all_rows, kind="stable")
    lengths = np.bincount(all_rows, minlength=len(prompts))
    return RaggedArray(np.concatenate(steps)[order], offsets_of(lengths))


def generate_steps(
    net: SequenceNet,
    prompts: RaggedArray,
    indices: NDArray[np.int64],
    config: GenerationConfig,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield, step by step, the rows that have not ended and their next steps.

    ``indices`` are the prompts' own, which choose their random streams.
    """
    logits, state = read_prompts(net, prompts)
    device = logits.device
    is_tokens = bool(config.ends)
    streams = None
    if not config.sampling.is_greedy:
        shape: tuple[int, ...] = () if is_tokens else (logits.shape[1],)
        streams = RandomStreams(config.seed, indices, shape, config.max_length, device)

    def next_step(inputs: torch.Tensor, state: tuple[torch.Tensor, ...]):  # type: ignore[no-untyped-def]
        return step(net, inputs, state)

    if is_tokens:
        yield from generate_tokens(
            next_step,
            logits,
            state,
            config.max_length,
            sampling=config.sampling,
            random_streams=streams,
            ends=torch.tensor(config.ends, device=device),
            never=torch.arange(UNKNOWN + 1, device=device),
        )
        return
    every = torch.arange(len(logits))
    for features in generate_features(
        next_step,
        logits,
        state,
        config.max_length,
        sampling=config.sampling,
        random_streams=streams,
    ):
        yield every, features


def _blocks(
    net: SequenceNet, lengths: NDArray[np.int64], n_outputs: int
) -> Sequence[NDArray[np.int64]]:
    """Return the indices of prompts that are continued together, similar lengths."""
    device = "cpu" if torch.device(net.device).type == "cpu" else "cuda"
    n_rows = max(1, min(MAX_ROWS[device], MAX_LOGITS[device] // n_outputs))
    order = np.argsort(lengths, kind="stable")
    return np.split(order, np.arange(n_rows, len(order), n_rows))

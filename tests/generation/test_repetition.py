"""Runs of tokens that a search may not repeat, against loops over all runs."""

from __future__ import annotations

import pytest
import torch

from skrnn.generation.beam import beam_search
from skrnn.generation.greedy import greedy_search
from skrnn.generation.repetition import mask_repeated
from skrnn.generation.sampling import RandomStreams, Sampling, generate_tokens

SIZES = pytest.mark.parametrize("size", [1, 2, 3])


def runs_of(tokens, size):
    """Return all runs of so many tokens, in their order."""
    return [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]


def repeats(tokens, size):
    """Return whether a run comes twice."""
    runs = runs_of(list(tokens), size)
    return len(set(runs)) < len(runs)


@pytest.mark.parametrize("length", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_the_tokens_that_would_repeat_a_run_are_masked(size, length):
    generator = torch.Generator().manual_seed(10 * size + length)
    prefixes = torch.randint(3, (4, 5, length), generator=generator)
    scores = torch.rand((4, 5, 3), generator=generator)
    before = scores.clone()
    masked = mask_repeated(scores, prefixes, size)
    for s in range(4):
        for k in range(5):
            tokens = prefixes[s, k].tolist()
            for token in range(3):
                longer = runs_of([*tokens, token], size) if size else []
                is_new = not longer or longer[-1] not in longer[:-1]
                expected = before[s, k, token] if is_new else -torch.inf
                assert masked[s, k, token] == expected
    assert torch.equal(scores, before)


@SIZES
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_beam_of_every_width_finds_all_sequences_without_repetition(
    make_tables, listed, size, length_penalty, seed
):
    tables = make_tables(3, 4, seed)
    found = beam_search(
        tables.step,
        tables.start(),
        torch.full((3,), 4),
        tables.end,
        beam_size=len(tables.sequences(4)),
        length_penalty=length_penalty,
        no_repeat_ngram_size=size,
    )
    for source in range(3):
        ranking = tables.ranking(source, 4, length_penalty)
        expected = [tokens for tokens, _ in ranking if not repeats(tokens, size)]
        assert listed(found, source) == expected


def slow_greedy(tables, source, max_length, size):
    """Return the tokens that are most probable, step by step, of those that are allowed."""
    tokens = ()
    while len(tokens) < max_length:
        scores = {
            token: tables.log_probability(source, (*tokens, token), ends=False)
            for token in range(1, tables.end)
            if not repeats((*tokens, token), size)
        }
        scores[tables.end] = tables.log_probability(source, tokens)
        best = max(scores, key=scores.get)
        if best == tables.end:
            break
        tokens = (*tokens, best)
    return tokens


@SIZES
def test_greedy_search_and_samples_repeat_no_run(make_tables, listed, size):
    tables, limits = make_tables(20, 5, seed=3), torch.arange(20) % 9 + 1
    found = greedy_search(
        tables.step, tables.start(), limits, tables.end, no_repeat_ngram_size=size
    )
    expected = [slow_greedy(tables, i, n, size) for i, n in enumerate(limits.tolist())]
    assert [listed(found, i)[0] for i in range(20)] == expected
    assert max(map(len, expected)) >= 3  # not all end before a run could come again
    assert sampled(tables, limits, None, size) == expected


@SIZES
def test_samples_that_are_drawn_repeat_no_run(make_tables, size):
    tables, limits = make_tables(50, 5, seed=4), torch.full((50,), 12)
    streams = RandomStreams(0, [(i,) for i in range(50)], (), 12, torch.device("cpu"))
    drawn = sampled(tables, limits, streams, size)
    assert not any(repeats(tokens, size) for tokens in drawn)
    streams = RandomStreams(0, [(i,) for i in range(50)], (), 12, torch.device("cpu"))
    assert any(repeats(tokens, size) for tokens in sampled(tables, limits, streams, 0))


def sampled(tables, max_lengths, streams, size):
    """Return the tokens of each source, drawn or, without streams, greedy."""

    def step(tokens, state):
        scores, state = tables.step(tokens, state)
        return scores[:, 0], state

    logits, state = step(
        torch.zeros((len(max_lengths), 1), dtype=torch.int64), tables.start()
    )
    found = [()] * len(max_lengths)
    for rows, tokens in generate_tokens(
        step,
        logits,
        state,
        max_lengths,
        sampling=Sampling(0.0 if streams is None else 1.0),
        random_streams=streams,
        ends=torch.tensor([tables.end]),
        never=torch.tensor([0]),
        no_repeat_ngram_size=size,
    ):
        for row, token in zip(rows.tolist(), tokens.tolist(), strict=True):
            found[row] = (*found[row], token)
    return found

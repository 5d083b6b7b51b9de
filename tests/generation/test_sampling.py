"""Sampling: which tokens may be chosen, how often, and when a sequence ends."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from skrnn.generation import sampling
from skrnn.generation.sampling import (
    RandomStreams,
    Sampling,
    choose_features,
    choose_token,
    generate_features,
    generate_tokens,
)

PROBABILITIES = torch.tensor([0.1, 0.4, 0.2, 0.3])


def keys(*indices):
    return [(index,) for index in indices]


class Rows(NamedTuple):
    """A state that knows which sequences are left."""

    rows: torch.Tensor

    def take(self, sources, hypotheses):
        assert hypotheses.tolist() == sources[:, None].tolist()
        return Rows(self.rows[sources])


def draw(n, *shape):
    return torch.from_numpy(np.random.default_rng(0).random((n, *shape)))


def shares(n=20_000, **how):
    logits = PROBABILITIES.log().expand(n, -1)
    tokens = choose_token(logits, Sampling(**how), draw(n))
    return torch.bincount(tokens, minlength=4) / n


def test_tokens_have_the_frequencies_of_their_probabilities():
    assert_close(shares(), PROBABILITIES, atol=0.01, rtol=0)


def test_temperature_raises_probabilities_to_its_inverse():
    expected = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert_close(shares(temperature=0.5), expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("temperature", [0, 1e-3, 1e-40, 5e-324])
def test_temperature_zero_chooses_the_most_probable(temperature):
    assert shares(temperature=temperature)[1] == 1


@pytest.mark.parametrize("temperature", [1e30, 1e39, 1e300])
def test_a_large_temperature_is_uniform(temperature):
    expected = torch.full((4,), 0.25)
    assert_close(shares(temperature=temperature), expected, atol=0.015, rtol=0)


@pytest.mark.parametrize(
    ("how", "allowed"),
    [
        ({"top_k": 1}, [1]),
        ({"top_k": 2}, [1, 3]),
        ({"top_k": 9}, [0, 1, 2, 3]),
        ({"top_p": 5e-324}, [1]),
        ({"top_p": 0.4}, [1]),
        ({"top_p": 0.41}, [1, 3]),
        ({"top_p": 0.8}, [1, 2, 3]),
        ({"top_p": 1.0}, [0, 1, 2, 3]),
        ({"top_k": 3, "top_p": 0.5}, [1, 3]),
    ],
)
def test_allowed_tokens_keep_their_odds(how, allowed):
    expected = torch.zeros(4)
    expected[allowed] = PROBABILITIES[allowed] / PROBABILITIES[allowed].sum()
    assert_close(shares(**how), expected, atol=0.015, rtol=0)


def test_no_more_than_top_k_are_chosen_where_more_are_as_probable():
    tokens = choose_token(torch.zeros(1000, 5), Sampling(top_k=2), draw(1000))
    assert len(tokens.unique()) == 2


def test_the_smallest_and_largest_random_numbers_choose_possible_tokens():
    logits = torch.tensor([-torch.inf, 0.0, 0.0, -torch.inf]).expand(2, -1)
    ends = torch.tensor([0.0, np.nextafter(1.0, 0.0)], dtype=torch.float64)
    assert choose_token(logits, Sampling(), ends).tolist() == [1, 2]


def test_a_sequence_has_a_random_stream_of_its_own():
    names = keys(4, 0, 7)
    random_streams, alone = (
        RandomStreams(3, names, (2,)),
        RandomStreams(3, keys(7), (2,)),
    )
    rows = torch.arange(3)
    for t in range(150):
        drawn = random_streams.draw(rows)
        assert drawn.shape == (len(rows), 2)
        assert_close(drawn[-1], alone.draw(torch.arange(1))[0], rtol=0, atol=0)
        if t in (20, 100):
            rows = rows[1:]  # one has ended
    one, other = (
        RandomStreams(seed, names, (2,)).draw(torch.arange(3)) for seed in (3, 4)
    )
    assert not (one == other).any()


def test_random_numbers_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    many, rows = RandomStreams(3, keys(*range(4)), (5,)), torch.arange(4)
    monkeypatch.setattr(sampling, "MAX_NUMBERS_DRAWN", 60)
    few = RandomStreams(3, keys(*range(4)), (5,))
    assert few.drawn.shape == (4, 3, 5)
    assert RandomStreams(3, keys(*range(4)), (), max_length=1).drawn.shape == (4, 1)
    for _ in range(100):
        assert_close(few.draw(rows), many.draw(rows), rtol=0, atol=0)


def test_random_numbers_are_uniform_within_and_across_sequences():
    random_streams = RandomStreams(0, keys(*range(500)))
    drawn = torch.stack([random_streams.draw(torch.arange(500)) for _ in range(100)])
    shares = torch.histc(drawn.float(), 10, 0, 1) / drawn.numel()
    assert_close(shares, torch.full((10,), 0.1), atol=0.006, rtol=0)
    correlations = torch.corrcoef(drawn)[~torch.eye(100, dtype=torch.bool)]
    assert correlations.abs().max() < 0.25  # 5.5 standard errors


def test_features_are_chosen_independently():
    logits = torch.tensor([-1.0, 0.0, 2.0]).expand(20_000, -1)
    chosen = choose_features(logits, Sampling(), draw(20_000, 3))
    assert set(chosen.unique().tolist()) == {0.0, 1.0}
    assert_close(chosen.mean(0), logits[0].sigmoid(), atol=0.02, rtol=0)
    greedy = choose_features(logits[:1], Sampling(temperature=0), None)
    assert greedy.tolist() == [[0.0, 0.0, 1.0]]


def counting(ends_at):
    """Return a step whose most probable token is one more than the last one."""

    def step(inputs, state):
        rows = state.rows
        logits = torch.full((len(inputs), 9), -20.0)
        following = inputs[:, 0] + 1
        following[following > ends_at[rows]] = 8
        logits[torch.arange(len(inputs)), following] = 20.0
        return logits, state

    return step


def test_rows_leave_when_they_end_and_the_end_is_not_yielded():
    ends_at = torch.tensor([3, 5, 2])
    logits = torch.full((3, 9), -20.0)
    logits[:, 2] = 20.0
    steps = list(
        generate_tokens(
            counting(ends_at),
            logits,
            Rows(torch.arange(3)),
            torch.full((3,), 10),
            sampling=Sampling(),
            random_streams=RandomStreams(0, keys(*range(3))),
            ends=torch.tensor([8]),
            never=torch.tensor([0, 1]),
        )
    )
    assert [rows.tolist() for rows, _ in steps] == [[0, 1, 2], [0, 1], [1], [1]]
    assert [tokens.tolist() for _, tokens in steps] == [[2, 2, 2], [3, 3], [4], [5]]


def test_forbidden_tokens_are_not_generated_however_probable():
    logits = torch.tensor([[50.0, 40.0, 0.0, 0.0]]).expand(500, -1)
    (_, tokens), *_ = generate_tokens(
        lambda inputs, state: (logits, state),
        logits,
        Rows(torch.arange(500)),
        torch.ones(500, dtype=torch.int64),
        sampling=Sampling(),
        random_streams=RandomStreams(0, keys(*range(500))),
        ends=torch.tensor([9]),
        never=torch.tensor([0, 1]),
    )
    assert set(tokens.tolist()) == {2, 3}


def test_a_sequence_ends_at_its_own_largest_length():
    logits = torch.full((3, 9), -20.0)
    logits[:, 2] = 20.0
    steps = list(
        generate_tokens(
            counting(torch.tensor([7, 7, 3])),
            logits,
            Rows(torch.arange(3)),
            torch.tensor([2, 4, 4]),
            sampling=Sampling(temperature=0.0),
            random_streams=None,
            ends=torch.tensor([8]),
            never=torch.tensor([0, 1]),
        )
    )
    assert [rows.tolist() for rows, _ in steps] == [[0, 1, 2], [0, 1, 2], [1], [1]]
    assert [tokens.tolist() for _, tokens in steps] == [[2] * 3, [3] * 3, [4], [5]]


@pytest.mark.parametrize("may_be_empty", [True, False])
def test_sequences_have_the_frequencies_of_their_probabilities(make_tables, may_be_empty):
    tables, n = make_tables(2, 4, scale=1.0), 20_000
    tables.scores = tables.scores.log_softmax(-1)  # token 0 gives its share to the others
    sources = torch.arange(2).repeat_interleave(n)

    def step(tokens, state):
        scores, state = tables.step(tokens, state)
        return scores[:, 0], state

    scores, state = step(
        torch.zeros((2 * n, 1), dtype=torch.int64), tables.start(sources)
    )
    found = [()] * (2 * n)
    for rows, tokens in generate_tokens(
        step,
        scores,
        state,
        torch.full((2 * n,), 2),
        sampling=Sampling(),
        random_streams=RandomStreams(0, keys(*range(2 * n))),
        ends=torch.tensor([tables.end]),
        never=torch.tensor([0]),
        may_be_empty=may_be_empty,
    ):
        for row, token in zip(rows.tolist(), tokens.tolist(), strict=True):
            found[row] += (token,)
    for source in range(2):
        counts = Counter(found[source * n : (source + 1) * n])
        expected = {
            # one of the largest length is cut there: its end need not be probable
            sequence: np.exp(
                tables.log_probability(source, sequence, ends=len(sequence) < 2)
            )
            for sequence in tables.sequences(2)
        }
        if not may_be_empty:
            expected[()] = 0.0
        total = sum(expected.values())
        assert total == pytest.approx(1) or not may_be_empty
        for sequence, probability in expected.items():
            share = counts[sequence] / n
            assert share == pytest.approx(probability / total, abs=0.015)


def test_features_are_generated_for_all_steps():
    logits = torch.full((2, 3), 20.0)
    steps = list(
        generate_features(
            lambda inputs, state: (-logits, state),
            logits,
            (),
            3,
            sampling=Sampling(),
            random_streams=RandomStreams(0, keys(*range(2)), (3,)),
        )
    )
    assert [step.mean().item() for step in steps] == [1.0, 0.0, 0.0]

"""Sampling: which tokens may be chosen, how often, and when writing ends."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from skrnn.generation.sampling import (
    Sampling,
    choose_features,
    choose_token,
    write_features,
    write_tokens,
)
from skrnn.training.seeding import make_generator

PROBABILITIES = torch.tensor([0.1, 0.4, 0.2, 0.3])


def shares(n=20_000, **how):
    logits = PROBABILITIES.log().expand(n, -1)
    tokens = choose_token(logits, Sampling(**how), make_generator(0))
    return torch.bincount(tokens, minlength=4) / n


def test_tokens_come_as_often_as_they_are_probable():
    assert_close(shares(), PROBABILITIES, atol=0.01, rtol=0)


def test_temperature_raises_probabilities_to_its_inverse():
    expected = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert_close(shares(temperature=0.5), expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("temperature", [0, 1e-3, 1e-40, 5e-324])
def test_no_temperature_takes_the_most_probable(temperature):
    assert shares(temperature=temperature)[1] == 1


@pytest.mark.parametrize(
    ("how", "allowed"),
    [
        ({"top_k": 1}, [1]),
        ({"top_k": 2}, [1, 3]),
        ({"top_k": 9}, [0, 1, 2, 3]),
        ({"top_p": 0.4}, [1]),
        ({"top_p": 0.41}, [1, 3]),
        ({"top_p": 0.8}, [1, 2, 3]),
        ({"top_p": 1.0}, [0, 1, 2, 3]),
        ({"top_k": 3, "top_p": 0.5}, [1, 3]),
    ],
)
def test_the_rest_keep_their_odds_among_themselves(how, allowed):
    expected = torch.zeros(4)
    expected[allowed] = PROBABILITIES[allowed] / PROBABILITIES[allowed].sum()
    assert_close(shares(**how), expected, atol=0.015, rtol=0)


def test_features_come_each_by_its_own_chance():
    logits = torch.tensor([-1.0, 0.0, 2.0]).expand(20_000, -1)
    chosen = choose_features(logits, Sampling(), make_generator(0))
    assert set(chosen.unique().tolist()) == {0.0, 1.0}
    assert_close(chosen.mean(0), logits[0].sigmoid(), atol=0.02, rtol=0)
    greedy = choose_features(logits[:1], Sampling(temperature=0), make_generator(0))
    assert greedy.tolist() == [[0.0, 0.0, 1.0]]


def counting(ends_at):
    """Return a step whose most probable token is one more than the last one."""

    def step(inputs, state):
        (rows,) = state
        logits = torch.full((len(inputs), 9), -20.0)
        following = inputs[:, 0] + 1
        following[following > ends_at[rows]] = 8
        logits[torch.arange(len(inputs)), following] = 20.0
        return logits, state

    return step


def test_rows_leave_as_they_end_and_the_end_is_not_written():
    ends_at = torch.tensor([3, 5, 2])
    logits = torch.full((3, 9), -20.0)
    logits[:, 2] = 20.0
    written = list(
        write_tokens(
            counting(ends_at),
            logits,
            (torch.arange(3),),
            10,
            how=Sampling(),
            generator=make_generator(0),
            ends=torch.tensor([8]),
            never=torch.tensor([0, 1]),
        )
    )
    assert [rows.tolist() for rows, _ in written] == [[0, 1, 2], [0, 1], [1], [1]]
    assert [tokens.tolist() for _, tokens in written] == [[2, 2, 2], [3, 3], [4], [5]]


def test_what_is_never_written_is_not_however_probable():
    logits = torch.tensor([[50.0, 40.0, 0.0, 0.0]]).expand(500, -1)
    (_, tokens), *_ = write_tokens(
        lambda inputs, state: (logits, state),
        logits,
        (),
        1,
        how=Sampling(),
        generator=make_generator(0),
        ends=torch.tensor([9]),
        never=torch.tensor([0, 1]),
    )
    assert set(tokens.tolist()) == {2, 3}


def test_features_are_written_for_all_steps():
    logits = torch.full((2, 3), 20.0)
    steps = list(
        write_features(
            lambda inputs, state: (-logits, state),
            logits,
            (),
            3,
            how=Sampling(),
            generator=make_generator(0),
        )
    )
    assert [step.mean().item() for step in steps] == [1.0, 0.0, 0.0]

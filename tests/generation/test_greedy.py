"""Greedy search against a loop over one source."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.generation.greedy import greedy_search


def search(tables, max_lengths, sources=None, **options):
    start = tables.start(sources)
    return greedy_search(
        tables.step, start, torch.tensor(max_lengths), tables.end, **options
    )


def slow_greedy(tables, source, max_length):
    tokens, code, last = [], 0, 0
    while len(tokens) < max_length:
        code = (code * tables.n_tokens + last + 1) % tables.scores.shape[1]
        last = int(tables.scores[source, code].argmax())
        if last == tables.end:
            break
        tokens.append(last)
    return tuple(tokens)


@pytest.mark.parametrize("seed", range(3))
def test_the_most_probable_token_is_taken_at_every_step(make_tables, listed, seed):
    tables = make_tables(30, 5, seed)
    max_lengths = [1, 2, 4, 7, 0] * 6
    found = search(tables, max_lengths)
    assert found.tokens.shape == (30, 1, found.lengths.max())
    for source, longest in enumerate(max_lengths):
        sequence = slow_greedy(tables, source, longest)
        assert listed(found, source) == [sequence]
        expected = tables.log_probability(source, sequence)
        assert found.log_probabilities[source, 0] == pytest.approx(expected, rel=1e-12)


def test_a_batch_equals_one_source_at_a_time_in_any_order(make_tables, listed, rng):
    tables = make_tables(15, 4)
    max_lengths = rng.integers(1, 9, size=15).tolist()
    together = search(tables, max_lengths)
    order = rng.permutation(15).tolist()
    shuffled = search(tables, [max_lengths[i] for i in order], order)
    for place, source in enumerate(order):
        alone = search(tables, [max_lengths[source]], [source])
        for other, row in ((alone, 0), (shuffled, place)):
            assert listed(other, row) == listed(together, source)
            np.testing.assert_array_equal(
                other.log_probabilities[row], together.log_probabilities[source]
            )


def test_sequences_end_where_the_end_is_all_but_impossible(make_tables):
    tables = make_tables(3, 4)
    tables.scores[..., tables.end] = -1000.0
    found = search(tables, [9, 1, 4])
    assert found.lengths.tolist() == [[9], [1], [4]]
    assert tables.sizes == [3, 3, 2, 2, 2, 1, 1, 1, 1, 1]
    assert (found.log_probabilities < -1000).all()  # the forced end is counted


def test_a_source_that_ends_at_once_has_an_empty_sequence(make_tables):
    tables = make_tables(2, 4)
    tables.scores[..., tables.end] = 0.0
    found = search(tables, [5, 5])
    assert found.lengths.tolist() == [[0], [0]]
    assert found.log_probabilities.tolist() == [[0.0], [0.0]]
    assert tables.sizes == [2]


def test_a_limit_that_no_sequence_reaches_takes_no_memory(make_tables, listed):
    tables = make_tables(3, 3)
    tables.scores[:, ::2, tables.end] = 0.0
    found = search(tables, [1 << 40] * 3)
    for source in range(3):
        assert listed(found, source) == [slow_greedy(tables, source, 200)]


def test_no_sequence_is_empty_unless_it_may_be(make_tables, listed):
    tables = make_tables(3, 4)
    tables.scores[..., tables.end] = 0.0
    found = search(tables, [5, 5, 0], may_be_empty=False)
    first = tables.scores[:, 1, 1 : tables.end].argmax(1) + 1
    assert listed(found, 0) == [(int(first[0]),)]
    assert listed(found, 1) == [(int(first[1]),)]
    assert listed(found, 2) == [()]  # the only sequence without tokens
    for source in range(3):
        (sequence,) = listed(found, source)
        expected = tables.log_probability(source, sequence)
        assert found.log_probabilities[source, 0] == pytest.approx(expected)


def test_a_sequence_stops_at_its_maximal_length_where_it_cannot_end(make_tables):
    tables = make_tables(2, 4)
    tables.scores[..., tables.end] = -torch.inf
    found = search(tables, [3, 1])
    assert found.lengths[:, 0].tolist() == [3, 1]
    assert found.tokens.shape == (2, 1, 3)
    assert np.isneginf(found.log_probabilities).all()

"""Beam search against the list of all sequences, and against a slow one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.generation.beam import beam_search
from skrnn.generation.greedy import greedy_search

PENALTIES = pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 10.0])


def search(tables, max_lengths, sources=None, **options):
    return beam_search(
        tables.step,
        tables.start(sources),
        torch.tensor(max_lengths),
        tables.end,
        **options,
    )


def slow_beam(tables, source, max_length, beam_size, length_penalty):
    """Return the pairs that a beam finds without early stopping, the best first."""
    live, finished = [((), 0.0)], []
    for t in range(max_length + 1):
        candidates = []
        for prefix, _ in live:
            end = tables.log_probability(source, prefix)
            candidates.append((prefix, end, True))
            if t < max_length:
                for token in range(1, tables.end):
                    longer = (*prefix, token)
                    code = last = total = 0
                    for one in longer:
                        code = (code * tables.n_tokens + last + 1) % 97
                        total += tables.scores[source, code, one].item()
                        last = one
                    candidates.append((longer, total, False))
        candidates.sort(key=lambda c: c[1], reverse=True)
        norm = ((5 + t + 1) / 6) ** length_penalty
        finished += [(w, p, p / norm) for w, p, ended in candidates[:beam_size] if ended]
        live = [(w, p) for w, p, ended in candidates if not ended][:beam_size]
    finished.sort(key=lambda f: f[2], reverse=True)
    return [(w, p) for w, p, _ in finished[:beam_size]]


@PENALTIES
@pytest.mark.parametrize(("n_tokens", "max_length"), [(3, 4), (4, 3), (5, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_beam_as_wide_as_there_are_sequences_finds_them_all_in_order(
    make_tables, listed, n_tokens, max_length, seed, length_penalty
):
    tables = make_tables(3, n_tokens, seed)
    width = len(tables.sequences(max_length))
    found = search(
        tables, [max_length] * 3, beam_size=width, length_penalty=length_penalty
    )
    assert found.tokens.shape == (3, width, max_length)
    for source in range(3):
        expected = tables.ranking(source, max_length, length_penalty)
        assert listed(found, source) == [sequence for sequence, _ in expected]
        np.testing.assert_allclose(
            found.log_probabilities[source], [p for _, p in expected], rtol=1e-12
        )


@PENALTIES
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_that_drops_no_candidate_stops_early_without_loss(
    make_tables, listed, seed, length_penalty
):
    # 15 sequences, but never more than 12 candidates at once
    tables = make_tables(2, 4, seed, scale=4.0)
    found = search(tables, [3, 3], beam_size=12, length_penalty=length_penalty)
    for source in range(2):
        expected = tables.ranking(source, 3, length_penalty)[:12]
        assert listed(found, source) == [sequence for sequence, _ in expected]


@PENALTIES
@pytest.mark.parametrize("beam_size", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_beam_equals_a_slow_one(
    make_tables, listed, seed, beam_size, length_penalty
):
    tables = make_tables(5, 6, seed)
    max_lengths = [6, 1, 3, 6, 2]
    found = search(
        tables, max_lengths, beam_size=beam_size, length_penalty=length_penalty
    )
    for source, longest in enumerate(max_lengths):
        expected = slow_beam(tables, source, longest, beam_size, length_penalty)
        assert listed(found, source) == [sequence for sequence, _ in expected]
        np.testing.assert_allclose(
            found.log_probabilities[source][: len(expected)],
            [p for _, p in expected],
            rtol=1e-12,
        )


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(make_tables, listed, seed):
    tables = make_tables(20, 5, seed)
    max_lengths = [1, 2, 3, 8] * 5
    narrow = search(tables, max_lengths, beam_size=1)
    greedy = greedy_search(
        tables.step, tables.start(), torch.tensor(max_lengths), tables.end
    )
    for source in range(20):
        assert listed(narrow, source) == listed(greedy, source)
    np.testing.assert_allclose(
        narrow.log_probabilities, greedy.log_probabilities, rtol=1e-12
    )


@PENALTIES
def test_a_batch_equals_one_source_at_a_time_in_any_order(
    make_tables, listed, rng, length_penalty
):
    tables = make_tables(12, 5, scale=3.0)
    max_lengths = rng.integers(1, 7, size=12).tolist()
    options = {"beam_size": 4, "length_penalty": length_penalty}
    together = search(tables, max_lengths, **options)
    order = rng.permutation(12).tolist()
    shuffled = search(tables, [max_lengths[i] for i in order], order, **options)
    for place, source in enumerate(order):
        alone = search(tables, [max_lengths[source]], [source], **options)
        for other, row in ((alone, 0), (shuffled, place)):
            assert listed(other, row) == listed(together, source)
            np.testing.assert_array_equal(
                other.log_probabilities[row], together.log_probabilities[source]
            )


@PENALTIES
def test_the_n_best_are_sorted_distinct_and_as_probable_as_they_say(
    make_tables, listed, length_penalty
):
    tables = make_tables(6, 6)
    found = search(tables, [5] * 6, beam_size=8, length_penalty=length_penalty)
    for source in range(6):
        sequences = listed(found, source)
        assert len(set(sequences)) == 8
        values = [tables.log_probability(source, s) for s in sequences]
        np.testing.assert_allclose(found.log_probabilities[source], values)
        norms = [((6 + len(s)) / 6) ** length_penalty for s in sequences]
        scores = np.divide(values, norms)
        assert (np.diff(scores) <= 1e-12).all()


@PENALTIES
@pytest.mark.parametrize("n_best", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_the_n_best_are_the_first_of_all(
    make_tables, listed, seed, n_best, length_penalty
):
    tables = make_tables(6, 6, seed)
    options = {"beam_size": 5, "length_penalty": length_penalty}
    found = search(tables, [6, 1, 3, 6, 2, 0], n_best=n_best, **options)
    every = search(tables, [6, 1, 3, 6, 2, 0], **options)
    assert found.log_probabilities.shape == (6, n_best)
    for source in range(6):
        assert listed(found, source) == listed(every, source)[:n_best]
    np.testing.assert_array_equal(
        found.log_probabilities, every.log_probabilities[:, :n_best]
    )


def test_a_search_for_fewer_ends_earlier(make_tables):
    steps = {}
    for n_best in (1, 5):
        tables = make_tables(20, 6, scale=4.0)
        search(tables, [20] * 20, beam_size=5, n_best=n_best)
        steps[n_best] = sum(tables.sizes)
    assert steps[1] < 0.7 * steps[5]


def test_the_large_scores_are_ranked_in_their_own_precision(make_tables, largest):
    tables = make_tables(4, 50)
    tables.scores = tables.scores.float()
    with largest:
        search(tables, [6] * 4, beam_size=3)
    assert largest.sizes[torch.float32] >= 4 * 3 * 50
    assert largest.sizes[torch.float64] <= 4 * 3 * 6  # sources, hypotheses, candidates


def test_a_limit_that_no_sequence_reaches_takes_no_memory(make_tables, listed):
    tables = make_tables(3, 4)
    found = search(tables, [1 << 40] * 3, beam_size=4)
    expected = search(tables, [200] * 3, beam_size=4)
    assert found.tokens.shape[2] == found.lengths.max() < 200
    for source in range(3):
        assert listed(found, source) == listed(expected, source)


@PENALTIES
@pytest.mark.parametrize("seed", [0, 1])
def test_no_sequence_is_empty_unless_it_may_be(make_tables, listed, seed, length_penalty):
    tables = make_tables(3, 4, seed)
    tables.scores[:, :, tables.end] += 2.0  # the empty one would be a good one
    found = search(
        tables,
        [3] * 3,
        beam_size=39,
        length_penalty=length_penalty,
        may_be_empty=False,
    )
    for source in range(3):
        pairs = [p for p in tables.ranking(source, 3, length_penalty) if p[0]]
        assert listed(found, source) == [sequence for sequence, _ in pairs]
        np.testing.assert_allclose(
            found.log_probabilities[source, : len(pairs)], [p for _, p in pairs]
        )


def test_a_source_of_maximal_length_zero_has_an_empty_sequence(make_tables, listed):
    tables = make_tables(2, 4)
    found = search(tables, [0, 2], beam_size=2, may_be_empty=False)
    assert listed(found, 0) == [()]
    assert () not in listed(found, 1)


def test_a_larger_length_penalty_favours_longer_sequences(make_tables):
    tables = make_tables(40, 4)
    short, long = (
        search(tables, [6] * 40, beam_size=10, length_penalty=a).lengths[:, 0]
        for a in (0.0, 2.0)
    )
    assert (long >= short).all()
    assert long.mean() > short.mean() + 0.5


@pytest.mark.parametrize("beam_size", [1, 3])
def test_sequences_end_where_the_end_is_all_but_impossible(make_tables, beam_size):
    tables = make_tables(3, 6)  # four tokens: the end is never among the best three
    tables.scores[..., tables.end] = -1000.0
    max_lengths = [9, 1, 4]
    found = search(tables, max_lengths, beam_size=beam_size)
    assert (found.lengths == np.array(max_lengths)[:, None]).all()
    assert (found.log_probabilities < -1000).all()  # the forced end is counted
    assert tables.sizes == [3, 3, 2, 2, 2, 1, 1, 1, 1, 1]


@PENALTIES
def test_every_source_keeps_its_own_maximal_length(make_tables, length_penalty):
    tables = make_tables(6, 4)
    tables.scores[..., tables.end] -= 1.0
    max_lengths = np.array([1, 5, 2, 4, 0, 3])
    found = search(
        tables, max_lengths.tolist(), beam_size=3, length_penalty=length_penalty
    )
    assert (found.lengths <= max_lengths[:, None]).all()
    some = found.log_probabilities > -np.inf
    longest = np.where(some, found.lengths, 0).max(1)
    assert (longest == max_lengths).sum() >= 5  # the limit binds
    assert found.tokens.shape == (6, 3, longest.max())


def test_missing_hypotheses_have_no_probability(make_tables, listed):
    tables = make_tables(2, 3)  # one token: the sequences are (), (1,) and (1, 1)
    found = search(tables, [2, 1], beam_size=5)
    assert sorted(listed(found, 0)) == [(), (1,), (1, 1)]
    assert sorted(listed(found, 1)) == [(), (1,)]
    assert np.isneginf(found.log_probabilities[0]).tolist() == [False] * 3 + [True] * 2
    assert np.isneginf(found.log_probabilities[1]).tolist() == [False] * 2 + [True] * 3
    missing = np.isneginf(found.log_probabilities)
    assert not found.lengths[missing].any()


def test_finished_sources_leave_the_batch(make_tables):
    tables = make_tables(8, 4)
    tables.scores[:4, :, tables.end] = -1e-3  # four sources end at once
    tables.scores[:4, :, 1 : tables.end] = -8.0
    search(tables, [6] * 8, beam_size=1)
    assert tables.sizes[0] == 8
    assert tables.sizes[1] <= 4
    assert tables.sizes == sorted(tables.sizes, reverse=True)

"""The conditional random field against enumeration of all paths and numeric gradients."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from skrnn.modules import crf
from skrnn.modules.crf import (
    FORBIDDEN,
    ConditionalRandomField,
    best_path,
    best_path_log_likelihood,
    log_likelihood,
    log_partition,
    marginals,
    path_score,
)
from skrnn.modules.initialization import materialize
from skrnn.modules.outputs import PathScores

LENGTHS = torch.tensor([3, 1, 5, 2, 5, 4, 1])
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
N_LABELS = pytest.mark.parametrize("n_labels", [1, 2, 3])


def draw(generator, n_labels=3, *, lengths=LENGTHS, scale=1.0, dtype=torch.float64):
    """Return random scores of a batch, whose padding is random too."""
    shape = (len(lengths), int(lengths.max()), n_labels)

    def normal(*size):
        numbers = torch.randn(size, generator=generator, dtype=torch.float64)
        return (scale * numbers).to(dtype)

    return PathScores(
        normal(*shape),
        lengths,
        normal(n_labels, n_labels),
        normal(n_labels),
        normal(n_labels),
    )


def require_grad(scores):
    """Return the scores as leaves, and the leaves that get gradients."""
    scores = PathScores(
        *(s.clone().requires_grad_() if s.is_floating_point() else s for s in scores)
    )
    return scores, [s for s in scores if s.is_floating_point()]


def paths_of(n_labels, n_steps):
    return list(itertools.product(range(n_labels), repeat=n_steps))


def score_of(scores, row, path):
    """Return the score of one path, added up number by number."""
    logits, _, transitions, start, end = (s.tolist() for s in scores)
    total = start[path[0]] + end[path[-1]]
    total += sum(logits[row][t][label] for t, label in enumerate(path))
    return total + sum(transitions[a][b] for a, b in itertools.pairwise(path))


def enumerate_paths(scores):
    """Yield each sequence's paths, their scores, and their log-partition."""
    n_labels = scores.logits.shape[2]
    for row, n_steps in enumerate(scores.lengths.tolist()):
        paths = paths_of(n_labels, n_steps)
        values = [score_of(scores, row, path) for path in paths]
        highest = max(values)
        total = sum(math.exp(v - highest) for v in values)
        yield paths, values, highest + math.log(total)


def tolerance(dtype):
    return {"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64 else {}


def crf_of(n_labels, seed=0):
    """Return a layer whose scores are random."""
    with torch.device("meta"):
        layer = ConditionalRandomField(n_labels)
    layer = materialize(layer, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for scores in layer.parameters():
            scores.normal_(generator=generator)
    return layer


# --- against all paths ---------------------------------------------------------------


@DTYPES
@N_LABELS
def test_the_score_of_a_path_is_the_sum_along_it(n_labels, dtype, generator):
    scores = draw(generator, n_labels, dtype=dtype)
    labels = torch.randint(n_labels, (7, 5), generator=generator)
    expected = [
        score_of(scores, row, labels[row, :n].tolist())
        for row, n in enumerate(LENGTHS.tolist())
    ]
    expected = torch.tensor(expected, dtype=dtype)
    torch.testing.assert_close(path_score(scores, labels), expected, **tolerance(dtype))


@DTYPES
@N_LABELS
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_the_partition_is_the_sum_over_all_paths(n_labels, scale, dtype, generator):
    scores = draw(generator, n_labels, scale=scale, dtype=dtype)
    expected = [log_z for _, _, log_z in enumerate_paths(scores)]
    got = log_partition(scores)
    assert got.dtype == dtype
    torch.testing.assert_close(
        got, torch.tensor(expected, dtype=dtype), **tolerance(dtype)
    )


@DTYPES
@N_LABELS
def test_the_likelihoods_of_all_paths_add_up_to_one(n_labels, dtype, generator):
    lengths = torch.tensor([4])
    scores = draw(generator, n_labels, lengths=lengths, dtype=dtype)
    total = sum(
        log_likelihood(scores, torch.tensor([path])).exp().item()
        for path in paths_of(n_labels, 4)
    )
    assert total == pytest.approx(1, rel=1e-5)


@DTYPES
@N_LABELS
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_marginals_are_the_shares_of_the_paths_through_a_label(
    n_labels, scale, dtype, generator
):
    scores = draw(generator, n_labels, scale=scale, dtype=dtype)
    expected = torch.zeros(scores.logits.shape, dtype=torch.float64)
    for row, (paths, values, log_z) in enumerate(enumerate_paths(scores)):
        for path, value in zip(paths, values, strict=True):
            for t, label in enumerate(path):
                expected[row, t, label] += math.exp(value - log_z)
    got = marginals(scores)
    torch.testing.assert_close(got, expected.to(dtype), **tolerance(dtype))


@DTYPES
@N_LABELS
@pytest.mark.parametrize("few", [False, True])
def test_the_best_path_is_the_best_of_all(n_labels, few, dtype, generator, monkeypatch):
    if few:  # sequences in one comparison
        monkeypatch.setattr(crf, "MAX_PAIRS", 1)
        monkeypatch.setattr(crf, "MIN_SEQUENCES", 2)
    scores = draw(generator, n_labels, dtype=dtype)
    got = best_path(scores).tolist()
    for row, (paths, values, _) in enumerate(enumerate_paths(scores)):
        best = list(paths[values.index(max(values))])
        assert got[row][: len(best)] == best


def test_the_best_path_need_not_be_made_of_the_most_probable_labels():
    # of three paths the best one, 0 0, has 0.4 of the probability; 1 0 and 1 1 share 0.6
    weights = torch.tensor([[0.4, 1e-30], [0.3, 0.3]])
    zeros = torch.zeros(2)
    scores = PathScores(
        torch.zeros(1, 2, 2), torch.tensor([2]), weights.log(), zeros, zeros
    )
    assert best_path(scores).tolist() == [[0, 0]]
    torch.testing.assert_close(marginals(scores)[0, 0], torch.tensor([0.4, 0.6]))


# --- gradients -----------------------------------------------------------------------


@N_LABELS
def test_gradients_are_those_of_small_differences(n_labels, generator):
    scores, _ = require_grad(draw(generator, n_labels))
    assert torch.autograd.gradcheck(crf._LogPartition.apply, tuple(scores))


@N_LABELS
def test_the_gradients_of_a_weighted_likelihood_are_those_of_small_differences(
    n_labels, generator
):
    scores, _ = require_grad(draw(generator, n_labels))
    labels = torch.randint(n_labels, (7, 5), generator=generator)
    weights = torch.rand(7, generator=generator, dtype=torch.float64)

    def loss(*parts):
        return (log_likelihood(PathScores(*parts), labels) * weights).sum()

    assert torch.autograd.gradcheck(loss, tuple(scores))


def test_gradients_in_single_precision_are_those_in_double_precision(generator):
    exact, exact_leaves = require_grad(draw(generator))
    log_partition(exact).sum().backward()
    single = PathScores(*(s.detach() for s in exact))
    single = PathScores(*(s.float() if s.is_floating_point() else s for s in single))
    single, leaves = require_grad(single)
    log_partition(single).sum().backward()
    for got, expected in zip(leaves, exact_leaves, strict=True):
        assert got.grad.dtype == torch.float32
        torch.testing.assert_close(got.grad, expected.grad.float())


def test_the_gradient_of_the_logits_is_the_marginals(generator):
    scores, leaves = require_grad(draw(generator))
    log_partition(scores).sum().backward()
    torch.testing.assert_close(leaves[0].grad, marginals(scores).detach())


# --- the padding ---------------------------------------------------------------------


@pytest.mark.parametrize("filling", [0.0, 1e30, math.nan, math.inf])
def test_the_padding_has_no_influence(filling, generator):
    scores = draw(generator)
    padding = torch.arange(5) >= LENGTHS[:, None]
    labels = torch.randint(3, (7, 5), generator=generator)
    filled = scores._replace(
        logits=scores.logits.masked_fill(padding[..., None], filling)
    )
    other_labels = labels.masked_fill(padding, 0)
    for function in (log_partition, marginals):
        torch.testing.assert_close(function(filled), function(scores), rtol=0, atol=0)
    torch.testing.assert_close(
        log_likelihood(filled, other_labels), log_likelihood(scores, labels)
    )
    got, expected = best_path(filled), best_path(scores)
    for row, n in enumerate(LENGTHS.tolist()):
        assert got[row, :n].tolist() == expected[row, :n].tolist()

    filled, leaves = require_grad(filled)
    scores, clean_leaves = require_grad(scores)
    log_partition(filled).sum().backward()
    log_partition(scores).sum().backward()
    for a, b in zip(leaves, clean_leaves, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=0)
    assert not leaves[0].grad[padding].any()


def test_a_sequence_alone_is_as_in_a_batch(generator):
    scores = draw(generator)
    log_z, probabilities, paths = (
        f(scores) for f in (log_partition, marginals, best_path)
    )
    for row, n in enumerate(LENGTHS.tolist()):
        alone = scores._replace(
            logits=scores.logits[row : row + 1, :n], lengths=LENGTHS[row : row + 1]
        )
        torch.testing.assert_close(log_partition(alone)[0], log_z[row])
        torch.testing.assert_close(marginals(alone)[0], probabilities[row, :n])
        assert best_path(alone)[0].tolist() == paths[row, :n].tolist()


def test_marginals_are_zero_in_the_padding(generator):
    padding = torch.arange(5) >= LENGTHS[:, None]
    assert not marginals(draw(generator))[padding].any()


# --- what is forbidden ---------------------------------------------------------------


def forbid(layer, moves, first=(), last=()):
    """Forbid pairs of labels, first and last ones."""
    n_labels = len(layer.start)
    follow = torch.ones(n_labels, n_labels, dtype=torch.bool)
    start, end = (torch.ones(n_labels, dtype=torch.bool) for _ in "12")
    for a, b in moves:
        follow[a, b] = False
    start[list(first)] = False
    end[list(last)] = False
    layer.forbid(follow, start, end)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e9])
def test_forbidden_transitions_are_never_on_the_best_path(scale, generator):
    layer = crf_of(4)
    moves = [(0, 1), (2, 2), (3, 0)]
    forbid(layer, moves, first=[1, 2], last=[3])
    lengths = torch.randint(1, 30, (200,), generator=generator)
    logits = scale * torch.randn(200, 29, 4, generator=generator)
    paths = best_path(layer(logits, lengths))
    seen = set()
    for path, n in zip(paths.tolist(), lengths.tolist(), strict=True):
        path = path[:n]
        seen |= set(itertools.pairwise(path))
        assert path[0] not in (1, 2)
        assert path[-1] != 3
    assert not seen & set(moves)
    assert len(seen) == 16 - len(moves)


@torch.no_grad()
def test_forbidden_transitions_have_no_probability(generator):
    layer = crf_of(3)
    forbid(layer, [(0, 1), (1, 1), (2, 1)], first=[2], last=[0])
    logits = torch.randn(7, 5, 3, generator=generator)
    probabilities = marginals(layer(logits, LENGTHS))
    assert not probabilities[:, 1:, 1].any()  # nothing may stand before it
    assert not probabilities[:, 0, 2].any()
    ends = probabilities[torch.arange(7), LENGTHS - 1]
    assert not ends[:, 0].any()


@torch.no_grad()
def test_allowed_paths_share_all_the_probability(generator):
    layer = crf_of(3)
    forbid(layer, [(0, 1), (2, 2)], first=[2], last=[0])
    logits = torch.randn(7, 5, 3, generator=generator)
    scores = layer(logits, LENGTHS)
    for row, (paths, values, log_z) in enumerate(enumerate_paths(scores)):
        allowed = [
            value
            for path, value in zip(paths, values, strict=True)
            if not {(0, 1), (2, 2)} & set(itertools.pairwise(path))
            and path[0] != 2
            and path[-1] != 0
        ]
        expected = torch.tensor(allowed).logsumexp(0)
        torch.testing.assert_close(log_partition(scores)[row], expected)
        assert log_z == pytest.approx(expected.item(), rel=1e-5)


@DTYPES
@N_LABELS
def test_the_likelihood_of_the_best_path_is_the_highest_of_all(
    n_labels, dtype, generator
):
    scores = draw(generator, n_labels, dtype=dtype)
    got = best_path_log_likelihood(scores)
    expected = [max(values) - log_z for _, values, log_z in enumerate_paths(scores)]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))
    chosen = log_likelihood(scores, best_path(scores))
    torch.testing.assert_close(got, chosen.double(), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_likelihood_of_a_long_path_keeps_its_small_differences(generator):
    lengths = torch.tensor([2000])
    scores = draw(generator, lengths=lengths, scale=20.0, dtype=torch.float32)
    got = best_path_log_likelihood(scores)
    exact = PathScores(*(s.double() if s.is_floating_point() else s for s in scores))
    expected = log_likelihood(exact, best_path(scores))
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    logits = torch.zeros_like(scores.logits)
    logits[..., 0] = 500.0
    certain = best_path_log_likelihood(scores._replace(logits=logits))
    assert -1e-9 < certain.item() <= 0


@torch.no_grad()
def test_where_every_path_is_forbidden_the_best_one_has_no_probability(generator):
    layer = crf_of(2)
    forbid(layer, [], first=[0], last=[1])  # one step can be neither
    logits = torch.randn(2, 2, 2, generator=generator)
    got = best_path_log_likelihood(layer(logits, torch.tensor([1, 2])))
    assert got[0] == -torch.inf
    assert got[1] == pytest.approx(0)  # one path is left


@pytest.mark.parametrize("scale", [1.0, 1000.0])
@pytest.mark.parametrize(
    ("moves", "first", "last"),
    [
        ([(0, 0), (0, 1), (0, 2)], [], []),  # a whole row
        ([(0, 1), (1, 1), (2, 1)], [], []),  # a whole column
        (list(itertools.product(range(3), repeat=2)), [], []),
        ([], [0, 1, 2], [0, 1, 2]),
        (list(itertools.product(range(3), repeat=2)), [0, 1, 2], [0, 1, 2]),
        ([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)], [0, 1], [2]),
    ],
)
def test_gradients_are_finite_whatever_is_forbidden(moves, first, last, scale, generator):
    layer = crf_of(3)
    forbid(layer, moves, first, last)
    logits = scale * torch.randn(7, 5, 3, generator=generator)
    logits.requires_grad_()
    labels = torch.randint(3, (7, 5), generator=generator)
    scores = layer(logits, LENGTHS)
    loss = -log_likelihood(scores, labels)
    loss.sum().backward()
    assert loss.isfinite().all()
    for tensor in (logits, *layer.parameters()):
        assert tensor.grad.isfinite().all()
    probabilities = marginals(scores)
    real = torch.arange(5) < LENGTHS[:, None]
    torch.testing.assert_close(probabilities.sum(2)[real], torch.ones(int(real.sum())))


def test_forbidden_scores_learn_nothing(generator):
    layer = crf_of(3)
    forbid(layer, [(0, 1)], first=[2], last=[0])
    scores = layer(torch.randn(7, 5, 3, generator=generator), LENGTHS)
    assert scores.transitions[0, 1] == scores.start[2] == scores.end[0] == FORBIDDEN
    log_partition(scores).sum().backward()
    assert layer.transitions.grad[0, 1] == 0
    assert layer.start.grad[2] == layer.end.grad[0] == 0
    assert layer.transitions.grad.count_nonzero() == 8


def test_a_new_crf_allows_everything_and_prefers_nothing():
    with torch.device("meta"):
        layer = ConditionalRandomField(3)
    layer = materialize(layer, torch.Generator().manual_seed(0))
    assert layer.may_follow.all()
    assert layer.may_start.all()
    assert layer.may_end.all()
    for scores in layer.parameters():
        assert not scores.any()


# --- large and long ------------------------------------------------------------------


@DTYPES
def test_huge_logits_stay_finite(dtype, generator):
    signs = torch.randint(2, (7, 5, 3), generator=generator) * 2 - 1
    scores = draw(generator, dtype=dtype)._replace(logits=1e3 * signs.to(dtype))
    expected = [log_z for _, _, log_z in enumerate_paths(scores)]
    torch.testing.assert_close(log_partition(scores), torch.tensor(expected, dtype=dtype))
    scores, leaves = require_grad(scores)
    (-log_likelihood(scores, torch.zeros(7, 5, dtype=torch.int64))).sum().backward()
    for leaf in leaves:
        assert leaf.grad.isfinite().all()
    real = torch.arange(5) < LENGTHS[:, None]
    sums = marginals(scores).sum(2)[real]
    torch.testing.assert_close(sums, torch.ones_like(sums))


@DTYPES
def test_five_thousand_steps_stay_finite(dtype, generator):
    lengths = torch.tensor([5000, 1, 4000])
    scores = draw(generator, 5, lengths=lengths, scale=3.0, dtype=dtype)
    scores, leaves = require_grad(scores)
    log_z = log_partition(scores)
    assert log_z.isfinite().all()
    log_z.sum().backward()
    for leaf in leaves:
        assert leaf.grad.isfinite().all()
    # every sequence has one label a step and one move between two
    assert leaves[1].grad.sum().item() == pytest.approx(4999 + 3999, rel=1e-5)
    sums = marginals(scores).sum(2)
    real = torch.arange(5000) < lengths[:, None]
    torch.testing.assert_close(sums[real], torch.ones_like(sums[real]))
    assert not sums[~real].any()


@torch.no_grad()
def test_the_best_path_of_five_thousand_steps_is_better_than_any_change_of_it(generator):
    scores = draw(generator, 5, lengths=torch.tensor([5000]), dtype=torch.float64)
    path = best_path(scores)
    highest = path_score(scores, path).item()
    places = torch.randint(5000, (200,), generator=generator)
    for t in places.tolist():
        changed = path.clone()
        changed[0, t] = (changed[0, t] + 1) % 5
        assert path_score(scores, changed).item() < highest
    single = PathScores(*(s.float() if s.is_floating_point() else s for s in scores))
    assert best_path(single)[0].eq(path[0]).float().mean() > 0.999

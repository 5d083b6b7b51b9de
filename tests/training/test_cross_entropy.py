"""The cross-entropy of an output layer against torch's, and its memory."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from skrnn.modules.outputs import StepScores
from skrnn.training import cross_entropy
from skrnn.training.cross_entropy import row_losses, total_loss
from skrnn.training.losses import StepCrossEntropy

N_ROWS, N_FEATURES, N_CLASSES = 11, 3, 5


@pytest.fixture(params=[False, True], ids=["whole", "halves"])
def few_at_a_time(request, monkeypatch):
    """Compute four rows at a time, so that the last chunk is smaller, of all rows or halves."""
    if request.param:
        monkeypatch.setattr(cross_entropy, "MIN_LOSS_SPLIT", 1)
    monkeypatch.setitem(cross_entropy.MAX_SCORES, "cpu", 4 * N_CLASSES)
    monkeypatch.setattr(cross_entropy, "MIN_ROWS", 1)


@pytest.fixture
def layer(generator):
    """Return features, weight, bias, targets and the rows' weights."""

    def normal(*shape):
        numbers = torch.randn(shape, generator=generator, dtype=torch.float64)
        return numbers.requires_grad_()

    targets = torch.randint(N_CLASSES, (N_ROWS,), generator=generator)
    shares = torch.rand(N_ROWS, generator=generator, dtype=torch.float64)
    return (
        normal(N_ROWS, N_FEATURES),
        normal(N_CLASSES, N_FEATURES),
        normal(N_CLASSES),
        targets,
        shares,
    )


@pytest.mark.usefixtures("few_at_a_time")
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_and_gradient_equal_those_of_torch(smoothing, layer):
    *given, targets, shares = layer
    losses = F.cross_entropy(
        F.linear(*given), targets, reduction="none", label_smoothing=smoothing
    )
    expected = (losses * shares).sum()
    got = total_loss(*given, targets, shares, smoothing)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(
        torch.autograd.grad(3 * got, given), torch.autograd.grad(3 * expected, given)
    )
    torch.testing.assert_close(row_losses(*given, targets, smoothing), losses.detach())


@pytest.mark.usefixtures("few_at_a_time")
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_gradient_equals_the_numeric_one(smoothing, layer):
    *given, targets, shares = layer
    assert torch.autograd.gradcheck(
        lambda *layer: total_loss(*layer, targets, shares, smoothing), given
    )


def test_weights_of_classes_are_weights_of_rows(layer):
    *given, targets, _ = layer
    of_class = torch.rand(N_CLASSES, dtype=torch.float64)
    expected = F.cross_entropy(
        F.linear(*given), targets, weight=of_class, reduction="sum"
    )
    torch.testing.assert_close(total_loss(*given, targets, of_class[targets]), expected)


def test_a_class_that_is_ruled_out_gets_no_gradient(layer):
    features, weight, bias, _, shares = layer
    bias = bias.detach().clone()
    bias[0] = -torch.inf
    targets = torch.arange(N_ROWS) % (N_CLASSES - 1) + 1
    got = total_loss(features, weight, bias, targets, shares)
    assert got.isfinite()
    (gradient,) = torch.autograd.grad(got, [weight])
    assert gradient.isfinite().all()
    assert not gradient[0].any()


def test_improbable_targets_have_a_finite_loss():
    bias = torch.tensor([200.0, -200.0, 0.0])
    zeros = torch.zeros(1, 2), torch.zeros(3, 2)
    got = total_loss(*zeros, bias, torch.tensor([1]), torch.ones(1))
    torch.testing.assert_close(got, torch.tensor(400.0))


def test_scores_that_are_not_finite_make_the_loss_not_finite(layer):
    features, weight, bias, targets, shares = layer
    with torch.no_grad():
        features[3, 0] = torch.nan
    assert total_loss(features, weight, bias, targets, shares).isnan()


# --- of steps -------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [None, "by sequence", "by step"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_total_is_the_sum_over_real_steps(weighted, smoothing, generator):
    lengths = torch.tensor([4, 1, 3])
    features = torch.randn(3, 4, N_FEATURES, generator=generator)
    features[1, 2] = torch.nan  # in the padding
    features.requires_grad_()
    weight = torch.randn(N_CLASSES, N_FEATURES, generator=generator, requires_grad=True)
    bias = torch.randn(N_CLASSES, generator=generator, requires_grad=True)
    targets = torch.randint(N_CLASSES, (3, 4), generator=generator)
    shape = {None: None, "by sequence": (3, 1), "by step": (3, 4)}[weighted]
    weights = None if shape is None else torch.rand(shape, generator=generator)
    scores = StepScores(features, lengths, weight, bias)
    loss = StepCrossEntropy(smoothing)
    got = loss.total(scores, targets, weights)
    plain = StepScores(F.linear(features, weight, bias), lengths)
    expected = loss.total(plain, targets, weights)
    torch.testing.assert_close(got, expected)
    of_layer = torch.autograd.grad(got, [features, weight, bias])
    real = [
        torch.autograd.grad(
            loss.total(
                StepScores(
                    F.linear(features[i : i + 1, :n], weight, bias), lengths[i : i + 1]
                ),
                targets[i : i + 1, :n],
                None if weights is None else weights[i : i + 1, :n],
            ),
            [weight, bias],
        )
        for i, n in enumerate(lengths.tolist())
    ]
    for got_part, parts in zip(of_layer[1:], zip(*real, strict=True), strict=True):
        torch.testing.assert_close(got_part, sum(parts))
    assert of_layer[0].isfinite().all()
    assert not of_layer[0][1, 1:].any()
    with torch.no_grad():
        torch.testing.assert_close(loss.total(scores, targets, weights), got.detach())


def test_memory_does_not_grow_with_the_scores(monkeypatch):
    sizes = []
    multiply = cross_entropy.multiply

    def watched(*arguments):
        products = multiply(*arguments)
        sizes.append(products.numel())
        return products

    monkeypatch.setattr(cross_entropy, "multiply", watched)
    monkeypatch.setitem(cross_entropy.MAX_SCORES, "cpu", 1 << 12)
    monkeypatch.setattr(cross_entropy, "MIN_ROWS", 64)
    weight = torch.randn(60, 4, requires_grad=True)
    features = torch.randn(1000, 4, requires_grad=True)
    targets = torch.zeros(1000, dtype=torch.int64)
    total_loss(features, weight, torch.zeros(60), targets, torch.ones(1000)).backward()
    assert max(sizes) <= 1 << 12

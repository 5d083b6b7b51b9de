"""Cross-entropy after a linear output layer, over many classes.

A vocabulary of thousands of words makes the scores of all steps the largest array of a
network: a translator's batch of 1,500 steps has 12 million. Here they are computed for some
rows at a time, and turned into the gradient in place while they are still in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from skrnn.modules.parallel import run_side_by_side
from skrnn.modules.products import add_rows, multiply

#: Scores that are computed at a time, of at least ``MIN_ROWS`` rows: on a CPU they stay in its
#: cache, on a GPU many keep it busy.
MAX_SCORES = {"cpu": 1 << 20, "cuda": 1 << 25}
MIN_ROWS = 128
#: Multiplications of one product from which two halves gain on two cores; a loss has three such
#: products.
MIN_LOSS_SPLIT = 1 << 24


def _parts(n_rows: int, weight: Tensor) -> list[range]:
    """Return the rows that are computed side by side: all, or two halves of many."""
    large = n_rows * weight.numel() >= MIN_LOSS_SPLIT and weight.device.type == "cpu"
    if n_rows < 2 or not large:
        return [range(n_rows)]
    return [range(n_rows // 2), range(n_rows // 2, n_rows)]


def _chunks(part: range, weight: Tensor) -> Iterator[slice]:
    """Yield the rows whose scores are computed together."""
    most = MAX_SCORES.get(weight.device.type, MAX_SCORES["cuda"])
    size = max(MIN_ROWS, most // len(weight))
    for start in part[::size]:
        yield slice(start, min(start + size, part.stop))


def _losses(scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return the loss ``(R,)`` of each row, and turn scores ``(R, C)`` into probabilities.

    ``targets`` are ``(R, 1)``.
    """
    losses = scores.gather(1, targets)[:, 0].neg_()  # (R,)
    if smoothing:
        losses.mul_(1.0 - smoothing).sub_(scores.mean(1), alpha=smoothing)
    top = scores.amax(1)
    torch.softmax(scores, 1, out=scores)
    # the largest probability is at least 1 / C: its logarithm is exact
    return losses.add_(top).sub_(scores.amax(1).log_())


@torch.no_grad()
def row_losses(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy ``(N,)`` of each row, without a gradient.

    Parameters
    ----------
    features : tensor of shape (N, H)
        Inputs of the output layer.
    weight, bias : tensors of shape (C, H) and (C,)
        The output layer.
    targets : int64 tensor of shape (N,)
        Class of each row.
    smoothing : float in [0, 1)
        Share of the target's probability that is spread over all classes.
    """
    losses = features.new_empty(len(features))

    def compute(part: range) -> None:
        for rows in _chunks(part, weight):
            scores = multiply(features[rows], weight, bias)  # (R, C)
            losses[rows] = _losses(scores, targets[rows, None], smoothing)

    run_side_by_side([partial(compute, part) for part in _parts(len(features), weight)])
    return losses


class _LinearCrossEntropy(torch.autograd.Function):
    """The weighted sum of all rows' losses; the gradient is computed with it."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        row_weights: Tensor,
        smoothing: float,
    ) -> Tensor:
        """Return the sum, a scalar."""
        losses = features.new_empty(len(features))
        of_features = torch.empty_like(features)

        def compute(part: range) -> tuple[Tensor, Tensor]:
            of_weight, of_bias = torch.zeros_like(weight), torch.zeros_like(bias)
            for rows in _chunks(part, weight):
                x, share = features[rows], row_weights[rows, None]  # (R, H), (R, 1)
                chosen = targets[rows, None]  # (R, 1)
                scores = multiply(x, weight, bias)  # (R, C)
                losses[rows] = _losses(scores, chosen, smoothing)
                if smoothing:
                    scores.sub_(smoothing / len(weight))
                at_target = scores.new_full(chosen.shape, smoothing - 1.0)
                scores.scatter_add_(1, chosen, at_target)
                torch.mul(multiply(scores, weight.T), share, out=of_features[rows])
                add_rows(of_weight, scores, x * share)  # (C, H)
                of_bias.addmv_(scores.T, share[:, 0])
            return of_weight, of_bias

        parts = _parts(len(features), weight)
        (of_weight, of_bias), *others = run_side_by_side(
            [partial(compute, part) for part in parts]
        )
        for weights, biases in others:
            of_weight += weights
            of_bias += biases
        ctx.gradients = of_features, of_weight, of_bias
        return losses.dot(row_weights)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of features, weight and bias."""
        (factor,) = gradients
        scaled = [factor * gradient for gradient in ctx.gradients]
        return (*scaled, None, None, None)


def total_loss(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    row_weights: Tensor,
    smoothing: float = 0.0,
) -> Tensor:
    """Return the sum over rows of weight times cross-entropy, with a gradient.

    Memory beyond the gradients of the arguments is that of some rows' scores.

    Parameters
    ----------
    features, weight, bias, targets, smoothing :
        As in ``row_losses``.
    row_weights : float tensor of shape (N,)
        Weight of each row, which gets no gradient.
    """
    return _LinearCrossEntropy.apply(
        features, weight, bias, targets, row_weights, smoothing
    )

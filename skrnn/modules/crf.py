"""Linear-chain conditional random field: likelihood, marginals and best label paths.

Every recursion over steps runs on whole batches, in the scaled form: one matrix product
a step instead of a log-sum-exp over all pairs. Rows are sorted by length once, and a row
leaves the product when its sequence ends, so padding costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable

from skrnn.modules.masking import length_mask
from skrnn.modules.outputs import PathScores
from skrnn.modules.transfer import lengths_on_host, to_device

#: Score of a forbidden transition; finite, so that no gradient becomes NaN.
FORBIDDEN = -1e4
#: Smallest weight, where the largest is 1. No path has weight 0, so labels that no
#: transition reaches make no NaN.
MIN_WEIGHT = 1e-150
#: Smallest divisor.
MIN_DIVISOR = 1e-300
#: Numbers in one comparison of all pairs of labels (more leave a core's cache), and its
#: smallest number of sequences (fewer leave the vector units idle).
MAX_PAIRS, MIN_SEQUENCES = 1 << 18, 32


class ConditionalRandomField(nn.Module):
    """Learned transition scores between the labels of neighbouring steps.

    Parameters
    ----------
    n_labels : int
        Number of labels.

    References
    ----------
    Lafferty, McCallum, Pereira (2001). Conditional random fields: probabilistic models
    for segmenting and labeling sequence data. ICML, section 3.
    """

    may_follow: Tensor
    may_start: Tensor
    may_end: Tensor

    def __init__(self, n_labels: int):
        super().__init__()
        self.transitions = nn.Parameter(torch.empty(n_labels, n_labels))
        self.start = nn.Parameter(torch.empty(n_labels))
        self.end = nn.Parameter(torch.empty(n_labels))
        for name, shape in (
            ("may_follow", (n_labels, n_labels)),
            ("may_start", (n_labels,)),
            ("may_end", (n_labels,)),
        ):
            self.register_buffer(name, torch.ones(shape, dtype=torch.bool))

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Set all scores to 0 and allow everything."""
        for scores in (self.transitions, self.start, self.end):
            scores.zero_()
        for allowed in (self.may_follow, self.may_start, self.may_end):
            allowed.fill_(True)

    def forbid(self, may_follow: Tensor, may_start: Tensor, may_end: Tensor) -> None:
        """Allow only what is True: transitions ``(C, C)``, first and last labels."""
        self.may_follow.copy_(may_follow)
        self.may_start.copy_(may_start)
        self.may_end.copy_(may_end)

    def forward(self, logits: Tensor, lengths: Tensor) -> PathScores:
        """Return the scores of a batch; those of forbidden transitions are ``FORBIDDEN``."""
        return PathScores(
            logits,
            lengths,
            self.transitions.masked_fill(~self.may_follow, FORBIDDEN),
            self.start.masked_fill(~self.may_start, FORBIDDEN),
            self.end.masked_fill(~self.may_end, FORBIDDEN),
        )


# --- likelihood ----------------------------------------------------------------------


def log_likelihood(scores: PathScores, labels: Tensor) -> Tensor:
    """Return ``(B,)`` log-probabilities, in nats, of label paths ``(B, T)``."""
    return path_score(scores, labels) - log_partition(scores)


def path_score(scores: PathScores, labels: Tensor) -> Tensor:
    """Return ``(B,)`` unnormalised scores of label paths ``(B, T)``."""
    logits, lengths, transitions, start, end = scores
    rows = torch.arange(len(labels), device=labels.device)
    mask = length_mask(lengths, labels.shape[1])  # (B, T)
    steps = logits.gather(2, labels[..., None])[..., 0]  # (B, T)
    total = steps.masked_fill(~mask, 0.0).sum(1)
    n_labels = transitions.shape[0]
    pairs = labels[:, :-1] * n_labels + labels[:, 1:]  # (B, T - 1)
    moves = transitions.reshape(-1).index_select(0, pairs.reshape(-1)).view_as(pairs)
    total = total + moves.masked_fill(~mask[:, 1:], 0.0).sum(1)
    return total + start[labels[:, 0]] + end[labels[rows, lengths - 1]]


def log_partition(scores: PathScores) -> Tensor:
    """Return ``(B,)`` logarithms of the summed weight of all label paths."""
    return _LogPartition.apply(*scores)


class _LogPartition(torch.autograd.Function):
    """The forward recursion; its gradients are the expected counts.

    An autograd graph of the loop over steps would cost several times the loop, and the
    forward-backward algorithm gives the gradients in closed form (Rabiner 1989, section
    III).
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        lengths: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
    ) -> Tensor:
        lattice = Lattice(PathScores(logits, lengths, transitions, start, end))
        alpha, log_z = lattice.forward_pass()
        ctx.lattice, ctx.alpha = lattice, alpha
        return lattice.restore(log_z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        return ctx.lattice.expected_counts(ctx.alpha, grad)


class Lattice:
    """A batch in the layout of the recursions: step first, the longest sequence first.

    Weights, rescaled at every step, take the place of scores, in float64: they may span
    600 nats before one becomes 0, and no step needs an exponential or a logarithm.

    Attributes
    ----------
    emissions : (T, B, C)
        Exponentials of the logits, each step's largest 1; rows sorted by length.
    n_rows : list of int
        Sequences that reach step t; they are the first rows.
    weights : (C, C)
        Exponentials of the transitions, the largest 1.
    """

    def __init__(self, scores: PathScores):
        logits, lengths, transitions, start, end = scores
        self.dtype = logits.dtype
        known = lengths_on_host(lengths)
        order = np.argsort(-known, kind="stable")
        real = np.arange(logits.shape[1])[:, None] < known[order]  # (T, B)
        self.n_rows = real.sum(1).tolist()
        #: of the real steps but the first, in ``(T - 1) * B`` rows
        self.moved = np.flatnonzero(real[1:])
        self.order = to_device(order, lengths.device)
        self.lengths = lengths.index_select(0, self.order)
        self.rows = torch.arange(len(lengths), device=lengths.device)
        self.real = to_device(real, lengths.device)
        sorted_logits = logits.index_select(0, self.order).transpose(0, 1).double()
        highest = sorted_logits.amax(2, keepdim=True)  # (T, B, 1)
        self.emissions = (sorted_logits - highest).exp_()  # (T, B, C)
        self.weights, shift = _as_weights(transitions)
        self.start, start_shift = _as_weights(start)
        self.end, end_shift = _as_weights(end)
        #: logarithms of the divisors of a whole path's weights
        self.divided = (
            highest[..., 0].masked_fill(~self.real, 0.0).sum(0)
            + (self.lengths - 1) * shift
            + start_shift
            + end_shift
        )  # (B,)

    def restore(self, values: Tensor) -> Tensor:
        """Return sorted rows in the batch's order and dtype."""
        result = torch.empty_like(values, dtype=self.dtype)
        result[self.order] = values.to(self.dtype)
        return result

    def forward_pass(self) -> tuple[Tensor, Tensor]:
        """Return the weights of all paths up to each label, and of all whole paths.

        Returns
        -------
        alpha : (T, B, C)
            Each step's largest is 1; undefined in the padding.
        log_z : (B,)
            Logarithms of the summed weights.
        """
        alpha = torch.empty_like(self.emissions)
        largest = self.emissions.new_ones((*alpha.shape[:2], 1))  # (T, B, 1)
        torch.mul(self.emissions[0], self.start, out=alpha[0])
        steps = zip(*map(self._real_rows, (alpha, self.emissions, largest)), strict=True)
        before: Tensor | None = None
        for step, emissions, divisor in steps:
            if before is not None:
                torch.mm(before[: len(step)], self.weights, out=step)
                step.mul_(emissions)
            torch.amax(step, 1, keepdim=True, out=divisor)
            step.div_(divisor.clamp_min_(MIN_DIVISOR))
            before = step
        last = alpha[self.lengths - 1, self.rows] @ self.end  # (B,)
        return alpha, largest[..., 0].log_().sum(0) + last.log_() + self.divided

    def _real_rows(self, values: Tensor) -> list[Tensor]:
        """Return the rows ``(n, C)`` of sequences that reach each step of (T, B, C)."""
        n_all = values.shape[1]  # of which slices would take as long as the products
        steps = zip(values.unbind(), self.n_rows, strict=True)
        return [step if n == n_all else step[:n] for step, n in steps]

    def backward_pass(self) -> Tensor:
        """Return ``(T, B, C)`` rescaled weights of all paths that follow each label.

        Step t's own logit is not part of it.
        """
        beta = self.end.expand_as(self.emissions).clone()  # right at the last step
        weights = self.weights.T.contiguous()
        after, emissions = map(self._real_rows, (beta, self.emissions))
        for t in range(len(beta) - 2, -1, -1):
            step = torch.mm(emissions[t + 1] * after[t + 1], weights)
            divisor = step.amax(1, keepdim=True).clamp_min_(MIN_DIVISOR)
            torch.div(step, divisor, out=after[t][: len(step)])
        return beta

    def marginals(self, alpha: Tensor, beta: Tensor) -> Tensor:
        """Return ``(T, B, C)`` probabilities of each step's labels, 0 in the padding."""
        weights = alpha * beta
        total = weights.sum(2, keepdim=True).clamp_min_(MIN_DIVISOR)
        return weights.div_(total).masked_fill_(~self.real[..., None], 0.0)

    def expected_counts(
        self, alpha: Tensor, grad: Tensor
    ) -> tuple[Tensor, None, Tensor, Tensor, Tensor]:
        """Return the gradients of ``_LogPartition``'s arguments."""
        beta = self.backward_pass()
        grad = grad.index_select(0, self.order).double()  # (B,)
        moves = self._expected_moves(alpha, beta, grad)  # (C, C)
        steps = self.marginals(alpha, beta).mul_(grad[:, None])  # (T, B, C)
        ends = steps[self.lengths - 1, self.rows].sum(0)  # (C,)
        starts = steps[0].sum(0)  # (C,)
        return (
            self.restore(steps.transpose(0, 1)),
            None,
            moves.to(self.dtype),
            starts.to(self.dtype),
            ends.to(self.dtype),
        )

    def _expected_moves(self, alpha: Tensor, beta: Tensor, grad: Tensor) -> Tensor:
        """Return ``(C, C)`` expected numbers of each transition, weighted by grad."""
        moved = to_device(self.moved, grad.device)
        before = alpha[:-1].flatten(0, 1).index_select(0, moved)  # (N, C)
        after = (self.emissions[1:] * beta[1:]).flatten(0, 1).index_select(0, moved)
        total = ((before @ self.weights) * after).sum(1).clamp_min_(MIN_DIVISOR)  # (N,)
        after.mul_((grad.index_select(0, moved % len(grad)) / total)[:, None])
        return torch.mm(before.T, after).mul_(self.weights)


def _as_weights(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return exponentials, the largest 1 and none 0, and the logarithm of the divisor."""
    highest = scores.max().double()
    return (scores.double() - highest).exp_().clamp_min_(MIN_WEIGHT), highest


@torch.no_grad()
def marginals(scores: PathScores) -> Tensor:
    """Return ``(B, T, C)`` probabilities of each step's labels, 0 in the padding."""
    lattice = Lattice(scores)
    alpha, _ = lattice.forward_pass()
    return lattice.restore(
        lattice.marginals(alpha, lattice.backward_pass()).transpose(0, 1)
    )


# --- the best path -------------------------------------------------------------------


@torch.no_grad()
def best_path(scores: PathScores) -> Tensor:
    """Return the most probable label paths ``(B, T)``; the padding is undefined.

    The forward pass keeps the best weights only; the backward pass finds the predecessor
    again, for the one label that the path passes (Viterbi 1967).
    """
    scores = _without_forbidden(scores)  # not taken, however high a label scores
    n_labels = scores.logits.shape[2]
    n_together = max(MIN_SEQUENCES, MAX_PAIRS // (n_labels * n_labels))
    device = scores.logits.device
    known = lengths_on_host(scores.lengths)
    order = np.argsort(-known, kind="stable")
    paths = torch.zeros(scores.logits.shape[:2], dtype=torch.int64, device=device)
    for start in range(0, len(order), n_together):
        part = order[start : start + n_together]
        rows, lengths = to_device(part, device), known[part]
        n_steps = int(lengths[0])
        few = scores._replace(logits=scores.logits[rows, :n_steps])
        paths[rows, :n_steps] = _best_path_of_few(few, lengths)
    return paths


@torch.no_grad()
def best_path_log_likelihood(scores: PathScores) -> Tensor:
    """Return ``(B,)`` log-probabilities of ``best_path``, in nats, float64.

    They are -inf where all paths of a sequence are forbidden.
    """
    labels = best_path(scores)
    exact = scores._replace(  # of two large float32 numbers the difference is not exact
        logits=scores.logits.double(),
        transitions=scores.transitions.double(),
        start=scores.start.double(),
        end=scores.end.double(),
    )
    best = path_score(_without_forbidden(exact), labels)
    return (best - log_partition(exact)).clamp_max_(0.0)


def _without_forbidden(scores: PathScores) -> PathScores:
    """Return scores that are -inf, not ``FORBIDDEN``, where a transition is forbidden."""
    logits, lengths, *others = scores
    masked = (part.masked_fill(part <= FORBIDDEN, -torch.inf) for part in others)
    return PathScores(logits, lengths, *masked)


def _best_path_of_few(scores: PathScores, lengths: NDArray[np.int64]) -> Tensor:
    """Return the best paths of rows of these lengths, the longest first."""
    logits, _, transitions, start, end = scores
    n_sequences, n_steps, _ = logits.shape
    n_rows = (np.arange(n_steps)[:, None] < lengths).sum(1).tolist()
    # sequences are the last axis: a maximum over labels then runs over many at once
    best = logits.permute(1, 2, 0).contiguous()  # (T, C, B)
    best[0] += start[:, None]
    moves = transitions[:, :, None]  # (C from, C to, 1)
    for t in range(1, n_steps):
        n = n_rows[t]
        best[t, :, :n] += (best[t - 1, :, None, :n] + moves).amax(0)  # (C to, n)

    path = torch.zeros((n_steps, n_sequences), dtype=torch.int64, device=logits.device)
    for t in range(n_steps - 1, -1, -1):
        n = n_rows[t]
        ongoing = n_rows[t + 1] if t + 1 < n_steps else 0
        if ongoing:
            step = best[t, :, :ongoing] + transitions[:, path[t + 1, :ongoing]]  # (C, n)
            path[t, :ongoing] = step.argmax(0)
        if n > ongoing:
            path[t, ongoing:n] = (best[t, :, ongoing:n] + end[:, None]).argmax(0)
    return path.T  # (B, T)

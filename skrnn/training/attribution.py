"""Attribution: how much each step contributes to an output of a fitted net.

Both methods work on the vectors that the input layer makes of the steps, so that tokens,
features and several fields are alike. Padding takes part in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.modules.modes import in_usual_modes
from skrnn.modules.transfer import to_device
from skrnn.training.collate import Collator
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import prediction_batches
from skrnn.training.order import max_steps

if TYPE_CHECKING:
    from skrnn.training.net import SequenceNet

#: Rows of one call where sequences are long, and padded steps of it, which need memory.
LONG_ROWS, LONG_STEPS = 16, 1 << 15
#: Points of an integral, at first and at most, where their number is not given.
FIRST_POINTS, MAX_POINTS = 9, 243
#: Shares add up if they miss no more than this part of the sum of their absolute values, and
#: what float32 rounds away of a score.
TOLERANCE, ROUNDING = 0.01, 1e-5

#: ``score(outputs, columns)``: one number a row of outputs ``(B, n_outputs)``.
Score = Callable[[Tensor, Tensor], Tensor]


# --- scores --------------------------------------------------------------------------


def log_odds(logits: Tensor, columns: Tensor) -> Tensor:
    """Return ``(B,)`` log-odds of the classes ``columns`` ``(B,)`` against all others."""
    columns = columns[:, None]
    others = logits.scatter(1, columns, -torch.inf).logsumexp(1)
    return logits.gather(1, columns)[:, 0] - others


def chosen_output(outputs: Tensor, columns: Tensor) -> Tensor:
    """Return ``(B,)`` the outputs at ``columns`` ``(B,)``."""
    return outputs.gather(1, columns[:, None])[:, 0]


# --- the network as a function of the vectors of the steps ---------------------------


@dataclass(frozen=True)
class Embedded:
    """A batch as vectors, and the function of them that is explained.

    Attributes
    ----------
    network : nn.Module
    x, baseline : (B, T, F)
        The vectors of the steps, and those in place of an absent step.
    once : dict of tensors (B, ...)
        What each sequence has once: its length, static columns.
    score : Score
    columns : int64 tensor (B,)
        The output of each sequence that is explained.
    most : int
        Padded steps of one call of the network.
    """

    network: Any
    x: Tensor
    baseline: Tensor
    once: dict[str, Tensor]
    score: Score
    columns: Tensor
    most: int

    @property
    def rows_at_once(self) -> int:
        """Rows of one call of the network.

        Of long sequences more than a prediction takes: a call costs each of the steps some
        time, however few the rows.
        """
        n_steps = self.x.shape[1]
        return max(1, self.most // n_steps, min(LONG_ROWS, LONG_STEPS // n_steps))

    @cached_property
    def whole(self) -> Tensor:
        """Scores ``(B,)`` of the sequences."""
        return self.scores(self.x, torch.arange(len(self.x), device=self.x.device))

    @cached_property
    def absent(self) -> Tensor:
        """Scores ``(B,)`` of their baselines."""
        every = torch.arange(len(self.x), device=self.x.device)
        return self.scores(self.baseline, every)

    def scores(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return ``(R,)`` the scores of vectors ``(R, T, F)`` of the sequences ``rows``."""
        once = {name: part.index_select(0, rows) for name, part in self.once.items()}
        outputs = self.network({"embedded": x, **once})
        return self.score(outputs.double(), self.columns.index_select(0, rows))


#: ``attribute(batch, n_points, parts)`` returns ``(B, T, P)``, the share of each part of
#: each step; ``parts`` ``(P, F)`` says which features of a vector belong to a part.
Method = Callable[[Embedded, int | None, Tensor], Tensor]


def integrated_gradients(batch: Embedded, n_points: int | None, parts: Tensor) -> Tensor:
    """Return the integral of the gradient from the baseline to x, times their difference.

    By Gauss–Legendre quadrature with ``n_points`` points. None takes Simpson's rule, and
    halves the intervals in which the shares do not add up to the change of the score: few
    points where the path is smooth, and many where the score jumps.
    """
    if n_points is not None:
        nodes, weights = np.polynomial.legendre.leggauss(n_points)
        return _fixed_integral(batch, (nodes + 1) / 2, weights / 2, parts)
    return _adaptive_integral(batch, parts)


def _fixed_integral(
    batch: Embedded,
    places: NDArray[np.float64],
    weights: NDArray[np.float64],
    parts: Tensor,
) -> Tensor:
    """Return ``(B, T, P)`` the weighted shares at places ``(K,)`` of each path."""
    n_sequences, n_steps, _ = batch.x.shape
    rows = torch.arange(n_sequences, device=batch.x.device).repeat(len(places))
    place, weight = (
        torch.as_tensor(part, device=batch.x.device).repeat_interleave(n_sequences)
        for part in (places, weights)
    )
    sums = batch.x.new_zeros(n_sequences, n_steps, len(parts), dtype=torch.double)
    for here, shares, _ in _path_shares(batch, rows, place, parts):
        sums.index_add_(0, rows[here], weight[here, None, None] * shares)
    return sums


@dataclass
class Intervals:
    """Parts of the paths of a batch, for Simpson's rule.

    Attributes
    ----------
    rows : int64 tensor (I,)
        The sequence of each.
    nodes : int64 tensor (I, 3)
        Which points are its start, its middle and its end.
    starts, widths : float64 tensors (I,)
        Where it is on the path from 0, the baseline, to 1.
    """

    rows: Tensor
    nodes: Tensor
    starts: Tensor
    widths: Tensor

    def halved(self, chosen: Tensor, n_points: int) -> Intervals:
        """Return the halves of some intervals; their middles are points yet to come.

        After the ``n_points`` present ones: first those of all first halves.
        """
        start, middle, end = self.nodes[chosen].T
        new = torch.arange(n_points, n_points + 2 * len(start), device=start.device)
        first, second = new.split(len(start))
        nodes = torch.cat(
            [
                torch.stack([start, first, middle], 1),
                torch.stack([middle, second, end], 1),
            ]
        )
        widths = (self.widths[chosen] / 2).repeat(2)
        starts = self.starts[chosen].repeat(2)
        starts[len(start) :] += widths[len(start) :]
        return Intervals(self.rows[chosen].repeat(2), nodes, starts, widths)


def _adaptive_integral(batch: Embedded, parts: Tensor) -> Tensor:
    """Return ``(B, T, P)`` the shares by Simpson's rule on intervals of their own widths."""
    n_sequences, n_steps, _ = batch.x.shape
    device = batch.x.device
    every = torch.arange(n_sequences, device=device)
    sums = batch.x.new_zeros(n_sequences, n_steps, len(parts), dtype=torch.double)
    n_points = torch.full((n_sequences,), FIRST_POINTS, device=device)
    places = torch.linspace(0, 1, FIRST_POINTS, dtype=torch.double, device=device)
    shares, scores = _all_path_shares(
        batch, every.repeat(FIRST_POINTS), places.repeat_interleave(n_sequences), parts
    )
    first = torch.arange(0, FIRST_POINTS - 1, 2, device=device).repeat_interleave(
        n_sequences
    )
    rows = every.repeat((FIRST_POINTS - 1) // 2)
    nodes = rows[:, None] + n_sequences * (
        first[:, None] + torch.arange(3, device=device)
    )
    width = 2 / (FIRST_POINTS - 1)
    widths = torch.full((len(rows),), width, dtype=torch.double, device=device)
    intervals = Intervals(rows, nodes, places[first], widths)
    simpson = torch.tensor([1, 4, 1], dtype=torch.double, device=device) / 6
    gaps = torch.zeros(n_sequences, dtype=torch.double, device=device)  # of ended parts
    while True:
        weights = intervals.widths[:, None] * simpson  # (I, 3)
        found = torch.einsum("ij,ijtp->itp", weights, shares[intervals.nodes])
        change = scores[intervals.nodes[:, 2]] - scores[intervals.nodes[:, 0]]
        gap = (found.flatten(1).sum(1) - change).abs()
        total = sums.index_add(0, intervals.rows, found)
        allowed = TOLERANCE * total.flatten(1).abs().sum(1)
        allowed += ROUNDING * (1 + batch.whole.abs())
        missing = gaps.index_add(0, intervals.rows, gap)
        unfinished = (missing > allowed) & (n_points < MAX_POINTS)
        parts_of = torch.bincount(intervals.rows, minlength=n_sequences)
        large = gap > ((allowed - gaps) / parts_of).clamp(min=0)[intervals.rows]
        split = unfinished[intervals.rows] & large
        if not split.any():
            return total
        done = ~split
        sums.index_add_(0, intervals.rows[done], found[done])
        gaps.index_add_(0, intervals.rows[done], gap[done])
        intervals = intervals.halved(split, len(scores))
        n_points.index_add_(0, intervals.rows, torch.ones_like(intervals.rows))
        more = _all_path_shares(
            batch, intervals.rows, intervals.starts + intervals.widths / 2, parts
        )
        shares, scores = torch.cat([shares, more[0]]), torch.cat([scores, more[1]])


def _all_path_shares(
    batch: Embedded, rows: Tensor, places: Tensor, parts: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the shares ``(K, T, P)`` at points of paths, and their scores ``(K,)``."""
    found = list(_path_shares(batch, rows, places, parts))
    return torch.cat([s for _, s, _ in found]), torch.cat([s for _, _, s in found])


def _path_shares(
    batch: Embedded, rows: Tensor, places: Tensor, parts: Tensor
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield the shares ``(N, T, P)`` at some points of paths at a time, and the scores.

    Points ``(K,)``: of the sequences ``rows``, at places from 0, the baseline, to 1.
    """
    parts = parts.to(torch.double)
    places = places.to(batch.x.dtype)
    for start in range(0, len(rows), batch.rows_at_once):
        here = slice(start, start + batch.rows_at_once)
        row = rows[here]
        baseline = batch.baseline.index_select(0, row)
        difference = batch.x.index_select(0, row) - baseline  # (N, T, F)
        path = (baseline + places[here, None, None] * difference).requires_grad_()
        with torch.enable_grad():
            scores = batch.scores(path, row)
            (gradient,) = torch.autograd.grad(scores.sum(), path)
        shares = (gradient.double() * difference) @ parts.T  # (N, T, P)
        yield here, shares, scores.detach()


def occlusion(batch: Embedded, n_points: int | None, parts: Tensor) -> Tensor:
    """Return how much the score falls when one part of one step is the baseline's."""
    n_steps = batch.x.shape[1]
    device = batch.x.device
    whole = batch.whole
    real = torch.arange(n_steps, device=device) < batch.once["lengths"][:, None]
    rows, steps, which = (
        place.split(batch.rows_at_once)
        for place in real[..., None]
        .expand(-1, -1, len(parts))
        .nonzero()
        .unbind(1)  # real steps, and each part of them
    )
    result = torch.zeros(*real.shape, len(parts), dtype=torch.double, device=device)
    for row, step, part in zip(rows, steps, which, strict=True):
        x = batch.x.index_select(0, row)  # (R, T, F)
        here = torch.arange(len(row), device=device)
        absent = torch.where(parts[part], batch.baseline[row, step], x[here, step])
        x[here, step] = absent
        result[row, step, part] = whole[row] - batch.scores(x, row)
    return result


METHODS: dict[str, Method] = {
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
}


# --- a whole dataset -----------------------------------------------------------------


class Attribution(NamedTuple):
    """Contributions of steps to a score.

    Attributes
    ----------
    steps : RaggedArray
        float64 ``(total_steps,)``, of the user's steps.
    scores, baseline_scores : float64 ndarrays of shape (n_sequences,)
        The score of each sequence, and of its baseline.
    """

    steps: RaggedArray
    scores: NDArray[np.float64]
    baseline_scores: NDArray[np.float64]


@in_usual_modes
def attribute(
    net: SequenceNet,
    dataset: EncodedDataset,
    baseline: EncodedSequences,
    columns: NDArray[np.int64],
    score: Score,
    *,
    lengths: NDArray[np.int64],
    method: str,
    n_points: int | None,
    patch_size: int = 1,
) -> Attribution:
    """Return the contribution of each step to the score of its sequence.

    Parameters
    ----------
    net : SequenceNet
        A net with one row of outputs a sequence.
    dataset : EncodedDataset
    baseline : EncodedSequences
        Sequences of the same lengths, from which steps are absent.
    columns : int64 ndarray of shape (n_sequences,)
        The output that is explained.
    score : Score
    lengths : int64 ndarray of shape (n_sequences,)
        Steps of the user's sequences.
    method : str
        A key of ``METHODS``.
    n_points : int or None
        Points of the integral; None as in ``integrated_gradients``.
    patch_size : int
        The user's steps in each encoded one.
    """
    found = RaggedArray.from_lengths(np.zeros(int(lengths.sum())), lengths)
    scores, of_baseline = np.zeros((2, len(dataset)))
    n_members = net.module_.config.get("n_members", 1)
    with _frozen(net):
        for indices, batch in _embedded_batches(net, dataset, baseline, columns, score):
            scores[indices] = batch.whole.cpu().numpy()
            of_baseline[indices] = batch.absent.cpu().numpy()
            parts = _parts(batch.x.shape[2], patch_size, n_members, batch.x.device)
            shares = METHODS[method](batch, n_points, parts).flatten(1).cpu().numpy()
            rows, real = found.rows_of(indices, shares.shape[1])
            found.values[rows] = shares[real]
    return Attribution(found, scores, of_baseline)


def _parts(n_features: int, patch_size: int, n_members: int, device: Any) -> Tensor:
    """Return the mask ``(P, F)`` of the features that belong to each step of a patch.

    Members' features stand side by side. A share of padding, which may follow a member's,
    belongs to no step.
    """
    own = n_features // n_members
    width = own // patch_size
    feature = torch.arange(n_features, device=device) % own
    return feature // max(1, width) == torch.arange(patch_size, device=device)[:, None]


def _embedded_batches(
    net: SequenceNet,
    dataset: EncodedDataset,
    baseline: EncodedSequences,
    columns: NDArray[np.int64],
    score: Score,
) -> Iterator[tuple[NDArray[np.int64], Embedded]]:
    network = net.module_
    absent = Collator(EncodedDataset(baseline), net.device)
    absent.encode_characters(network.encode_characters)
    batches = prediction_batches(net, dataset)
    for indices, batch in zip(batches.order, batches, strict=True):
        inputs = batch[0].inputs
        yield (
            indices,
            Embedded(
                network,
                network.embed(inputs),
                network.embed(absent(indices).inputs),
                {name: inputs[name] for name in ("lengths", *absent.once)},
                score,
                to_device(columns[indices], net.device),
                max_steps(net.device),
            ),
        )


@contextmanager
def _frozen(net: SequenceNet) -> Iterator[None]:
    """Turn gradients off, except where they are asked for; dropout is off after a fit.

    cuDNN has no gradients of a recurrent layer out of training.
    """
    on_gpu = torch.device(net.device).type == "cuda"
    without_cudnn = torch.backends.cudnn.flags(enabled=False) if on_gpu else nullcontext()
    with torch.no_grad(), without_cudnn:
        yield

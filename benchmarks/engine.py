"""Recurrent layers, and the operations around them: torch's and skrnn's, and how their results differ.

Run `python -m benchmarks.engine [--quick]`.
"""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from skrnn.modules.char_encoder import CharacterCNN
from skrnn.modules.dense import concatenate_windows
from skrnn.modules.masking import (
    both_ends,
    flat_indices,
    length_mask,
    reversal,
    reverse_steps,
)
from skrnn.modules.memory import keep_freed_memory
from skrnn.modules.pooling import MaxPooling
from skrnn.modules.recurrent import plain_kernels
from skrnn.modules.recurrent.packing import Packing
from skrnn.modules.recurrent.recurrence import compiled_kernels, recur

from ._report import (
    PeerAbsent,
    at_least,
    at_most,
    print_table,
    progress,
    ratio_by_round,
    run_program,
    time_alternately,
)

#: Sequences, steps, features, units, and the shortest length as a share of the longest.
SHAPES = (
    (32, 20, 64, 128, 1.0),
    (64, 20, 100, 128, 1.0),
    (32, 100, 8, 64, 1.0),
    (16, 400, 8, 64, 1.0),
    (32, 100, 8, 64, 0.1),
)
LSTM, GRU, PACKED = "LSTM, dense", "GRU, dense", "GRU, packed"
PLAIN, COMPILED = "GRU, skrnn, torch operations", "GRU, skrnn, numba"
MIN_PLAIN, MIN_COMPILED = "minGRU, torch operations", "minGRU, numba"


class Layer:
    """The same steps, gradients by all weights and by inputs that come from an embedding."""

    def __init__(self, n_sequences, n_steps, n_features, n_units, shortest):
        torch.manual_seed(0)
        learned = n_features > 8
        self.x = torch.randn(n_sequences, n_steps, n_features, requires_grad=learned)
        lowest = max(1, int(shortest * n_steps))
        self.lengths = torch.randint(lowest, n_steps + 1, (n_sequences,))
        self.lengths[0] = n_steps
        self.weighing = torch.randn(n_sequences, n_steps, n_units)
        self.lstm = nn.LSTM(n_features, n_units, batch_first=True)
        self.gru = nn.GRU(n_features, n_units, batch_first=True)
        self.linear = nn.Linear(n_features, 2 * n_units)
        self.simple = nn.RNN(n_features, n_units, batch_first=True)
        self.n_units = n_units

    def torch(self, layer, packed=False):
        """Run a layer of torch's."""
        if not packed:
            outputs, _ = layer(self.x)
            return self.differentiate(outputs, layer.parameters())
        steps = pack_padded_sequence(
            self.x, self.lengths, batch_first=True, enforce_sorted=False
        )
        outputs, _ = layer(steps)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
        return self.differentiate(outputs, layer.parameters())

    def skrnn(self, kernels, name):
        """Run a kernel of skrnn's, packing and unpacking included."""
        packing = Packing(self.lengths.numpy(), self.x.shape[1])
        state = self.x.new_zeros(len(self.x), self.n_units)
        if name == "mingru":
            weights = [self.linear.weight, None, self.linear.bias, None]
        else:
            layer = self.gru if name == "gru" else self.simple
            weights = list(layer.parameters())
        rows = packing.pack(self.x)
        outputs, _ = recur(kernels[name], packing.forward, rows, state, *weights)
        return self.differentiate(packing.unpack(outputs), weights)

    def differentiate(self, outputs, weights):
        """Return the outputs at real steps, and all gradients."""
        sources = [weight for weight in weights if weight is not None]
        if self.x.requires_grad:
            sources.append(self.x)
        steps = torch.arange(outputs.shape[1])
        mask = (steps < self.lengths[:, None])[..., None]
        outputs = outputs * mask
        loss = (outputs * self.weighing).sum()
        return [outputs.detach(), *torch.autograd.grad(loss, sources)]


def layers(quick, seeds):
    """Compare forward and backward passes in one thread."""
    compiled = compiled_kernels()
    if compiled is None:
        raise PeerAbsent("needs the package numba; pip install numba")
    plain = plain_kernels.KERNELS
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows, goals = [], []
    largest = 0.0
    for shape in SHAPES[:1] if quick else SHAPES:
        progress(f"layers of shape {shape}")
        layer = Layer(*shape)
        tasks = {
            LSTM: lambda layer=layer: layer.torch(layer.lstm),
            GRU: lambda layer=layer: layer.torch(layer.gru),
            PACKED: lambda layer=layer: layer.torch(layer.gru, packed=True),
            PLAIN: lambda layer=layer: layer.skrnn(plain, "gru"),
            COMPILED: lambda layer=layer: layer.skrnn(compiled, "gru"),
            MIN_PLAIN: lambda layer=layer: layer.skrnn(plain, "mingru"),
            MIN_COMPILED: lambda layer=layer: layer.skrnn(compiled, "mingru"),
        }
        repeated = {
            name: _repeat(task, 2 if quick else 10) for name, task in tasks.items()
        }
        seconds = time_alternately(repeated, 3 if quick else 7)
        ratios = {key: ratio_by_round(seconds[GRU], seconds[key]) for key in tasks}
        rows.append(
            [
                "{}, {}, {}, {}".format(*shape[:4])
                + ("" if shape[4] == 1 else f", from {shape[4]:.0%}"),
                f"{1000 * np.median(seconds[GRU]) / (2 if quick else 10):.2f}",
                *(f"{ratios[key].median:.2f}" for key in tasks if key != GRU),
            ]
        )
        for name in plain:
            pair = layer.skrnn(plain, name), layer.skrnn(compiled, name)
            largest = max(largest, _difference(*pair))
        largest = max(largest, _difference(tasks[PACKED](), tasks[PLAIN]()))
        goals.append(
            at_least(
                f"torch operations, {rows[-1][0]}: GRU", ratios[PLAIN].median, 1.0, 2
            )
        )
    torch.set_num_threads(n_threads)
    print_table(
        "One layer, forward and backward, in one thread: speed relative to a dense call of "
        "torch's GRU",
        ("B, T, F, H", "GRU, dense (ms)", *(key for key in tasks if key != GRU)),
        rows,
        "Medians of ratios within a round; above 1 is faster. Dense calls compute the "
        "padding, too. Packing is included where steps are packed.",
    )
    goals.append(
        at_most("largest difference of outputs and gradients, relative", largest, 1e-5, 7)
    )
    return goals


class Around:
    """Work before and after a network's layers, by torch's operations and by skrnn's."""

    def __init__(self, n_sequences=32, n_steps=20, n_units=128, n_words=170, longest=13):
        generator = torch.Generator().manual_seed(0)
        draw = partial(torch.randint, generator=generator)
        self.lengths = draw(n_steps // 2, n_steps + 1, (n_sequences,))
        self.lengths[0] = n_steps
        shape = n_sequences, n_steps, 2 * n_units
        self.x = torch.randn(shape, generator=generator).requires_grad_()
        self.mask = length_mask(self.lengths, n_steps)
        self.characters = draw(2, 80, (n_words, longest))
        word_lengths = draw(3, 9, (n_words,))
        word_lengths[0] = longest
        self.characters[~length_mask(word_lengths, longest)] = 0
        self.encoder = CharacterCNN(80, 50)

    def characters_by_torch(self):
        """Multiply every window of every word by the filters, and mask the padding."""
        encoder, beside = self.encoder, self.encoder.WIDTH // 2
        x = F.pad(encoder.embedding(self.characters), (0, 0, beside, beside))
        y = encoder.filters(concatenate_windows(x, encoder.WIDTH))
        y = y.masked_fill((self.characters == 0)[..., None], -torch.inf)
        # without a gradient, which of several maxima is taken does not count
        largest = y.max(1).values if torch.is_grad_enabled() else y.amax(1)
        return largest.relu()

    def tasks(self):
        """Return pairs of functions that compute the same, torch's first."""
        last = torch.arange(len(self.x)), self.lengths - 1
        half = self.x.shape[2] // 2
        n_steps = self.x.shape[1]
        mirror = flat_indices(reversal(self.lengths, n_steps), n_steps)
        masked = ~self.mask[..., None]
        pooling = MaxPooling(self.x.shape[2])
        return {
            "characters of 170 words": (
                self.characters_by_torch,
                lambda: self.encoder(self.characters),
            ),
            "maximum over the steps": (
                lambda: self.x.masked_fill(masked, -torch.inf).amax(1),
                lambda: pooling(self.x, self.x[:, 0], self.lengths),
            ),
            "steps reversed": (
                lambda: self.x.flatten(0, 1).index_select(0, mirror).view(self.x.shape),
                lambda: reverse_steps(self.x, mirror),
            ),
            "both ends": (
                lambda: torch.cat([self.x[last][:, :half], self.x[:, 0, half:]], -1),
                lambda: both_ends(self.x, self.lengths),
            ),
        }


def around_layers(quick, seeds):
    """Compare what is computed around the layers, in one thread."""
    n_threads, repeats, times = torch.get_num_threads(), *((3, 5) if quick else (15, 40))
    torch.set_num_threads(1)
    keep_freed_memory()  # as every fit does
    around, rows, differences = Around(), [], []
    weights = [around.x, *around.encoder.parameters()]
    for name, pair in around.tasks().items():
        progress(f"around the layers: {name}")
        found = [_gradients(task, weights) for task in pair]
        differences.append(_difference(*found))
        cells = [name]
        for run in (partial(_gradients, weights=weights), torch.no_grad()(_call)):
            tasks = {i: _repeat(partial(run, task), times) for i, task in enumerate(pair)}
            seconds = time_alternately(tasks, repeats)
            cells += [
                f"{1e6 * min(seconds[0]) / times:,.0f}",
                f"{ratio_by_round(*seconds.values()):.2f}",
            ]
        rows.append(cells)
    torch.set_num_threads(n_threads)
    print_table(
        "Around the layers, in one thread: 32 sequences of 10 to 20 steps, 256 features",
        (
            "work",
            "torch, with gradient (µs)",
            "torch / skrnn",
            "without (µs)",
            "torch / skrnn",
        ),
        rows,
        "The least time of torch's operations; ratios within a round, above 1 skrnn is faster. Words "
        "have 3 to 8 characters and one of them 13.",
    )
    return [at_most("around the layers: largest difference", max(differences), 1e-5, 7)]


def _call(task):
    return task()


def _gradients(task, weights):
    """Return the result and the gradients of its sum of squares."""
    result = task()
    gradients = torch.autograd.grad(result.square().sum(), weights, allow_unused=True)
    return [result.detach(), *(g for g in gradients if g is not None)]


def _repeat(task, n):
    return lambda: [task() for _ in range(n)]


def _difference(first, second):
    """Return the largest difference, relative to the largest number where that is above 1."""
    return max(
        float((a - b).abs().max() / a.abs().max().clamp(min=1.0))
        for a, b in zip(first, second, strict=True)
    )


PARTS = (layers, around_layers)

if __name__ == "__main__":
    run_program(__doc__, PARTS)

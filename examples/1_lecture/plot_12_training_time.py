"""
Why does training take long, and what helps?
============================================

A feed-forward network multiplies its whole window at once. A recurrent network cannot: the state
of a step must be known before the next step begins. So the time of one update grows with the
length, however many processors there are. Sequences of unequal length add a second cost:
batches are padded to their longest sequence, and the padding is computed too.

This page measures both, and then what *buckets* save: batches of sequences of similar
length.
"""

# %%
# Time by length
# --------------
#
# One update of a layer of 64 units on a batch of 32 sequences, forward and backward. The
# feed-forward layer reads all steps at once, as one long vector.
import time

import numpy as np
import torch
from torch import nn


def median_ms(run, repeats=7):
    run()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return 1000 * np.median(seconds)


def backward_of(layer, inputs):
    def run():
        outputs = layer(inputs)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        outputs.square().mean().backward()

    return run


generator = torch.Generator().manual_seed(0)
lengths = [10, 20, 40, 80, 160, 320]
update = {"LSTM": [], "tanh RNN": [], "feed-forward": []}
for n_steps in lengths:
    steps = torch.randn(32, n_steps, 16, generator=generator)
    update["LSTM"].append(
        median_ms(backward_of(nn.LSTM(16, 64, batch_first=True), steps))
    )
    update["tanh RNN"].append(
        median_ms(backward_of(nn.RNN(16, 64, batch_first=True), steps))
    )
    dense = nn.Linear(16 * n_steps, 64)
    update["feed-forward"].append(median_ms(backward_of(dense, steps.flatten(1))))
for name, values in update.items():
    print(f"{name:>12}:", "  ".join(f"{value:7.2f} ms" for value in values))

# %%
# Padding
# -------
#
# The lengths of sentences and recordings are skewed: many are short, few are long. In a batch
# that is drawn at random the longest decides, and most of what is computed is padding.
# Sorted by length it is little, but the same sequences would always meet. Buckets are the
# middle way, and what skrnn does: draw many at random, sort these, cut them into batches, and
# shuffle the batches.
rng = np.random.default_rng(0)
n_steps = np.clip(rng.lognormal(3.0, 0.7, size=2000), 2, 200).astype(int)
batch_size = 32


def padding_of(order):
    """Return the share of padded steps if sequences are batched in this order."""
    batches = np.array_split(n_steps[order], len(order) // batch_size)
    return 1 - n_steps.sum() / sum(batch.max() * len(batch) for batch in batches)


def in_buckets(rng, n_batches=50):
    order = rng.permutation(len(n_steps))
    size = n_batches * batch_size
    parts = [order[i : i + size] for i in range(0, len(order), size)]
    return np.concatenate([part[np.argsort(n_steps[part])] for part in parts])


padding = {
    "random": padding_of(rng.permutation(len(n_steps))),
    "buckets": padding_of(in_buckets(rng)),
    "sorted": padding_of(np.argsort(n_steps)),
}
for name, share in padding.items():
    print(f"{name:>8}: {share:.0%} of the steps are padding")

# %%
# A fit
# -----
#
# The same bidirectional LSTM, on the same 2,000 sequences of 2 to 200 steps, for one pass: by
# a loop that takes one sequence after the other (for 50 of them), by the loop of many tutorials
# (random batches, `pack_padded_sequence`, for 320 of them), and by `SequenceClassifier`.
from torch.nn.utils.rnn import pack_sequence

from skrnn import SequenceClassifier

X = [rng.normal(size=(length, 16)).astype("float32") for length in n_steps]
y = rng.integers(0, 2, size=len(X))
tensors, labels = [torch.from_numpy(x) for x in X], torch.from_numpy(y)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(16, 64, batch_first=True, bidirectional=True)
        self.head = nn.Linear(128, 2)

    def forward(self, sequences):
        _, (h, _) = self.rnn(pack_sequence(sequences, enforce_sorted=False))
        return self.head(torch.cat([h[0], h[1]], dim=1))


def loop(size, n_sequences):
    """Train in random batches; return seconds a sequence."""
    network = Packed()
    optimizer = torch.optim.Adam(network.parameters())
    begin = time.perf_counter()
    order = rng.permutation(len(X))[:n_sequences]
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        loss = nn.functional.cross_entropy(
            network([tensors[i] for i in batch]), labels[batch]
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return (time.perf_counter() - begin) / len(order)


model = SequenceClassifier(
    hidden_size=64, batch_size=32, max_epochs=1, early_stopping=False, random_state=0
)
begin = time.perf_counter()
model.fit(X, y)
seconds = (time.perf_counter() - begin) / len(X)
rates = {
    "one by one": 1 / loop(1, 50),
    "packed batches": 1 / loop(32, 320),
    "SequenceClassifier": 1 / seconds,
}
for name, rate in rates.items():
    print(f"{name:>18}: {rate:6.0f} sequences a second")

# %%
# Two reasons for the difference: little padding, and whole batches in one call of the fast LSTM
# kernel. (On the CPU, packed sequences take a slower path.) The result is exact all the same:
# padded steps count nowhere.
import matplotlib.pyplot as plt

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(10, 3.8), layout="constrained", width_ratios=(1.3, 1, 1.2)
)
for name, values in update.items():
    left.loglog(lengths, values, "o-", label=name)
left.set(xlabel="steps", ylabel="milliseconds an update", title="Time by length")
left.set_xticks(lengths, lengths)
left.minorticks_off()
left.legend(frameon=False)
bars = middle.bar(list(padding), [100 * share for share in padding.values()], color="C4")
middle.bar_label(bars, fmt="%.0f %%")
middle.set(ylabel="padded steps, %", title="Padding by batching", ylim=(0, 82))
bars = right.barh(list(rates), list(rates.values()), color=["0.6", "0.6", "C0"])
right.bar_label(bars, fmt=" %.0f")
right.set(
    xlabel="sequences a second", title="Training", xlim=(0, 1.25 * max(rates.values()))
)
right.invert_yaxis()
plt.show()

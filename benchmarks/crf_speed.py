"""Speed of the conditional random field, compared with pytorch-crf.

Run `python -m benchmarks.crf_speed [--quick] [--seeds ...]`. Both sides get the same
scores, and must return the same losses, gradients and paths.
"""

from functools import partial

import numpy as np
import torch

from skrnn.modules.crf import ConditionalRandomField, best_path, log_likelihood

from ._report import (
    at_least,
    import_peer,
    print_table,
    progress,
    ratio_by_round,
    run_program,
    time_alternately,
)

N_LABELS = (17, 127)
BATCH_SIZE = 32
LOSS_GOALS = {17: 2.0, 127: 5.0}
PATH_GOAL = 5.0
PEER, PEER_BATCHES, SKRNN = "pytorch-crf", "pytorch-crf, batches of 32", "skrnn"


def loss(quick, seeds):
    """Time the negative log-likelihood of a batch, forward and backward."""
    repeats = 3 if quick else 50
    rows, goals = [], []
    for n_labels in N_LABELS:
        progress(f"CRF loss, {n_labels} labels")
        theirs, ours = _fields(n_labels, seeds[0])
        logits, lengths = _scores(BATCH_SIZE, 14, 20, n_labels)
        labels = torch.randint(n_labels, logits.shape[:2])  # (B, T)
        logits.requires_grad_()
        tasks = {
            PEER: partial(_their_pass, theirs, logits, _mask(lengths), labels),
            SKRNN: partial(_our_pass, ours, logits, lengths, labels),
        }
        torch.testing.assert_close(tasks[SKRNN](), tasks[PEER](), rtol=1e-3, atol=1e-4)
        seconds = time_alternately(tasks, repeats)
        faster = ratio_by_round(seconds[PEER], seconds[SKRNN])
        rows.append([n_labels, *_milliseconds(seconds, 2), f"{faster:.2f}"])
        claim = f"CRF loss, {n_labels} labels: pytorch-crf / skrnn"
        goals.append(at_least(claim, faster.median, LOSS_GOALS[n_labels], 2))
    print_table(
        f"CRF loss, forward and backward, a batch of {BATCH_SIZE} sequences of 14 to 20 steps",
        ("labels", f"{PEER} (ms)", f"{SKRNN} (ms)", "ratio"),
        rows,
        f"Medians; the ratio within a round: median (lowest–highest) of {repeats} "
        "alternated rounds.",
    )
    return goals


def viterbi(quick, seeds):
    """Time the best paths of 1,000 sequences."""
    n_sequences, repeats = (100, 2) if quick else (1_000, 7)
    rows, goals = [], []
    for n_labels in N_LABELS:
        progress(f"Viterbi, {n_labels} labels")
        theirs, ours = _fields(n_labels, seeds[0])
        logits, lengths = _scores(n_sequences, 3, 35, n_labels)
        _check_paths(theirs, ours, logits, lengths)
        mask = _mask(lengths)
        tasks = {
            PEER: partial(_their_paths, theirs, logits, mask, n_sequences),
            PEER_BATCHES: partial(_their_paths, theirs, logits, mask, BATCH_SIZE),
            SKRNN: partial(_our_paths, ours, logits, lengths),
        }
        seconds = time_alternately(tasks, repeats)
        best = min((PEER, PEER_BATCHES), key=lambda name: np.median(seconds[name]))
        faster = ratio_by_round(seconds[best], seconds[SKRNN])
        rows.append([n_labels, *_milliseconds(seconds, 0), f"{faster:.2f}"])
        claim = f"Viterbi, {n_labels} labels: pytorch-crf / skrnn"
        goals.append(at_least(claim, faster.median, PATH_GOAL, 2))
    print_table(
        f"Viterbi, {n_sequences:,} sequences of 3 to 35 steps",
        (
            "labels",
            f"{PEER}, all at once (ms)",
            f"{PEER_BATCHES} (ms)",
            f"{SKRNN} (ms)",
            "ratio",
        ),
        rows,
        "From a padded array to a list for each sequence. The ratio is that to the faster of "
        "pytorch-crf's two: all sequences in one call, or 32 in each, cut to their longest. "
        f"Median (lowest–highest) of {repeats} alternated rounds.",
    )
    return goals


def _fields(n_labels, seed):
    """Return pytorch-crf's field and skrnn's, with the same transitions."""
    torchcrf = import_peer("torchcrf", "pytorch-crf")
    torch.manual_seed(seed)
    theirs = torchcrf.CRF(n_labels, batch_first=True)
    ours = ConditionalRandomField(n_labels)
    with torch.no_grad():
        ours.transitions.copy_(theirs.transitions)
        ours.start.copy_(theirs.start_transitions)
        ours.end.copy_(theirs.end_transitions)
    return theirs, ours


def _scores(n_sequences, shortest, longest, n_labels):
    """Return logits (B, T, C) and lengths (B,); the first sequence is the longest."""
    lengths = torch.randint(shortest, longest + 1, (n_sequences,))
    lengths[0] = longest
    return torch.randn(n_sequences, longest, n_labels), lengths


def _mask(lengths):
    return torch.arange(int(lengths.max())) < lengths[:, None]  # (B, T)


def _their_pass(field, logits, mask, labels):
    """Return the loss in nats, and its gradients."""
    total = -field(logits, labels, mask=mask, reduction="sum")
    parameters = [field.transitions, field.start_transitions, field.end_transitions]
    return total, torch.autograd.grad(total, [logits, *parameters])


def _our_pass(field, logits, lengths, labels):
    total = -log_likelihood(field(logits, lengths), labels).sum()
    parameters = [field.transitions, field.start, field.end]
    return total, torch.autograd.grad(total, [logits, *parameters])


@torch.no_grad()
def _their_paths(field, logits, mask, batch_size):
    """Return a list of labels for each sequence."""
    paths = []
    for rows, part in zip(logits.split(batch_size), mask.split(batch_size), strict=True):
        longest = int(part.sum(1).max())
        paths += field.decode(rows[:, :longest], part[:, :longest])
    return paths


@torch.no_grad()
def _our_paths(field, logits, lengths):
    paths = best_path(field(logits, lengths)).tolist()
    return [path[:n] for path, n in zip(paths, lengths.tolist(), strict=True)]


def _check_paths(theirs, ours, logits, lengths):
    """Raise unless both sides return the same paths, in float64, where no scores are equal."""
    exact = logits.double()
    their_paths = _their_paths(theirs.double(), exact, _mask(lengths), len(logits))
    if their_paths != _our_paths(ours.double(), exact, lengths):
        raise AssertionError("pytorch-crf and skrnn give different paths")
    theirs.float()
    ours.float()


def _milliseconds(seconds, digits):
    return [f"{1000 * np.median(times):.{digits}f}" for times in seconds.values()]


PARTS = (loss, viterbi)

if __name__ == "__main__":
    run_program(__doc__, PARTS)

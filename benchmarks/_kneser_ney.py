"""The peer of language models: a modified Kneser–Ney n-gram model, without skrnn.

Interpolated, with three discounts an order and lower orders counted by the tokens that
come before (Chen & Goodman 1999, An empirical study of smoothing techniques for language
modeling, section 3). Sequences have a begin, which is given, and an end, which is scored.
There is no Python loop over tokens: all n-grams of one order are numbered at once.
"""

from dataclasses import dataclass

import numpy as np

BEGIN, END = 0, 1  # ids that no token has
ORDERS = range(2, 31)


@dataclass(frozen=True)
class KneserNey:
    """An n-gram model of one order, and its scores of held-out sequences.

    `nats_by_step` are the negative log-probabilities of each token and end, in the order
    of the sequences.
    """

    order: int
    nats_by_step: np.ndarray

    @property
    def nats(self):
        """Mean over the steps."""
        return float(self.nats_by_step.mean())

    def __str__(self):
        return f"modified Kneser–Ney, order {self.order}"


def choose_order(train, valid, orders=ORDERS):
    """Return the `KneserNey` that is best on `valid`, with its scores there.

    Orders are tried one after the other, until one is worse than the one before.
    """
    best = None
    for order in orders:
        model = KneserNey(order, nats_by_step(train, valid, order))
        if best is not None and model.nats > best.nats:
            break
        best = model
    return best


def nats_by_step(train, held_out, order):
    """Return the negative log-probability of each step of `held_out`, ends included.

    Parameters
    ----------
    train, held_out : list of str or of token lists
    order : int
        Tokens of the longest n-grams, at least 1.

    Returns
    -------
    nats : float64 ndarray (n_tokens + n_sequences,)
    """
    ids = {token: i for i, token in enumerate(sorted({t for s in train for t in s}), 2)}
    text, place, n_fitted = _join(train, held_out, ids)
    outcomes = len(ids) + 2  # the tokens, the end, and one for all that are unseen
    grams = _number(text, place, order)
    fitted = np.arange(len(text)) < n_fitted
    scored = ~fitted & (place > 0)
    probability = np.full(len(text), 1 / outcomes)
    for size in range(1, order + 1):
        gram, context = grams[size], grams[size - 1]
        inside = fitted & _has(place, size)
        if not inside.any():
            break
        counts = _counts(grams, place, inside, fitted, size, order)
        # one place represents all n-grams of a number
        shown = np.zeros(len(counts), np.int64)
        shown[gram[inside]] = np.flatnonzero(inside)
        seen = np.flatnonzero(counts)
        of_context = np.roll(context, 1)[shown[seen]]
        n_contexts = int(context.max()) + 1
        discounts = _discounts(counts[seen])
        kind = np.minimum(counts, 3)
        total = np.bincount(of_context, counts[seen], minlength=n_contexts)
        left_over = np.bincount(
            of_context, discounts[kind[seen]], minlength=n_contexts
        )  # the mass that the discounts of a context's n-grams free
        here = np.flatnonzero(scored & _has(place, size))
        before = np.roll(context, 1)[here]
        here, before = here[total[before] > 0], before[total[before] > 0]
        own = np.maximum(counts[gram[here]] - discounts[kind[gram[here]]], 0)
        probability[here] = (own + left_over[before] * probability[here]) / total[before]
    return -np.log(probability[scored])


def _join(train, held_out, ids):
    """Return all sequences as one text, begins and ends included.

    Returns
    -------
    text, place : int64 ndarrays
        Ids, and each one's place in its sequence, 0 for the begin.
    n_fitted : int
        Length of the training part.
    """
    unseen = len(ids) + 2
    rows = [
        np.array([BEGIN, *(ids.get(token, unseen) for token in sequence), END])
        for sequence in (*train, *held_out)
    ]
    place = np.concatenate([np.arange(len(row)) for row in rows])
    return np.concatenate(rows), place, sum(map(len, rows[: len(train)]))


def _number(text, place, order):
    """Return for each size from 0 on the number of the n-gram that ends at each place.

    Where a sequence has fewer tokens before, the number is that of the shorter n-gram,
    and is not used.
    """
    grams = [np.zeros(len(text), np.int64)]
    width = int(text.max()) + 1
    for size in range(1, order + 1):
        longer = np.roll(grams[-1], 1) * width + text
        longer[~_has(place, size)] = -1
        grams.append(np.unique(longer, return_inverse=True)[1])
    return grams


def _has(place, size):
    """Return where an n-gram of this size ends that predicts a token or an end."""
    return (place >= size - 1) & (place > 0)


def _counts(grams, place, inside, fitted, size, order):
    """Return the training count of each n-gram of a size, int64.

    The longest, and those at the begin of a sequence, count as often as they occur,
    others once for each distinct token that precedes them.
    """
    gram = grams[size]
    n_grams = int(gram.max()) + 1
    if size == order:
        return np.bincount(gram[inside], minlength=n_grams)
    first = inside & (place == size - 1)
    longer = np.flatnonzero(fitted & _has(place, size + 1))
    _, shown = np.unique(grams[size + 1][longer], return_index=True)
    return np.bincount(gram[first], minlength=n_grams) + np.bincount(
        gram[longer[shown]], minlength=n_grams
    )


def _discounts(counts):
    """Return the discounts of a count of 0, 1, 2 and of 3 or more, (4,)."""
    n1, n2, n3, n4 = (float((counts == k).sum()) for k in (1, 2, 3, 4))
    if not n1 or not n2 or not n3:
        return np.array([0, 0.5, 0.5, 0.5])  # too few n-grams to estimate from
    share = n1 / (n1 + 2 * n2)
    taken = [
        k - (k + 1) * share * b / a for k, a, b in ((1, n1, n2), (2, n2, n3), (3, n3, n4))
    ]
    # a small sample may estimate that nothing is freed: unseen tokens would be impossible
    return np.clip([0, *taken], [0, 0.1, 0.1, 0.1], [0, 1, 2, 3])

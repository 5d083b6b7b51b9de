"""Problems that need a long memory, or a stack, with the length as a parameter.

The adding problem and delayed recall are in ``_generators``.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from skrnn.data.ragged import offsets_of
from skrnn.datasets._generators import check_encoding, draw_offsets, encode_steps

#: Where each cue of the temporal order problem may stand, in hundredths of the length.
CUE_RANGES = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}
#: The bracket pairs of ``make_dyck``, in the order in which ``n_kinds`` takes them.
BRACKETS = ("()", "[]", "{}", "<>")


def make_copy_memory(
    n_samples: int = 500,
    *,
    n_symbols: int = 8,
    n_copied: int = 10,
    delay: int = 20,
    encoding: str = "tokens",
    random_state: Any = None,
) -> tuple[list, list]:
    """Generate the copy memory problem: repeat symbols after a delay.

    A sequence has ``n_copied`` symbols, ``delay`` blanks, a marker, and blanks again. The
    labels are blanks, and after the marker the symbols in their order. A network must
    hold ``n_copied * log2(n_symbols)`` bits over ``delay`` steps.

    Parameters
    ----------
    n_samples : int, default=500
        Number of sequences, at least 1.
    n_symbols : int, default=8
        Number of distinct symbols, from 2 to 26; more need more memory.
    n_copied : int, default=10
        Symbols of a sequence, at least 1; more need more memory.
    delay : int, default=20
        Blanks between the symbols and the marker, at least 0; more need a longer memory.
        A sequence has ``2 * n_copied + delay + 1`` steps.
    encoding : {"tokens", "one_hot"}, default="tokens"
        Steps as strings or as indicator vectors.
    random_state : int, RandomState or None, default=None
        Seed of the sequences; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples
        Token lists of n_steps str: symbols "a", "b", ..., blanks "_" and the marker ">";
        or float32 ndarrays of shape (n_steps, n_symbols + 2).
    y : list of length n_samples of lists of n_steps str
        Labels of the steps.

    Notes
    -----
    Without memory only blanks are known, and one of ``n_symbols`` is guessed: judge by
    the accuracy of the last ``n_copied`` steps, whose chance level is ``1 / n_symbols``.
    Solved means an accuracy of 0.99 there.

    References
    ----------
    Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8),
    1735-1780.

    Arjovsky, Shah, Bengio (2016). Unitary evolution recurrent neural networks. ICML,
    section 5.1, with ``delay + 1`` for its T.

    Examples
    --------
    >>> from skrnn.datasets import make_copy_memory
    >>> X, y = make_copy_memory(1, n_copied=2, delay=3, random_state=0)
    >>> print(*X[0])
    e h _ _ _ > _ _
    >>> print(*y[0])
    _ _ _ _ _ _ e h
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_symbols, "n_symbols", Integral, min_val=2, max_val=26)
    check_scalar(n_copied, "n_copied", Integral, min_val=1)
    check_scalar(delay, "delay", Integral, min_val=0)
    check_encoding(encoding)
    random = check_random_state(random_state)
    blank, marker = n_symbols, n_symbols + 1
    tokens = [chr(ord("a") + i) for i in range(n_symbols)] + ["_", ">"]
    symbols = random.randint(n_symbols, size=(n_samples, n_copied))
    n_steps = 2 * n_copied + delay + 1
    ids = np.full((n_samples, n_steps), blank)
    labels = ids.copy()
    ids[:, :n_copied] = symbols
    ids[:, n_copied + delay] = marker
    labels[:, -n_copied:] = symbols
    offsets = np.arange(n_samples + 1) * n_steps
    X = encode_steps(ids.reshape(-1), tokens, offsets, encoding)
    return X, encode_steps(labels.reshape(-1), tokens, offsets, "tokens")


def make_temporal_order(
    n_samples: int = 500,
    *,
    n_cues: int = 2,
    min_steps: int = 100,
    max_steps: int = 110,
    encoding: str = "tokens",
    random_state: Any = None,
) -> tuple[list, NDArray]:
    """Generate the temporal order problem: the class is the order of cues far apart.

    Among random distractors stand ``n_cues`` cues, each an "X" or a "Y", far from each
    other and from the end; their order is the class.

    Parameters
    ----------
    n_samples : int, default=500
        Number of sequences, at least 1.
    n_cues : {2, 3}, default=2
        Cues of a sequence; there are ``2 ** n_cues`` classes.
    min_steps, max_steps : int, default=100 and 110
        Range of the lengths, at least 10, both ends included. The gaps between cues grow
        with the length.
    encoding : {"tokens", "one_hot"}, default="tokens"
        Steps as strings or as indicator vectors.
    random_state : int, RandomState or None, default=None
        Seed of the sequences; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples
        Token lists of n_steps_i str: the begin "E", distractors "a" to "d", cues "X" and
        "Y", the end "B"; or float32 ndarrays of shape (n_steps_i, 8).
    y : ndarray of str of shape (n_samples,)
        Cues in their order, such as "XY".

    Notes
    -----
    The chance level is ``1 / 2 ** n_cues``; the counts of the cues alone give 3/4 with two
    cues and 1/2 with three. Solved means an accuracy of 0.99. The cues stand within 10–20 %
    and 50–60 % of the length, three of them within 10–20 %, 33–43 % and 66–76 %: at 100
    steps those are the positions of tasks 6a and 6b.

    References
    ----------
    Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8),
    1735-1780, section 5.6.

    Examples
    --------
    >>> from skrnn.datasets import make_temporal_order
    >>> X, y = make_temporal_order(1, min_steps=12, max_steps=12, random_state=0)
    >>> print(*X[0])
    E X b a d d Y d b d b B
    >>> print(y[0])
    XY
    """
    check_scalar(n_cues, "n_cues", Integral, min_val=2, max_val=3)
    check_encoding(encoding)
    random = check_random_state(random_state)
    offsets = draw_offsets(random, n_samples, min_steps, max_steps, shortest=10)
    lengths = np.diff(offsets)
    tokens = ["E", "a", "b", "c", "d", "X", "Y", "B"]
    ids = random.randint(1, 5, size=offsets[-1])
    ids[offsets[:-1]] = tokens.index("E")
    ids[offsets[1:] - 1] = tokens.index("B")
    cues = random.randint(2, size=(n_samples, n_cues))
    for j, (low, high) in enumerate(CUE_RANGES[n_cues]):
        place = random.randint(low * lengths // 100, high * lengths // 100 + 1)
        ids[offsets[:-1] + place] = tokens.index("X") + cues[:, j]
    words = np.array(["".join("XY"[i >> j & 1] for j in range(n_cues)) for i in range(8)])
    y = words[cues @ (1 << np.arange(n_cues))]
    return encode_steps(ids, tokens, offsets, encoding), y


def make_dyck(
    n_samples: int = 500,
    *,
    n_kinds: int = 2,
    max_depth: int = 5,
    min_steps: int = 10,
    max_steps: int = 40,
    random_state: Any = None,
) -> tuple[list[list[str]], NDArray[np.str_]]:
    """Generate words of brackets that are balanced, or nearly so.

    An unbalanced word is a balanced one in which two brackets have changed places. It has
    as many of each bracket as a balanced word, and no greater depth: only the order of the
    brackets decides, for which a network needs a stack.

    Parameters
    ----------
    n_samples : int, default=500
        Number of words, at least 1; half of them, rounded down, are balanced.
    n_kinds : int, default=2
        Kinds of brackets, from 1 to 4. One kind needs a counter, more need a stack.
    max_depth : int, default=5
        The most brackets that are open at once, at least 1. With ``n_kinds=1`` and
        ``max_depth=1`` the words are alternations of the two brackets.
    min_steps, max_steps : int, default=10 and 40
        Range of the lengths, at least 2, both ends included. Lengths are even.
    random_state : int, RandomState or None, default=None
        Seed of the words; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples of lists of n_steps_i str
        Brackets.
    y : ndarray of str of shape (n_samples,)
        "balanced" or "unbalanced".

    Notes
    -----
    The chance level is 1/2, also of a model that counts brackets. Solved means an accuracy
    of 0.99, on longer words than in training too. Balanced words are drawn uniformly among
    those of their length and depth.

    References
    ----------
    Chomsky, Schützenberger (1963). The algebraic theory of context-free languages. Computer
    Programming and Formal Systems, 118-161.

    Hewitt, Hahn, Ganguli, Liang, Manning (2020). RNNs can generate bounded hierarchical
    languages with optimal memory. EMNLP, section 3.

    Examples
    --------
    >>> from skrnn.datasets import make_dyck
    >>> X, y = make_dyck(4, min_steps=10, max_steps=10, random_state=0)
    >>> for word, label in zip(X, y):
    ...     print("".join(word), label)
    [()][()]() balanced
    [)()(][()] unbalanced
    [][]([])() balanced
    [([])(])[] unbalanced
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_kinds, "n_kinds", Integral, min_val=1, max_val=len(BRACKETS))
    check_scalar(max_depth, "max_depth", Integral, min_val=1)
    check_scalar(min_steps, "min_steps", Integral, min_val=2)
    check_scalar(max_steps, "max_steps", Integral, min_val=min_steps)
    shortest, longest = (min_steps + 1) // 2, max_steps // 2
    if shortest > longest:
        raise ValueError(
            f"lengths are even, but there is no even number from min_steps={min_steps} to "
            f"max_steps={max_steps}"
        )
    random = check_random_state(random_state)
    lengths = 2 * random.randint(shortest, longest + 1, size=n_samples)
    words = _draw_balanced(random, lengths, n_kinds, max_depth)
    balanced = np.arange(n_samples) < n_samples // 2
    balanced = random.permutation(balanced)
    _unbalance(random, words, lengths, np.flatnonzero(~balanced), n_kinds, max_depth)
    tokens = [bracket for pair in BRACKETS[:n_kinds] for bracket in pair]
    real = np.arange(words.shape[1]) < lengths[:, None]
    X = encode_steps(words[real], tokens, offsets_of(lengths), "tokens")
    return X, np.where(balanced, "balanced", "unbalanced")


def _draw_balanced(
    random: np.random.RandomState,
    lengths: NDArray[np.int64],
    n_kinds: int,
    max_depth: int,
) -> NDArray[np.int64]:
    """Return balanced words ``(n_samples, max(lengths))``, -1 after each one's end.

    A bracket of kind k has the id ``2 * k`` where it opens and ``2 * k + 1`` where it closes.
    """
    n_samples, n_steps = len(lengths), int(lengths.max())
    # completions[r, d]: relative number of ways to close d brackets in r steps
    completions = np.zeros((n_steps + 1, max_depth + 2))
    completions[0, 0] = 1.0
    for r in range(1, n_steps + 1):
        ways = completions[r - 1]
        completions[r, :-1] = ways[1:] + np.r_[0.0, ways[:-2]]
        completions[r, -1] = 0.0
        completions[r] /= completions[r].max()
    words = np.full((n_samples, n_steps), -1)
    stack = np.zeros((n_samples, max_depth + 1), dtype=np.int64)
    depth = np.zeros(n_samples, dtype=np.int64)
    for step in range(n_steps):
        rows = np.flatnonzero(lengths > step)
        left, at = lengths[rows] - step - 1, depth[rows]
        up = completions[left, at + 1]
        down = np.where(at > 0, completions[left, at - 1], 0.0)
        opens = random.uniform(size=len(rows)) * (up + down) < up
        kinds = random.randint(n_kinds, size=len(rows))
        stack[rows[opens], at[opens]] = kinds[opens]
        kinds = np.where(opens, kinds, stack[rows, at - 1])
        words[rows, step] = 2 * kinds + ~opens
        depth[rows] += np.where(opens, 1, -1)
    return words


def _unbalance(
    random: np.random.RandomState,
    words: NDArray[np.int64],
    lengths: NDArray[np.int64],
    rows: NDArray[np.int64],
    n_kinds: int,
    max_depth: int,
) -> None:
    """Exchange two brackets of each of these words, in place, so that it is unbalanced."""
    while len(rows):
        first, second = random.randint(lengths[rows], size=(2, len(rows)))
        words[rows, first], words[rows, second] = words[rows, second], words[rows, first]
        done = ~_are_balanced(words[rows]) & (_depths(words[rows]).max(1) <= max_depth)
        rows, first, second = rows[~done], first[~done], second[~done]
        words[rows, first], words[rows, second] = words[rows, second], words[rows, first]


def _depths(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the open brackets after each step, ``(n_samples, n_steps)``."""
    return np.cumsum(np.where(words < 0, 0, 1 - 2 * (words % 2)), axis=1)


def _are_balanced(words: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which words of ids, -1 after their ends, are balanced, ``(n_samples,)``."""
    depths = _depths(words)
    balanced = (depths >= 0).all(axis=1) & (depths[:, -1] == 0)
    stack = np.zeros((len(words), words.shape[1] + 1), dtype=np.int64)
    everyone = np.arange(len(words))
    for bracket, depth in zip(words.T, depths.T, strict=True):
        closes = bracket % 2 == 1
        opened = stack[everyone, np.clip(depth, 0, None)]
        closes &= bracket >= 0
        balanced &= ~closes | (opened == bracket // 2)
        stack[everyone, np.clip(depth - 1, 0, None)] = np.where(
            closes | (bracket < 0),
            stack[everyone, np.clip(depth - 1, 0, None)],
            bracket // 2,
        )
    return balanced

"""Numeric problems made to order, each with a known difficulty and a known answer."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from skrnn.data.ragged import RaggedArray, offsets_of


def make_delayed_recall(
    n_samples: int = 500,
    *,
    n_classes: int = 2,
    n_distractors: int = 4,
    min_steps: int = 10,
    max_steps: int = 20,
    encoding: str = "tokens",
    random_state: Any = None,
) -> tuple[list, NDArray]:
    """Make sequences whose first step tells the class and whose others tell nothing.

    A cell that reads forwards and answers at the end has to remember the first step
    over all the others, so accuracy by length measures its memory.

    Parameters
    ----------
    n_samples : int, default=500
        Number of sequences.
    n_classes : int, default=2
        Number of cues, and of classes, from 2 to 26.
    n_distractors : int, default=4
        Number of tokens that follow a cue at random, from 1 to 26; more make more noise.
    min_steps, max_steps : int, default=10 and 20
        Bounds of the lengths, both included. Longer ones need a longer memory.
    encoding : {"tokens", "one_hot"}, default="tokens"
        Steps as strings or as indicator vectors.
    random_state : int, RandomState or None, default=None
        Fixes the sequences.

    Returns
    -------
    X : list of n_samples sequences
        Token lists, cues "A", "B", ... and distractors "a", "b", ...; or float32 arrays
        ``(n_steps_i, n_classes + n_distractors)``.
    y : ndarray of str of shape (n_samples,)
        The cue.

    References
    ----------
    Bengio, Simard, Frasconi (1994). Learning long-term dependencies with gradient descent
    is difficult. IEEE Transactions on Neural Networks 5(2), 157-166.

    Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8),
    1735-1780, experiments 2 and 3.

    Examples
    --------
    >>> from skrnn.datasets import make_delayed_recall
    >>> X, y = make_delayed_recall(2, min_steps=4, max_steps=4, random_state=0)
    >>> X
    [['A', 'a', 'd', 'd'], ['B', 'd', 'b', 'd']]
    >>> y.tolist()
    ['A', 'B']
    """
    check_scalar(n_classes, "n_classes", Integral, min_val=2, max_val=26)
    check_scalar(n_distractors, "n_distractors", Integral, min_val=1, max_val=26)
    if encoding not in ("tokens", "one_hot"):
        raise ValueError(f'encoding must be "tokens" or "one_hot", got {encoding!r}')
    random = check_random_state(random_state)
    offsets = _draw_offsets(random, n_samples, min_steps, max_steps)
    cues = random.randint(n_classes, size=n_samples)
    ids = random.randint(n_classes, n_classes + n_distractors, size=offsets[-1])
    ids[offsets[:-1]] = cues
    tokens = [chr(ord("A") + i) for i in range(n_classes)]
    y = np.array(tokens)[cues]
    tokens += [chr(ord("a") + i) for i in range(n_distractors)]
    if encoding == "one_hot":
        values = np.eye(len(tokens), dtype=np.float32)[ids]
        return list(RaggedArray(values, offsets)), y
    steps = RaggedArray(np.array(tokens)[ids], offsets)
    return [sequence.tolist() for sequence in steps], y


def make_adding_problem(
    n_samples: int = 500,
    *,
    min_steps: int = 10,
    max_steps: int = 20,
    random_state: Any = None,
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """Make the adding problem: the sum of two marked numbers far apart.

    Each step has a number and a mark. Two steps are marked, one in each half of the
    sequence; the target is the sum of their numbers. Always to answer 1 gives a mean
    squared error of 1/6.

    Parameters
    ----------
    n_samples : int, default=500
        Number of sequences.
    min_steps, max_steps : int, default=10 and 20
        Bounds of the lengths, at least 2, both included. Longer ones are harder.
    random_state : int, RandomState or None, default=None
        Fixes the sequences.

    Returns
    -------
    X : list of float32 ndarray of shape (n_steps_i, 2)
        Numbers, uniform in [0, 1), and marks, 0 or 1.
    y : float64 ndarray of shape (n_samples,)
        The sums, in [0, 2).

    Notes
    -----
    Numbers, marks and target are scaled as in Le, Jaitly and Hinton; Hochreiter and
    Schmidhuber drew from [-1, 1] and marked the ends as well.

    References
    ----------
    Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8),
    1735-1780, experiment 4.

    Le, Jaitly, Hinton (2015). A simple way to initialize recurrent networks of rectified
    linear units. arXiv:1504.00941.

    Examples
    --------
    >>> from skrnn.datasets import make_adding_problem
    >>> X, y = make_adding_problem(random_state=0)
    >>> values, marks = X[0].T
    >>> bool(abs(values[marks == 1].sum() - y[0]) < 1e-6)
    True
    """
    random = check_random_state(random_state)
    offsets = _draw_offsets(random, n_samples, min_steps, max_steps, least=2)
    half = np.diff(offsets) // 2
    first = offsets[:-1] + random.randint(half)
    second = offsets[:-1] + half + random.randint(np.diff(offsets) - half)
    X = np.zeros((offsets[-1], 2), dtype=np.float32)
    X[:, 0] = random.uniform(size=len(X))
    X[first, 1] = X[second, 1] = 1.0
    y = X[first, 0].astype(np.float64) + X[second, 0]
    return list(RaggedArray(X, offsets)), y


def make_waves(
    n_samples: int = 300,
    *,
    n_classes: int = 3,
    noise: float = 0.3,
    min_steps: int = 20,
    max_steps: int = 40,
    random_state: Any = None,
) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    """Make noisy sine waves whose frequency tells the class.

    The phase is random, so no single step tells anything: the order of the values does.

    Parameters
    ----------
    n_samples : int, default=300
        Number of sequences.
    n_classes : int, default=3
        Number of frequencies, at least 2. Class ``k`` has ``(k + 1) / (4 * n_classes)``
        cycles a step, so more classes are harder to tell apart.
    noise : float, default=0.3
        Standard deviation of the noise on each step; the waves have amplitude 1.
    min_steps, max_steps : int, default=20 and 40
        Bounds of the lengths, both included. Shorter ones are harder.
    random_state : int, RandomState or None, default=None
        Fixes the sequences.

    Returns
    -------
    X : list of float32 ndarray of shape (n_steps_i, 1)
        The waves.
    y : int64 ndarray of shape (n_samples,)
        The classes, 0 to ``n_classes - 1``.

    Examples
    --------
    >>> from skrnn.datasets import make_waves
    >>> X, y = make_waves(n_samples=3, random_state=0)
    >>> [sequence.shape for sequence in X], y.tolist()
    ([(32, 1), (35, 1), (20, 1)], [1, 1, 2])
    """
    check_scalar(n_classes, "n_classes", Integral, min_val=2)
    check_scalar(noise, "noise", Real, min_val=0)
    random = check_random_state(random_state)
    offsets = _draw_offsets(random, n_samples, min_steps, max_steps)
    lengths = np.diff(offsets)
    y = random.randint(n_classes, size=n_samples)
    phase = random.uniform(size=n_samples)
    step = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    frequency = (y + 1) / (4 * n_classes)
    cycles = np.repeat(frequency, lengths) * step + np.repeat(phase, lengths)
    values = np.sin(2 * np.pi * cycles) + noise * random.standard_normal(len(step))
    return list(RaggedArray(values.astype(np.float32)[:, None], offsets)), y


def make_switches(
    n_samples: int = 200,
    *,
    rate: float = 0.1,
    noise: float = 0.1,
    min_steps: int = 20,
    max_steps: int = 60,
    random_state: Any = None,
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.str_]]]:
    """Make a noisy sensor that sees a device being switched, and its state at each step.

    A pulse turns the device on, or off again; between pulses there is noise alone. A
    label far from its last pulse can be told by memory only, not by the steps around it.

    Parameters
    ----------
    n_samples : int, default=200
        Number of sequences.
    rate : float in (0, 1), default=0.1
        Share of steps that have a pulse; fewer need a longer memory.
    noise : float, default=0.1
        Standard deviation of the noise on each step; a pulse has height 1. From about 0.2
        on single pulses cannot be told from noise, and one missed turns all that follows.
    min_steps, max_steps : int, default=20 and 60
        Bounds of the lengths, both included. Longer ones are harder to learn.
    random_state : int, RandomState or None, default=None
        Fixes the sequences.

    Returns
    -------
    X : list of float32 ndarray of shape (n_steps_i, 1)
        What the sensor sees.
    y : list of ndarray of str of shape (n_steps_i,)
        "on" or "off" at each step, its own pulse counted; it is off before the first.

    Examples
    --------
    >>> from skrnn.datasets import make_switches
    >>> X, y = make_switches(n_samples=1, noise=0, rate=0.2, random_state=6)
    >>> X[0][:7, 0].tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    >>> y[0][:7].tolist()
    ['off', 'off', 'on', 'on', 'on', 'off', 'off']
    """
    check_scalar(rate, "rate", Real, min_val=0, max_val=1, include_boundaries="neither")
    check_scalar(noise, "noise", Real, min_val=0)
    random = check_random_state(random_state)
    offsets = _draw_offsets(random, n_samples, min_steps, max_steps)
    pulses = random.uniform(size=offsets[-1]) < rate
    so_far = np.cumsum(pulses)
    before = np.repeat(so_far[offsets[:-1]] - pulses[offsets[:-1]], np.diff(offsets))
    labels = np.array(["off", "on"])[(so_far - before) % 2]
    values = pulses + noise * random.standard_normal(len(pulses))
    return (
        list(RaggedArray(values.astype(np.float32)[:, None], offsets)),
        list(RaggedArray(labels, offsets)),
    )


def _draw_offsets(
    random: np.random.RandomState,
    n_samples: int,
    min_steps: int,
    max_steps: int,
    least: int = 1,
) -> NDArray[np.int64]:
    """Return where sequences of random lengths begin, and where the last one ends."""
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(min_steps, "min_steps", Integral, min_val=least)
    check_scalar(max_steps, "max_steps", Integral, min_val=min_steps)
    return offsets_of(random.randint(min_steps, max_steps + 1, size=n_samples))

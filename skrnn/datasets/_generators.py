"""Generated problems, each of a known difficulty and with a known answer."""

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
    """Generate sequences whose class is given by the first step alone.

    All other steps are noise. A network that reads forwards and answers at the end must
    remember the first step over all others, so accuracy by length measures its memory.

    Parameters
    ----------
    n_samples : int, default=500
        Number of sequences, at least 1.
    n_classes : int, default=2
        Number of cues, and of classes, from 2 to 26.
    n_distractors : int, default=4
        Number of distinct tokens that follow a cue at random, from 1 to 26; more make
        more noise.
    min_steps, max_steps : int, default=10 and 20
        Range of the lengths, both ends included. Longer sequences need a longer memory.
    encoding : {"tokens", "one_hot"}, default="tokens"
        Steps as strings or as indicator vectors.
    random_state : int, RandomState or None, default=None
        Seed of the sequences; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples
        Token lists of n_steps_i str, with cues "A", "B", ... and distractors "a", "b",
        ...; or float32 ndarrays of shape (n_steps_i, n_classes + n_distractors).
    y : ndarray of str of shape (n_samples,)
        Cues.

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
    check_encoding(encoding)
    random = check_random_state(random_state)
    offsets = draw_offsets(random, n_samples, min_steps, max_steps)
    cues = random.randint(n_classes, size=n_samples)
    ids = random.randint(n_classes, n_classes + n_distractors, size=offsets[-1])
    ids[offsets[:-1]] = cues
    tokens = [chr(ord("A") + i) for i in range(n_classes)]
    y = np.array(tokens)[cues]
    tokens += [chr(ord("a") + i) for i in range(n_distractors)]
    return encode_steps(ids, tokens, offsets, encoding), y


def make_adding_problem(
    n_samples: int = 500,
    *,
    min_steps: int = 10,
    max_steps: int = 20,
    random_state: Any = None,
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """Generate the adding problem: the sum of two marked numbers far apart.

    Each step has a number and a mark. Two steps are marked, one in each half of the
    sequence; the target is the sum of their numbers. A constant prediction of 1 has a mean
    squared error of 1/6.

    Parameters
    ----------
    n_samples : int, default=500
        Number of sequences, at least 1.
    min_steps, max_steps : int, default=10 and 20
        Range of the lengths, at least 2, both ends included. Longer sequences are harder.
    random_state : int, RandomState or None, default=None
        Seed of the sequences; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples of float32 ndarray of shape (n_steps_i, 2)
        Numbers, uniform in [0, 1), and marks, 0 or 1.
    y : float64 ndarray of shape (n_samples,)
        Sums, in [0, 2).

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
    offsets = draw_offsets(random, n_samples, min_steps, max_steps, shortest=2)
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
    """Generate noisy sine waves whose frequency is the class.

    The phase is random, so that single steps carry no information: only the order of
    the values does.

    Parameters
    ----------
    n_samples : int, default=300
        Number of sequences, at least 1.
    n_classes : int, default=3
        Number of frequencies, at least 2. Class ``k`` has ``(k + 1) / (4 * n_classes)``
        cycles a step, so more classes are harder to separate.
    noise : float, default=0.3
        Standard deviation of the noise on each step; the waves have amplitude 1.
    min_steps, max_steps : int, default=20 and 40
        Range of the lengths, both ends included. Shorter sequences are harder.
    random_state : int, RandomState or None, default=None
        Seed of the sequences; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples of float32 ndarray of shape (n_steps_i, 1)
        Waves.
    y : int64 ndarray of shape (n_samples,)
        Classes, 0 to ``n_classes - 1``.

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
    offsets = draw_offsets(random, n_samples, min_steps, max_steps)
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
    """Generate readings of a noisy sensor and the state of the device that it observes.

    A pulse switches the device on, or off again; between pulses there is only noise. Far
    from the last pulse the steps around do not determine the state: only memory does.

    Parameters
    ----------
    n_samples : int, default=200
        Number of sequences, at least 1.
    rate : float in (0, 1), default=0.1
        Share of steps that have a pulse; a lower rate needs a longer memory.
    noise : float, default=0.1
        Standard deviation of the noise on each step; a pulse has height 1. From about 0.2
        pulses are easily mistaken for noise, and one missed pulse inverts all states that
        follow.
    min_steps, max_steps : int, default=20 and 60
        Range of the lengths, both ends included. Longer sequences are harder.
    random_state : int, RandomState or None, default=None
        Seed of the sequences; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples of float32 ndarray of shape (n_steps_i, 1)
        Readings of the sensor.
    y : list of length n_samples of ndarray of str of shape (n_steps_i,)
        State at each step, "on" or "off", after the pulse of that step. The device is off
        before its first pulse.

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
    offsets = draw_offsets(random, n_samples, min_steps, max_steps)
    pulses = random.uniform(size=offsets[-1]) < rate
    so_far = np.cumsum(pulses)
    before = np.repeat(so_far[offsets[:-1]] - pulses[offsets[:-1]], np.diff(offsets))
    labels = np.array(["off", "on"])[(so_far - before) % 2]
    values = pulses + noise * random.standard_normal(len(pulses))
    return (
        list(RaggedArray(values.astype(np.float32)[:, None], offsets)),
        list(RaggedArray(labels, offsets)),
    )


def draw_offsets(
    random: np.random.RandomState,
    n_samples: int,
    min_steps: int,
    max_steps: int,
    shortest: int = 1,
) -> NDArray[np.int64]:
    """Return the offsets of sequences of random lengths, ``(n_samples + 1,)``."""
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(min_steps, "min_steps", Integral, min_val=shortest)
    check_scalar(max_steps, "max_steps", Integral, min_val=min_steps)
    return offsets_of(random.randint(min_steps, max_steps + 1, size=n_samples))


def check_encoding(encoding: str) -> None:
    """Raise a ValueError unless steps can be encoded so."""
    if encoding not in ("tokens", "one_hot"):
        raise ValueError(f'encoding must be "tokens" or "one_hot", got {encoding!r}')


def encode_steps(
    ids: NDArray, tokens: list[str], offsets: NDArray[np.int64], encoding: str
) -> list:
    """Return ids ``(total_steps,)`` as token lists, or as arrays of indicator vectors."""
    if encoding == "one_hot":
        return list(RaggedArray(np.eye(len(tokens), dtype=np.float32)[ids], offsets))
    steps = RaggedArray(np.array(tokens)[ids], offsets)
    return [sequence.tolist() for sequence in steps]

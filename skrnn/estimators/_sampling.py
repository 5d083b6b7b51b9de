"""The arguments of methods that sample: their ranges, and the rules that they make."""

from __future__ import annotations

from numbers import Real
from typing import Any

from skrnn._sklearn import Interval
from skrnn.estimators._parameters import NON_NEGATIVE, POSITIVE_INT
from skrnn.estimators._rows import check_values
from skrnn.generation.sampling import MAX_TEMPERATURE, Sampling
from skrnn.training.seeding import draw_seed

CONSTRAINTS: dict[str, list[Any]] = {
    "n_samples": [POSITIVE_INT],
    "max_length": [POSITIVE_INT],
    "temperature": [NON_NEGATIVE],
    "top_k": [POSITIVE_INT, None],
    "top_p": [Interval(Real, 0, 1, closed="right"), None],
}


def check_sampling(caller: str, **arguments: Any) -> None:
    """Raise an InvalidParameterError for an argument of ``caller`` out of its range."""
    chosen = {name: CONSTRAINTS[name] for name in arguments}
    check_values(chosen, arguments, caller)


def make_sampling(temperature: float, top_k: int | None, top_p: float | None) -> Sampling:
    """Return the rules that checked arguments make."""
    temperature = float(min(temperature, MAX_TEMPERATURE))
    return Sampling(temperature, None if top_k is None else int(top_k), top_p)


def seed_for(sampling: Sampling, random_state: Any) -> int:
    """Return the start of random streams.

    A greedy call draws nothing: numpy's global generator stays as it is.
    """
    return 0 if sampling.is_greedy else draw_seed(random_state)

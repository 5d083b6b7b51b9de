"""Seeds and generators: each fit draws from generators of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.utils import check_random_state


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return a seed drawn from ``random_state`` as scikit-learn understands it.

    None draws from numpy's global generator.
    """
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def make_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator of the device's own, started from ``seed``."""
    return torch.Generator(device).manual_seed(seed)


def draw_random_state(generator: torch.Generator) -> np.random.RandomState:
    """Return a RandomState whose seed is drawn from ``generator``."""
    most = np.iinfo(np.int32).max
    seed = torch.randint(int(most), (), generator=generator, device="cpu")
    return np.random.RandomState(int(seed))


class Seeds:
    """The seeds that one fit draws from ``random_state``.

    Parameters
    ----------
    random_state : int, RandomState or None
        As scikit-learn understands it.
    kept : sequence of int
        Seeds that an interrupted fit drew, which come again.

    Attributes
    ----------
    drawn : list of int
        All seeds so far.
    """

    def __init__(
        self,
        random_state: int | np.random.RandomState | None,
        kept: Sequence[int] = (),
    ):
        self.random_state = random_state
        self.kept = kept
        self.drawn: list[int] = []

    def draw(self) -> int:
        """Return the next seed; a RandomState moves on, as without kept ones."""
        seed = draw_seed(self.random_state)
        if len(self.drawn) < len(self.kept):
            seed = self.kept[len(self.drawn)]
        self.drawn.append(seed)
        return seed

    def draw_members(self, n_members: int) -> list[int]:
        """Return a seed for each member of an ensemble; the first is what ``draw`` returns."""
        first = self.draw()
        others = np.random.RandomState(first)
        return [first, *(draw_seed(others) for _ in range(n_members - 1))]

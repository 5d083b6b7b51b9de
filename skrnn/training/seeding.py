"""Seeds and generators: each fit draws from generators of its own."""

from __future__ import annotations

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

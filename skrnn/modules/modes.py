"""The modes of PyTorch that a caller may be in, and the one that networks compute in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")
DEVICES = ("cpu", "cuda")


@contextmanager
def usual_modes() -> Iterator[None]:
    """Compute with gradients and in float32, whatever modes the caller is in.

    A fit needs gradients, also within ``torch.inference_mode()`` or ``torch.no_grad()``,
    and ``torch.autocast`` would change the numbers of a fit or a prediction.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for device in DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def in_usual_modes(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that runs within ``usual_modes``."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with usual_modes():
            return function(*args, **kwargs)

    return run

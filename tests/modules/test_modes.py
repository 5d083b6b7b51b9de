"""Whatever modes of PyTorch a caller is in, networks compute in the same ones."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules.modes import in_usual_modes, usual_modes


def bfloat16():
    """Return autocast's mode."""
    return torch.autocast("cpu", dtype=torch.bfloat16)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, bfloat16])
def test_gradients_are_on_and_autocast_is_off(mode):
    weight = torch.ones(2, 2, requires_grad=True)
    with mode():
        with usual_modes():
            product = (torch.ones(2, 2) @ weight).sum()
            product.backward()
        inside = (
            torch.is_inference_mode_enabled(),
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
        )
    assert product.dtype == torch.float32
    assert weight.grad is not None
    with mode():
        assert inside == (
            torch.is_inference_mode_enabled(),
            torch.is_grad_enabled(),
            torch.is_autocast_enabled("cpu"),
        )


def test_it_may_decorate_a_function():
    @in_usual_modes
    def leaf():
        """Return a leaf."""
        return torch.ones(1).requires_grad_()

    assert leaf.__doc__ == "Return a leaf."
    with torch.inference_mode():
        assert not leaf().is_inference()

"""Dropout of the weights between the state of a cell and its next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from skrnn.modules.dropout import Dropout
from skrnn.modules.recurrent.cells import Cell

M = TypeVar("M", bound=nn.Module)


class WeightDropout(nn.Module):
    """Zeroes hidden-to-hidden weights at rate ``p`` in training: DropConnect.

    Each call draws one mask a matrix, which all sequences and steps of a batch share, so
    that no step of a sequence forgets what another one remembers, and fused kernels compute
    as without it. The other weights are scaled by ``1 / (1 - p)``.

    Parameters
    ----------
    p : float
        The rate.
    cells : iterable of Cell
        The cells that it will be called with.

    Raises
    ------
    ValueError
        If the cells have no such weights.

    References
    ----------
    Wan, Zeiler, Zhang, LeCun, Fergus (2013). Regularization of neural networks using
    DropConnect. ICML, section 2.
    Merity, Keskar, Socher (2018). Regularizing and optimizing LSTM language models. ICLR,
    section 2.
    """

    def __init__(self, p: float, cells: Iterable[Any]):
        super().__init__()
        self.dropout = Dropout(p)
        if p and not any(cell.recurrent_weights() for cell in cells):
            raise ValueError(
                f"weight_dropout={p} needs a cell with hidden-to-hidden weights; this one "
                "computes its gates from the input alone"
            )

    def forward(self, cells: Iterable[Any]) -> list[Any]:
        """Return the cells; in training copies of them, whose weights are dropped."""
        if not self.training or self.dropout.p == 0.0:
            return list(cells)
        return [self._drop(cell) for cell in cells]

    def _drop(self, cell: Cell) -> Cell:
        weights = {n: self.dropout(w) for n, w in cell.recurrent_weights().items()}
        if any(weight.device.type != "cpu" for weight in weights.values()):
            # cuDNN moves the weights of a layer to one buffer, so all must be copies
            others = cell.named_parameters()
            weights = {n: w.clone() for n, w in others if n not in weights} | weights
        return with_weights(cell, weights)


def with_weights(module: M, weights: Mapping[str, Tensor]) -> M:
    """Return a module that shares everything with another one but some weights.

    Parameters
    ----------
    module : nn.Module
    weights : mapping
        Tensors by name; gradients pass through them.
    """
    copy = object.__new__(type(module))
    vars(copy).update(vars(module))
    own = {name: weight for name, weight in weights.items() if "." not in name}
    vars(copy)["_parameters"] = {**module._parameters, **own}
    parts = dict(module._modules)
    for name, part in parts.items():
        inner = {
            key.removeprefix(f"{name}."): weight
            for key, weight in weights.items()
            if key.startswith(f"{name}.")
        }
        if inner and part is not None:
            parts[name] = with_weights(part, inner)
    vars(copy)["_modules"] = parts
    return copy

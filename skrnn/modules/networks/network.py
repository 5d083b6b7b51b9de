"""The base of all networks: what the training loop and inference ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from skrnn.modules.embedding import Inputs, StaticInput, build_input_layer
from skrnn.modules.recurrent import Cell, UnrolledCell


class Network(nn.Module):
    """Abstract base: a network over padded batches.

    A subclass implements ``forward(inputs)``.

    Attributes
    ----------
    kind : str
        Its key in ``NETWORKS``.
    config : dict
        The arguments that built it.
    cell : type of Cell, or None
        The recurrent cell; None without recurrence.
    shape : str
        How outputs belong to inputs, in the words of the user guide.
    recurrent_parts : tuple of str
        Names of the submodules that are stacks of cells.
    """

    kind: str
    config: dict[str, Any]
    cell: type[Cell] | None = None
    shape: ClassVar[str] = "many to one"
    recurrent_parts: ClassVar[tuple[str, ...]] = ()

    @property
    def first_member(self) -> Network:
        """One network: itself, of an ensemble the first member."""
        return self

    def read_steps(self, inputs: Inputs) -> None:
        """Run the recurrent layers that read the steps of X, of which cells keep traces."""
        self(inputs)

    def unroll(self) -> dict[tuple[str, int, str], UnrolledCell]:
        """Replace all cells by unrolled ones; return them as ``cells`` does."""
        for name in self.recurrent_parts:
            part: Any = self.get_submodule(name)
            part.unroll()
        return self.cells()

    def cells(self) -> dict[tuple[str, int, str], Any]:
        """Return the cells by part ("encoder", ...), layer (from 1) and direction."""
        found = {}
        for name in self.recurrent_parts:
            part: Any = self.get_submodule(name)
            for (layer, direction), cell in part.cells().items():
                found[name.partition(".")[0], layer, direction] = cell
        return found

    def output_weight(self) -> Tensor:
        """Return the weight of the output layer."""
        head: Any = self.get_submodule("head")
        return head.weight

    def lookup_tables(self) -> list[nn.Embedding]:
        """Return the embeddings of which a batch reads no other rows than its tokens'."""
        output = self.output_weight()
        return [
            part
            for part in self.modules()
            if isinstance(part, nn.Embedding) and part.weight is not output
        ]

    def encode_characters(self, characters: Tensor, field: int = 0) -> Tensor:
        """Return the vectors of distinct words, of which a batch then takes its rows.

        Only called where sequences have characters, which an input layer reads.
        """
        raise NotImplementedError


class InputNetwork(Network):
    """Abstract base: a network that starts with an input layer.

    Parameters
    ----------
    input_layer : dict
        Arguments of ``FeatureInput`` (``n_features``), of ``TokenEmbedding``, or of
        ``JoinedInput`` (``fields``).
    dropout : float
        Rate on embeddings.
    static : dict, optional
        Arguments of ``StaticInput``, where sequences have static columns.

    Attributes
    ----------
    static_size : int
        Size of the vector of static columns, 0 without any.
    """

    def __init__(
        self,
        input_layer: Mapping[str, Any],
        dropout: float,
        static: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.input_layer = build_input_layer(input_layer, dropout)
        self.static = None if static is None else StaticInput(**static)
        self.static_size = 0 if self.static is None else self.static.output_size

    def encode_characters(self, characters: Tensor, field: int = 0) -> Tensor:
        """Return the vectors ``(W, C)`` of distinct words ``(W, n_characters)``."""
        return self.input_layer.encode_characters(characters, field)

    def embed(self, inputs: Inputs) -> Tensor:
        """Return the vectors ``(B, T, F)`` of the steps: the given ones, where there are."""
        embedded = inputs.get("embedded")
        return self.input_layer(inputs) if embedded is None else embedded

    def with_static(self, x: Tensor, inputs: Inputs) -> Tensor:
        """Return ``x`` ``(B, F)`` or ``(B, T, F)`` with the static columns after it."""
        return x if self.static is None else join_static(x, self.static(inputs))


def join_static(x: Tensor, static: Tensor) -> Tensor:
    """Return ``x`` ``(B, F)`` or ``(B, T, F)`` with static vectors ``(B, S)`` after it."""
    if x.dim() == 3:
        static = static[:, None].expand(-1, x.shape[1], -1)  # (B, T, S)
    return torch.cat([x, static], dim=-1)

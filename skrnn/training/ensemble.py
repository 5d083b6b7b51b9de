"""The nets of an ensemble as one that predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skrnn.modules.networks import Ensemble
from skrnn.training.net import SequenceNet


class EnsembleNet:
    """Nets that were trained apart, with what inference and inspection ask of one.

    Parameters
    ----------
    nets : sequence of SequenceNet
        Over networks of one kind and configuration, with the same loss.
    numbers : sequence of int, optional
        The number of each member, from 1, where some were left out.

    Attributes
    ----------
    module_ : Ensemble
        Of the nets' networks, whose weights are not copied.
    criterion_ : Loss
    device : str
    bptt : int, optional
    """

    def __init__(self, nets: Sequence[SequenceNet], numbers: Sequence[int] | None = None):
        self.nets = list(nets)
        self.numbers = list(numbers or range(1, len(self.nets) + 1))
        first = self.nets[0]
        self.criterion_: Any = first.criterion_
        self.device, self.bptt = first.device, first.bptt
        networks: list[Any] = [net.module_ for net in self.nets]
        self.module_: Any = Ensemble(networks, self.criterion_.activation)
        self._set_training(False)

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row an epoch and member."""
        return [
            {"member": number, **row}
            for number, net in zip(self.numbers, self.nets, strict=True)
            for row in net.history
        ]

    @property
    def n_parameters(self) -> int:
        """Number of trained weights of all members."""
        return sum(net.n_parameters for net in self.nets)

    def _set_training(self, training: bool = True) -> None:
        for net in self.nets:
            net._set_training(training)
        self.module_.train(training)

    def snapshot(self) -> list[dict[str, Any]]:
        """Return copies of what training changes, for ``restore``."""
        return [net.snapshot() for net in self.nets]

    def restore(self, snapshot: Sequence[dict[str, Any]]) -> None:
        """Go back to a ``snapshot``."""
        for net, state in zip(self.nets, snapshot, strict=True):
            net.restore(state)

    def __getstate__(self) -> dict[str, Any]:
        """Return the nets, whose states are plain Python and numpy, and their numbers."""
        return {"nets": self.nets, "numbers": self.numbers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Join the nets again."""
        self.__init__(state["nets"], state.get("numbers"))  # type: ignore[misc]

"""Which checkpoint belongs to a fit: its parameters, its data, and where it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData
from skrnn.training.digests import digest_of
from skrnn.training.net import SequenceNet, resolve_device

if TYPE_CHECKING:
    from skrnn.training.checkpoint import Checkpoint

#: Parameters that do not change what is learned.
NOT_COMPARED = {"checkpoint", "keep_optimizer", "n_jobs", "on_interrupt", "verbose"}


def open_checkpoint(
    estimator: Any,
    train: CheckedData,
    held_out: CheckedData | None,
    net: SequenceNet | None,
    stage: str | None,
) -> Checkpoint | None:
    """Return the checkpoint of a fit, or None where none is asked for.

    Parameters
    ----------
    estimator : estimator
    train : CheckedData
        Before a validation part is split off.
    held_out : CheckedData, optional
        The user's own.
    net : SequenceNet, optional
        From which a warm start begins.
    stage : str, optional
        As of ``Checkpoint``.

    Raises
    ------
    ValueError
        If the checkpoint belongs to another fit.
    """
    if estimator.checkpoint is None:
        return None
    from skrnn.training.checkpoint import Checkpoint, FitIdentity, identity_of_callbacks

    def comparable(name: str, value: Any) -> Any:
        return identity_of_callbacks(value or []) if name == "callbacks" else value

    parameters = estimator.get_params(deep=False)
    identity = FitIdentity(
        type(estimator).__name__,
        {
            name: (digest_of(comparable(name, value)), shown(value))
            for name, value in parameters.items()
            if name not in NOT_COMPARED
        },
        {
            **_digests(train, ("X", "y", "sample_weight")),
            **_digests(held_out, ("X_val", "y_val", "sample_weight_val")),
            "network before the fit": (_digest_of_net(net), ""),
        },
    )
    device = resolve_device(estimator.device)
    return Checkpoint(estimator.checkpoint, identity, device, stage)


def _digests(data: CheckedData | None, names: tuple[str, ...]) -> dict[str, Any]:
    parts = (None,) * 3 if data is None else (data.X, data.y, data.weight)
    return {name: (digest_of(p), "") for name, p in zip(names, parts, strict=True)}


def _digest_of_net(net: SequenceNet | None) -> str:
    return digest_of(None if net is None else dict(net.module_.state_dict()))

"""Which checkpoint belongs to a fit: its parameters, its data, and where it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skrnn.data.steps import shown
from skrnn.data.targets import CheckedData
from skrnn.training.digests import digest_of
from skrnn.training.net import resolve_device
from skrnn.training.seeding import Seeds

if TYPE_CHECKING:
    from skrnn.training.checkpoint import Checkpoint

#: Parameters that do not change what is learned.
NOT_COMPARED = {"checkpoint", "keep_optimizer", "n_jobs", "on_interrupt", "verbose"}
#: Parameters of a search for answers, which training reads only where ``scoring`` does.
OF_SEARCHES = {
    *("beam_size", "max_length", "length_penalty"),
    *("no_repeat_ngram_size", "replace_unknown"),
}


def open_checkpoints(
    estimator: Any,
    train: CheckedData,
    held_out: CheckedData | None,
    net: Any,
    stage: str | None,
) -> list[Checkpoint | None]:
    """Return the checkpoint of each member's training, None where none is asked for.

    Parameters
    ----------
    estimator : estimator
    train : CheckedData
        Before a validation part is split off.
    held_out : CheckedData, optional
        The user's own.
    net : SequenceNet or EnsembleNet, optional
        From which a warm start begins.
    stage : str, optional
        As of ``Checkpoint``.

    Raises
    ------
    ValueError
        If a checkpoint belongs to another fit.
    """
    path, n_members = estimator.checkpoint, estimator.n_estimators
    if path is None:
        return [None] * n_members
    from skrnn.training.checkpoint import Checkpoint, FitIdentity, identity_of_callbacks

    def comparable(name: str, value: Any) -> Any:
        return identity_of_callbacks(value or []) if name == "callbacks" else value

    parameters = estimator.get_params(deep=False)
    not_compared = NOT_COMPARED | (OF_SEARCHES if estimator.scoring is None else set())
    identity = FitIdentity(
        type(estimator).__name__,
        {
            name: (digest_of(comparable(name, value)), shown(value))
            for name, value in parameters.items()
            if name not in not_compared
        },
        {
            **_digests(train, ("X", "y", "sample_weight")),
            **_digests(held_out, ("X_val", "y_val", "sample_weight_val")),
            "network before the fit": (_digest_of_net(net), ""),
        },
    )
    device = resolve_device(estimator.device)
    if n_members == 1:
        return [Checkpoint(path, identity, device, stage)]
    return [
        Checkpoint(path, identity.of_member(i), device, stage, member=i)
        for i in range(n_members)
    ]


def draw_from(checkpoints: Sequence[Checkpoint | None], random_state: Any) -> Seeds:
    """Return the seeds of a fit, those of its checkpoints first."""
    opened = [one for one in checkpoints if one is not None]
    if not opened:
        return Seeds(random_state)
    first = next((one for one in opened if one.found is not None), opened[0])
    seeds = first.draw_from(random_state)
    for one in opened:
        one.seeds = seeds
    return seeds


def _digests(data: CheckedData | None, names: tuple[str, ...]) -> dict[str, Any]:
    parts = (None,) * 3 if data is None else (data.X, data.y, data.weight)
    return {name: (digest_of(p), "") for name, p in zip(names, parts, strict=True)}


def _digest_of_net(net: Any) -> str:
    return digest_of(None if net is None else dict(net.module_.state_dict()))

"""Adam that leaves rows of embeddings alone until they are read.

A batch reads some hundred words of a vocabulary of thousands; Adam changes all of them, since
momentum moves a row long after its last gradient. Here a row catches up when it is read: the
sum of the updates that it missed has a closed form, so the effect is that of Adam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer, RMSprop

from skrnn.modules.parallel import n_free_threads, run_parts

#: Numbers of an embedding from which its rows are updated one by one.
MIN_TABLE = 1 << 19
#: Weights from which an update gains from two threads, and those of one that is cut for them
#: at a multiple of ``ALIGNED``.
MIN_SHARED, MIN_CUT, ALIGNED = 1 << 18, 1 << 14, 64
#: A weight, its gradient, its two moments and the count of its updates.
Update = tuple[Any, ...]
#: Updates after which momentum moves a row no further: 0.9 ** 256 is 2e-12.
MAX_MOMENTUM = 256


class MissedUpdates:
    """Factors of the updates that a row has missed since update ``t``, by ``t``.

    Until update ``s`` it is moved by the sum over ``j`` from ``t + 1`` to ``s`` of
    ``rate[j] * (beta1 / sqrt(beta2)) ** (j - t)`` times its ``exp_avg / sqrt(exp_avg_sq)``
    at ``t``. Here ``rate`` is the learning rate with the corrections of Adam's bias.

    Parameters
    ----------
    betas : tuple of float
        Adam's.

    Attributes
    ----------
    count : int
        Updates so far, ``s``.
    moves, kept : float64 tensors of shape (at least s + 1,)
        That sum, and the share of a weight that its decay leaves.
    """

    def __init__(self, betas: tuple[float, float]):
        on_host: Any = {"dtype": torch.float64, "device": "cpu"}
        powers = torch.arange(MAX_MOMENTUM, 0, -1, **on_host)
        self.powers = (betas[0] / betas[1] ** 0.5) ** powers
        self.moves = torch.zeros(MAX_MOMENTUM, **on_host)
        self.kept = torch.ones(MAX_MOMENTUM, **on_host)
        self.count = 0

    def add(self, rate: float, decay: float) -> None:
        """Count an update that first multiplies weights by ``decay``."""
        self.count += 1
        n = self.count  # rows whose last update was 0 ... n - 1 miss this one
        if n >= len(self.moves):
            self.moves = torch.cat([self.moves, torch.zeros_like(self.moves)])
            self.kept = torch.cat([self.kept, torch.ones_like(self.kept)])
        if decay != 1.0:
            self.moves[:n] *= decay
            self.kept[:n] *= decay
        recent = self.moves[max(0, n - MAX_MOMENTUM) : n]
        recent.add_(self.powers[MAX_MOMENTUM - len(recent) :], alpha=rate)

    def clear(self) -> None:
        """Forget all updates."""
        self.moves.zero_()
        self.kept.fill_(1.0)
        self.count = 0


class Table:
    """The rows of one embedding.

    Parameters
    ----------
    weight : tensor of shape (n_rows, n_columns)
    state : dict
        Adam's moments of it.
    betas, eps :
        Adam's.
    """

    def __init__(
        self,
        weight: Tensor,
        state: dict[str, Tensor],
        betas: tuple[float, float],
        eps: float,
    ):
        self.weight, self.state, self.betas, self.eps = weight, state, betas, eps
        self.missed = MissedUpdates(betas)
        self.correction = 1.0  # of the bias of exp_avg_sq, at the last update
        #: the update at which each row was last up to date
        self.last = torch.zeros(len(weight), dtype=torch.int64, device=weight.device)

    @torch.no_grad()
    def catch_up(self, rows: Tensor) -> None:
        """Apply to distinct ``rows`` all updates that they have missed."""
        missed = self.missed
        last = self.last.index_select(0, rows)
        late = last < missed.count
        if not late.any():
            return
        rows, last = rows[late], last[late]
        weight, first, second = self._take(rows)
        dtype = weight.dtype
        moves = missed.moves.index_select(0, last).to(dtype)[:, None]  # (R, 1)
        kept = missed.kept.index_select(0, last).to(dtype)[:, None]
        scale = second.sqrt().add_(self.eps * self.correction)
        weight.mul_(kept).sub_((first / scale).mul_(moves))
        n_missed = (missed.count - last)[:, None].double()
        first.mul_((self.betas[0] ** n_missed).to(dtype))
        second.mul_((self.betas[1] ** n_missed).to(dtype))
        self._put(rows, weight, first, second)

    def update(self, rows: Tensor, gradient: Tensor, lr: float, decay: float) -> None:
        """Update distinct ``rows``, which are up to date, by their ``gradient`` (R, C)."""
        beta1, beta2 = self.betas
        self.state["step"] += 1
        step = float(self.state["step"])
        self.correction = (1 - beta2**step) ** 0.5
        rate = lr * self.correction / (1 - beta1**step)
        self.missed.add(rate, decay)
        weight, first, second = self._take(rows)
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        scale = second.sqrt().add_(self.eps * self.correction)
        weight.mul_(decay).addcdiv_(first, scale, value=-rate)
        self._put(rows, weight, first, second)

    def flush(self) -> None:
        """Bring all rows up to date; updates are counted from 0 again."""
        if self.missed.count:
            self.catch_up(torch.arange(len(self.weight), device=self.weight.device))
            self.forget_missed()

    def forget_missed(self) -> None:
        """Count all rows as up to date, and updates from 0 again."""
        self.missed.clear()
        self.last.zero_()

    def _take(self, rows: Tensor) -> list[Tensor]:
        """Return copies of the weights and moments of some rows, ``(R, C)`` each."""
        parts = self.weight, self.state["exp_avg"], self.state["exp_avg_sq"]
        return [part.index_select(0, rows) for part in parts]

    def _put(self, rows: Tensor, *values: Tensor) -> None:
        """Set the weights and moments of rows that are now up to date."""
        parts = self.weight, self.state["exp_avg"], self.state["exp_avg_sq"]
        for part, value in zip(parts, values, strict=True):
            part.index_copy_(0, rows, value)
        self.last.index_fill_(0, rows, self.missed.count)


def _parts_of(updates: list[Update]) -> list[list[Update]]:
    """Return all updates as one, or those of many weights on a CPU as two of like size.

    One weight is cut for it, at most.
    """
    sizes = [weight.numel() for weight, *_ in updates]
    on_cpu = all(weight.device.type == "cpu" for weight, *_ in updates)
    if not on_cpu or sum(sizes) < MIN_SHARED or n_free_threads() == 1:
        return [updates]
    first, second, room = [], [], sum(sizes) // 2
    for (*values, step), size in zip(updates, sizes, strict=True):
        cut = room // ALIGNED * ALIGNED
        if size <= room:
            first.append((*values, step))
            room -= size
        elif cut < MIN_CUT or not all(x.is_contiguous() for x in values):
            second.append((*values, step))
        else:
            first.append((*(x.view(-1)[:cut] for x in values), step))
            second.append((*(x.view(-1)[cut:] for x in values), step))
            room -= cut
    return [part for part in (first, second) if part]


class Adam(Optimizer):
    """Adam, fused, with rows of embeddings updated when they are read.

    Parameters
    ----------
    params : iterable
        As of every optimizer of torch.
    lr, betas, eps, weight_decay :
        As of ``torch.optim.Adam``.

    References
    ----------
    Kingma, Ba (2015). Adam: A method for stochastic optimization. ICLR, algorithm 1.
    """

    #: Whether weights decay apart from the gradient.
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        self.tables: dict[Tensor, Table] = {}
        self.hooks: list[tuple[nn.Embedding, Any]] = []
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a copy, which watches no embeddings."""
        super().__setstate__(state)
        self.tables, self.hooks = {}, []

    # --- rows ------------------------------------------------------------------------

    def watch(self, embeddings: Iterable[nn.Embedding]) -> None:
        """Update large embeddings row by row, until ``release``.

        Each must be read by calls alone: nothing else may see a row that is not up to date.
        """
        group_of = {p: group for group in self.param_groups for p in group["params"]}
        for embedding in embeddings:
            weight = embedding.weight
            group = group_of[weight]
            if (
                weight.numel() < MIN_TABLE
                or weight.device.type != "cpu"
                or not weight.requires_grad
                or (group["weight_decay"] and not self.decoupled)
            ):
                continue
            self.tables[weight] = Table(
                weight, self._state_of(weight), group["betas"], group["eps"]
            )
            embedding.sparse = True
            hook = embedding.register_forward_pre_hook(self._read)
            self.hooks.append((embedding, hook))

    def _read(self, embedding: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        """Bring the rows up to date that an embedding is about to read."""
        if embedding.training:
            weight: Any = embedding.weight
            table = self.tables.get(weight)  # a copied embedding has none
            if table is not None:
                table.catch_up(arguments[0].unique())

    def flush(self) -> None:
        """Bring all rows up to date."""
        for table in self.tables.values():
            table.flush()

    def release(self) -> None:
        """Bring all rows up to date and update embeddings as a whole again."""
        self.flush()
        for embedding, hook in self.hooks:
            hook.remove()
            embedding.sparse = False
        self.hooks.clear()
        self.tables.clear()

    # --- updates ---------------------------------------------------------------------

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one update."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [w for w in group["params"] if w.grad is not None]
            self._update_rows([w for w in weights if w.grad.is_sparse], group)
            self._update_whole([w for w in weights if not w.grad.is_sparse], group)
        return loss

    def _update_whole(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Update weights that have dense gradients."""
        if not weights:
            return
        states = [self._state_of(weight) for weight in weights]
        torch._foreach_add_([state["step"] for state in states], 1)
        beta1, beta2 = group["betas"]
        update = partial(
            torch._fused_adamw_ if self.decoupled else torch._fused_adam_,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )
        updates = [
            (weight, weight.grad, state["exp_avg"], state["exp_avg_sq"], state["step"])
            for weight, state in zip(weights, states, strict=True)
        ]

        def compute(updates: list[Update]) -> None:
            *values, steps = map(list, zip(*updates, strict=True))
            with torch.no_grad():
                update(*values, [], steps)

        run_parts([partial(compute, part) for part in _parts_of(updates)])

    def _update_rows(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Update the rows of tables that have a gradient."""
        decay = 1.0 - group["lr"] * group["weight_decay"]
        for weight in weights:
            gradient: Any = weight.grad
            gradient = gradient.coalesce()
            self.tables[weight].update(
                gradient.indices()[0], gradient.values(), group["lr"], decay
            )

    # torch's own methods import its compiler, which takes longer than a small fit

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add weights with their own options."""
        group = self.defaults | param_group
        self.param_groups.append(group | {"params": list(group["params"])})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with ``set_to_none=False`` make them zeros."""
        for group in self.param_groups:
            for weight in group["params"]:
                if set_to_none:
                    weight.grad = None
                elif weight.grad is not None:
                    weight.grad.detach_().zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return the state as of ``torch.optim.Adam``, with all rows up to date."""
        self.flush()
        weights = self._weights()
        places = {weight: i for i, weight in enumerate(weights)}
        groups = [
            group | {"params": [places[weight] for weight in group["params"]]}
            for group in self.param_groups
        ]
        state = {
            i: self.state[weight]
            for i, weight in enumerate(weights)
            if self.state[weight]
        }
        return {"state": state, "param_groups": groups}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a state as of ``torch.optim.Adam``; nothing of the former one stays."""
        given = state_dict["param_groups"]
        for group, other in zip(self.param_groups, given, strict=True):
            group.update({k: v for k, v in other.items() if k != "params"})
        for i, weight in enumerate(self._weights()):
            moments = state_dict["state"].get(i, {})
            if moments or self.state[weight]:
                for name, value in self._state_of(weight).items():  # also of a table
                    value.copy_(moments[name]) if moments else value.zero_()
        for table in self.tables.values():
            table.forget_missed()

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"]]

    def _state_of(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the moments of a weight, zeros at first."""
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=weight.device)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        return state


class AdamW(Adam):
    """Adam whose weights decay apart from the gradient.

    References
    ----------
    Loshchilov, Hutter (2019). Decoupled weight decay regularization. ICLR.
    """

    decoupled = True


class RemovedOptimizer(Optimizer):
    """Stands for the user's class in a file that was written without it."""

    def __init__(self, params: Iterable[Any], **options: Any):
        super().__init__(params, options)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Raise a ValueError: the network cannot be trained further."""
        raise ValueError(
            "optimizer was changed by set_params after fit, so the estimator was stored "
            "without the class of fit, and cannot be trained further; call fit without "
            "warm_start"
        )


#: The ``optimizer`` parameter: class and options beside lr and weight_decay.
OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {}),
    "adamw": (AdamW, {}),
    "sgd": (SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
    "rmsprop": (RMSprop, {}),
}


def name_of(optimizer: str | type[Optimizer]) -> str | type[Optimizer]:
    """Return the name of a class in ``OPTIMIZERS``; of another, the class."""
    names = (name for name, (kind, _) in OPTIMIZERS.items() if kind is optimizer)
    return next(names, optimizer)


def class_of(optimizer: str | type[Optimizer]) -> type[Optimizer]:
    """Return the class of a name in ``OPTIMIZERS``, or the class that was given."""
    return OPTIMIZERS[optimizer][0] if isinstance(optimizer, str) else optimizer

"""Several networks of one kind as a network: their outputs are averaged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skrnn.modules.crf import ConditionalRandomField
from skrnn.modules.embedding import Inputs
from skrnn.modules.networks.network import Network
from skrnn.modules.outputs import LanguageScores, PathScores, State, StepScores

#: Name of the kind of network.
ENSEMBLE = "ensemble"
#: What is averaged of the scores of paths.
SCORES = ("logits", "transitions", "start", "end")


def log_mean(log_probabilities: Iterable[Tensor]) -> Tensor:
    """Return the logarithm of mean probabilities, from those of each member."""
    total, count = None, 0
    for one in log_probabilities:  # one after the other: logits may be large
        total = one if total is None else torch.logaddexp(total, one)
        count += 1
    assert total is not None
    return total - math.log(count)


def _mean_probabilities(logits: Iterable[Tensor]) -> Tensor:
    return log_mean(one.log_softmax(-1) for one in logits)


def _mean_odds(logits: Iterable[Tensor]) -> Tensor:
    given = list(logits)
    return log_mean(map(F.logsigmoid, given)) - log_mean(F.logsigmoid(-x) for x in given)


def mean(values: Iterable[Tensor]) -> Tensor:
    """Return the mean of the members' values."""
    given = list(values)
    return torch.stack(given).mean(0)


#: Outputs ``(..., C)`` of an ensemble from those of its members: of classes, of independent
#: 0/1 labels, and of numbers.
AVERAGES: dict[str, Callable[[Iterable[Tensor]], Tensor]] = {
    "softmax": _mean_probabilities,
    "sigmoid": _mean_odds,
    "identity": mean,
}


class MemberStates(NamedTuple):
    """The decoder states of all members.

    Attributes
    ----------
    parts : tuple
        One state a member.
    """

    parts: tuple[Any, ...]

    def take(self, sources: Tensor, hypotheses: Tensor) -> MemberStates:
        """Return some sources, and some hypotheses of each."""
        return MemberStates(tuple(part.take(sources, hypotheses) for part in self.parts))

    def repeat(self, sources: Tensor) -> MemberStates:
        """Return sources, each any number of times."""
        return MemberStates(tuple(part.repeat(sources) for part in self.parts))


class Ensemble(Network):
    """Members that were trained apart, with the interface of one of them.

    Logits are the logarithm of mean probabilities, or of the odds of mean probabilities of
    independent labels; numbers, emissions and transitions of a conditional random field and
    weights of attention are means; pooled vectors and states stand side by side.

    Parameters
    ----------
    members : sequence of Network
        Networks of the same kind and configuration.
    activation : str
        What the outputs stand for, a key of ``AVERAGES``.

    References
    ----------
    Hansen, Salamon (1990). Neural network ensembles. IEEE Transactions on Pattern Analysis
    and Machine Intelligence 12(10).
    """

    def __init__(self, members: Sequence[Network], activation: str):
        super().__init__()
        first = members[0]
        self.members: Any = nn.ModuleList(members)
        self.activation = activation
        self.kind = ENSEMBLE
        self.config = {
            "member": first.kind,
            "n_members": len(members),
            "averaged": activation,
            **first.config,
        }
        self.cell = first.cell

    @property
    def shape(self) -> str:  # type: ignore[override]
        """How outputs belong to inputs."""
        return self.first_member.shape

    @property
    def first_member(self) -> Network:
        """The first member."""
        first: Network = self.members[0]
        return first

    # --- outputs ---------------------------------------------------------------------

    def forward(self, inputs: Inputs) -> Any:
        """Return the average of the members' outputs."""
        each = self._each(inputs)
        member, given = next(each)
        first = member(given)
        others = (member(given) for member, given in each)
        if isinstance(first, PathScores):
            outputs = [first, *others]
            return first._replace(
                **{name: mean(getattr(one, name) for one in outputs) for name in SCORES}
            )
        if isinstance(first, StepScores):
            logits = self._average(one.logits for one in chain([first], others))
            return StepScores(logits, first.lengths)
        if isinstance(first, LanguageScores):
            states: list[State] = []

            def logits_of(one: LanguageScores) -> Tensor:
                states.append(one.state)
                return one.logits

            logits = self._average(map(logits_of, chain([first], others)))
            state = tuple(part for one in states for part in one)
            return LanguageScores(logits, first.lengths, None, None, state)
        return self._average(chain([first], others))

    def _average(self, outputs: Iterable[Tensor]) -> Tensor:
        return AVERAGES[self.activation](outputs)

    def _each(self, inputs: Inputs) -> Iterator[tuple[Any, Inputs]]:
        """Yield each member with its inputs.

        Vectors that stand in place of tokens or of characters hold all members' vectors side
        by side, and a state all members' states.
        """
        n_members = len(self.members)
        own: dict[str, Sequence[Any]] = {}
        for name, part in inputs.items():
            if name == "state":
                own[name] = _split(part, n_members)
            elif name == "embedded" or (
                name.partition(".")[0] == "characters" and part.is_floating_point()
            ):
                own[name] = part.chunk(n_members, dim=-1)
        for i, member in enumerate(self.members):
            yield member, {**inputs, **{name: parts[i] for name, parts in own.items()}}

    # --- inputs ----------------------------------------------------------------------

    def encode_characters(self, characters: Tensor, field: int = 0) -> Tensor:
        """Return the vectors ``(W, M * C)`` of distinct words ``(W, n_characters)``."""
        vectors = [m.encode_characters(characters, field) for m in self.members]
        return torch.cat(vectors, dim=-1)

    def embed(self, inputs: Inputs) -> Tensor:
        """Return the vectors ``(B, T, M * F)`` of the steps."""
        return torch.cat([m.embed(given) for m, given in self._each(inputs)], dim=-1)

    # --- many to one -----------------------------------------------------------------

    def pool(self, inputs: Inputs) -> Tensor:
        """Return the pooled vectors ``(B, M * H)`` of all members."""
        return torch.cat([m.pool(given) for m, given in self._each(inputs)], dim=-1)

    @property
    def pooled_size(self) -> int:
        """Size of the pooled vectors of all members."""
        return sum(member.pooled_size for member in self.members)

    def attention(self, inputs: Inputs) -> Tensor:
        """Return the mean weights of attention, in the shape of a member's."""
        return torch.stack([m.attention(given) for m, given in self._each(inputs)]).mean(
            0
        )

    # --- many to many ----------------------------------------------------------------

    @property
    def crf(self) -> ConditionalRandomField | None:
        """A conditional random field of the mean scores; None if members have none."""
        parts = [member.crf for member in self.members]
        if parts[0] is None:
            return None
        joined = ConditionalRandomField(len(parts[0].start)).to(parts[0].start.device)
        joined.load_state_dict(parts[0].state_dict())
        with torch.no_grad():
            for name, value in joined.named_parameters():
                value.copy_(torch.stack([p.get_parameter(name) for p in parts]).mean(0))
        return joined

    def encode(self, inputs: Inputs) -> MemberStates:
        """Return the states from which the members' decoders start."""
        return MemberStates(tuple(m.encode(given) for m, given in self._each(inputs)))

    def step(
        self, tokens: Tensor, state: MemberStates, *, unknown: bool = False
    ) -> tuple[Tensor, MemberStates]:
        """Return log-probabilities ``(S, K, n_outputs)`` of the token after ``(S, K)``."""
        found = [
            member.step(tokens, part, unknown=unknown)
            for member, part in zip(self.members, state.parts, strict=True)
        ]
        scores, states = zip(*found, strict=True)
        return log_mean(scores), MemberStates(states)

    # --- one to many -----------------------------------------------------------------

    def start(self, inputs: Inputs) -> State:
        """Return the states before the first step of a batch, one member's after another's."""
        return tuple(part for member in self.members for part in member.start(inputs))

    def read(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return logits ``(B, C)`` of the step after the last, and the states there."""
        parts = _split(state, len(self.members))
        found = [
            m.read(inputs, part) for m, part in zip(self.members, parts, strict=True)
        ]
        logits, after = zip(*found, strict=True)
        return self._average(logits), tuple(part for one in after for part in one)

    # --- cells -----------------------------------------------------------------------

    def read_steps(self, inputs: Inputs) -> None:
        """Run the recurrent layers that read the steps of X."""
        for member, given in self._each(inputs):
            member.read_steps(given)

    def cells(self) -> dict[tuple[str, int, str], Any]:
        """Return the cells of all members; the layers of the second come after the first's."""
        found = {}
        for i, member in enumerate(self.members):
            own = member.cells()
            n_layers = max((layer for _, layer, _ in own), default=0)
            for (part, layer, direction), cell in own.items():
                found[part, i * n_layers + layer, direction] = cell
        return found

    def output_weight(self) -> Tensor:
        """Return the weight of the first member's output layer."""
        return self.first_member.output_weight()


def _split(state: Sequence[Any], n_members: int) -> list[tuple[Any, ...]]:
    """Return each member's part of a state."""
    size = len(state) // n_members
    return [tuple(state[i * size : (i + 1) * size]) for i in range(n_members)]

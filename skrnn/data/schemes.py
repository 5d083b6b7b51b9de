"""Tagging schemes: how tags of single steps say where entities begin and end.

A tag is ``"O"`` or a prefix, a hyphen and a type: ``"B-person"``. A new scheme is one row
in ``SCHEMES``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Scheme(NamedTuple):
    """What the prefixes of a tagging scheme mean.

    Attributes
    ----------
    single, first, inner, last : str
        Prefixes of an entity of one step, and of the first, inner and last steps of a
        longer one, where no entity of the same type touches it.
    continuing : str
        Prefixes that must follow one of ``before``, of the same type.
    open : str
        Prefixes that one of ``after``, of the same type, must follow.
    before, after : str
        As above.
    """

    single: str
    first: str
    inner: str
    last: str
    continuing: str = ""
    open: str = ""
    before: str = ""
    after: str = ""

    @property
    def prefixes(self) -> set[str]:
        """All prefixes."""
        return set("".join(self))


#: Ramshaw & Marcus (1995); Tjong Kim Sang & Veenstra (1999); Ratinov & Roth (2009).
SCHEMES = {
    "IOB1": Scheme("I", "I", "I", "I", continuing="B", before="BI"),
    "IOB2": Scheme("B", "B", "I", "I", continuing="I", before="BI"),
    "IOE1": Scheme("I", "I", "I", "I", open="E", after="IE"),
    "IOE2": Scheme("E", "I", "I", "E", open="I", after="IE"),
    "IOBES": Scheme("S", "B", "I", "E", "IE", "BI", "BI", "IE"),
    "BILOU": Scheme("U", "B", "I", "L", "IL", "BI", "BI", "IL"),
}
#: Prefixes that begin and that end an entity in whatever scheme.
BEGINNING, ENDING = "BSU", "ESLU"


def split_tag(tag: str) -> tuple[str, str]:
    """Return a tag's prefix and type, ``("O", "")`` outside.

    >>> split_tag("B-creative-work"), split_tag("O")
    (('B', 'creative-work'), ('O', ''))
    """
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def may_follow(scheme: Scheme, tag: str, next_tag: str) -> bool:
    """Tell whether ``next_tag`` may stand behind ``tag``; "O" stands for the ends."""
    prefix, kind = split_tag(tag)
    next_prefix, next_kind = split_tag(next_tag)
    same = kind == next_kind
    if next_prefix in scheme.continuing and not (same and prefix in scheme.before):
        return False
    return not (prefix in scheme.open and not (same and next_prefix in scheme.after))


def check_tags(scheme_name: str, classes: Sequence[str], name: str = "y") -> None:
    """Raise a ValueError for a label that is no tag of the scheme; ``name`` has it."""
    prefixes = SCHEMES[scheme_name].prefixes
    for tag in classes:
        prefix, kind = split_tag(tag) if isinstance(tag, str) else ("", "")
        if tag != "O" and not (prefix in prefixes and len(prefix) == 1 and kind):
            raise ValueError(
                f'scheme="{scheme_name}" knows "O" and tags such as '
                f'"{min(prefixes)}-name" (prefixes {sorted(prefixes)}); {name} has {tag!r}'
            )


def allowed_moves(
    scheme_name: str, classes: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which of ``classes`` may follow which, may come first and may come last."""
    scheme = SCHEMES[scheme_name]
    follow = [[may_follow(scheme, tag, after) for after in classes] for tag in classes]
    first = [may_follow(scheme, "O", tag) for tag in classes]
    last = [may_follow(scheme, tag, "O") for tag in classes]
    return np.array(follow), np.array(first), np.array(last)


def has_valid_path(
    moves: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]],
) -> bool:
    """Tell whether sequences of one and of two steps can keep to ``allowed_moves``."""
    follow, first, last = moves
    return bool((first & last).any() and (follow & first[:, None] & last).any())


def entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return each entity's first step, the step after its last, and its type.

    Read leniently, as the CoNLL evaluation script does: a tag of another type, or one
    that begins an entity, ends the entity before it, and an entity may begin with any
    prefix.

    >>> entities(["I-a", "I-a", "O", "B-b", "I-a"])
    [(0, 2, 'a'), (3, 4, 'b'), (4, 5, 'a')]
    """
    found: list[tuple[int, int, str]] = []
    start, kind_before, ended = 0, "", True
    for i, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        inside = prefix != "O" and prefix not in BEGINNING
        continues = not ended and inside and kind == kind_before
        if not ended and not continues:
            found.append((start, i, kind_before))
        if not continues:
            start = i
        if prefix != "O" and prefix in ENDING:
            found.append((start, i + 1, kind))
        ended = prefix in ENDING or prefix == "O"
        kind_before = kind
    if not ended:
        found.append((start, len(tags), kind_before))
    return found


def repair(scheme_name: str, tags: Sequence[str]) -> list[str]:
    """Return the tags of the same entities, read leniently, as the scheme has them.

    >>> repair("IOB2", ["I-a", "I-a", "O", "B-b", "I-a"])
    ['B-a', 'I-a', 'O', 'B-b', 'B-a']
    """
    scheme = SCHEMES[scheme_name]
    repaired = ["O"] * len(tags)
    end_before, kind_before = -1, ""
    for start, end, kind in entities(tags):
        if end - start == 1:
            prefixes = [scheme.single]
        else:
            inner = [scheme.inner] * (end - start - 2)
            prefixes = [scheme.first, *inner, scheme.last]
        touches = start == end_before and kind == kind_before
        if touches and scheme.continuing == "B":  # IOB1 marks it on the right
            prefixes[0] = "B"
        if touches and scheme.open == "E":  # IOE1 marks it on the left
            repaired[start - 1] = f"E-{kind}"
        repaired[start:end] = [f"{prefix}-{kind}" for prefix in prefixes]
        end_before, kind_before = end, kind
    return repaired


def first_violation(scheme_name: str, tags: Sequence[str]) -> int | None:
    """Return the first step that may not follow the one before, if there is one.

    ``len(tags)`` where the last tag leaves an entity open.
    """
    scheme = SCHEMES[scheme_name]
    before = "O"
    for i, tag in enumerate([*tags, "O"]):
        if not may_follow(scheme, before, tag):
            return i
        before = tag
    return None

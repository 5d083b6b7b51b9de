"""Tagging schemes: how tags of single steps mark where entities begin and end.

A tag is ``"O"``; a prefix, a hyphen and a type, as in ``"B-person"``; or a prefix alone, whose
entities are of the type ``""``, which is as different from ``"person"`` as any other. A new
scheme is one row in ``SCHEMES``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skrnn.data.steps import shown


class Scheme(NamedTuple):
    """The meaning of the prefixes of a tagging scheme.

    Attributes
    ----------
    single, first, inner, last : str
        Prefixes of an entity of one step, and of the first, inner and last steps of a
        longer one, if it is not adjacent to an entity of the same type.
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
#: Prefixes that begin and that end an entity, whatever the scheme.
BEGINNING, ENDING = "BSU", "ESLU"


def split_tag(tag: str) -> tuple[str, str]:
    """Return a tag's prefix and type, ``("O", "")`` outside.

    >>> split_tag("B-creative-work"), split_tag("B"), split_tag("O")
    (('B', 'creative-work'), ('B', ''), ('O', ''))
    """
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def join_tag(prefix: str, kind: str) -> str:
    """Return the tag of a prefix and a type.

    >>> join_tag("B", "person"), join_tag("B", "")
    ('B-person', 'B')
    """
    return f"{prefix}-{kind}" if kind else prefix


def may_follow(scheme: Scheme, tag: str, next_tag: str) -> bool:
    """Return whether ``next_tag`` may follow ``tag``; "O" stands for the ends."""
    prefix, kind = split_tag(tag)
    next_prefix, next_kind = split_tag(next_tag)
    same = kind == next_kind
    if next_prefix in scheme.continuing and not (same and prefix in scheme.before):
        return False
    return not (prefix in scheme.open and not (same and next_prefix in scheme.after))


def check_tags(scheme_name: str, classes: Sequence[str], name: str = "y") -> None:
    """Raise a ValueError that names a label of ``name`` that is not a tag of the scheme."""
    prefixes = SCHEMES[scheme_name].prefixes
    for tag in classes:
        prefix, kind = split_tag(tag) if isinstance(tag, str) else ("", "")
        if tag != "O" and not (prefix in prefixes and tag == join_tag(prefix, kind)):
            raise ValueError(
                f'the tags of scheme="{scheme_name}" are "O" and such as '
                f'"{min(prefixes)}-name" or "{min(prefixes)}" (prefixes '
                f"{sorted(prefixes)}); {name} has {shown(tag)}"
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
    """Return whether ``allowed_moves`` allow some sequence of one and of two steps."""
    follow, first, last = moves
    return bool((first & last).any() and (follow & first[:, None] & last).any())


def entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return each entity's first step, the step after its last, and its type.

    Tags are read leniently, as by the CoNLL evaluation script: a tag of another type, or one
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
    """Return the scheme's tags for the entities of ``tags``, read leniently.

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
        is_adjacent = start == end_before and kind == kind_before
        if is_adjacent and scheme.continuing == "B":  # IOB1 marks the entity on the right
            prefixes[0] = "B"
        if is_adjacent and scheme.open == "E":  # IOE1 marks the one on the left
            repaired[start - 1] = join_tag("E", kind)
        repaired[start:end] = [join_tag(prefix, kind) for prefix in prefixes]
        end_before, kind_before = end, kind
    return repaired


def first_violation(scheme_name: str, tags: Sequence[str]) -> int | None:
    """Return the first step whose tag may not follow the one before it, or None.

    ``len(tags)`` if the last tag leaves an entity open.
    """
    scheme = SCHEMES[scheme_name]
    before = "O"
    for i, tag in enumerate([*tags, "O"]):
        if not may_follow(scheme, before, tag):
            return i
        before = tag
    return None

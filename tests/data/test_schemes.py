"""Tagging schemes against seqeval, and against all short sequences of tags."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import seqeval.scheme
from seqeval.metrics.sequence_labeling import get_entities

from skrnn.data.schemes import (
    SCHEMES,
    allowed_moves,
    check_tags,
    entities,
    first_violation,
    repair,
    split_tag,
)

EVERY_SCHEME = pytest.mark.parametrize("scheme", SCHEMES)
EVERY_PREFIX = sorted({p for scheme in SCHEMES.values() for p in scheme.prefixes})


def tags_of(prefixes, kinds="ab"):
    """Return "O" and the tags of all kinds; the kind "_" stands for tags without a type."""
    return [
        "O",
        *(f"{p}-{kind}".removesuffix("-_") for p in sorted(prefixes) for kind in kinds),
    ]


def all_sequences(tags, longest):
    """Return every sequence of these tags, of up to ``longest`` steps."""
    lengths = range(longest + 1)
    return [s for n in lengths for s in itertools.product(tags, repeat=n)]


def any_sequences(n, tags, longest=9, seed=0):
    """Return random sequences, most of which break every scheme."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, size=n)
    return [[tags[i] for i in rng.integers(len(tags), size=m)] for m in lengths]


# --- what a scheme allows ------------------------------------------------------------

VALID = {
    "IOB1": ["O I-a I-a O", "I-a B-a I-a", "I-a I-b", "I-b B-b B-b", "O O"],
    "IOB2": ["O B-a I-a O", "B-a B-a I-a", "B-a I-a I-a B-b", "B-a", "B-a B-b"],
    "IOE1": ["O I-a I-a O", "I-a E-a I-a", "E-a I-a", "I-a I-b", "I-a E-a E-a I-a"],
    "IOE2": ["O I-a E-a O", "E-a I-a I-a E-a", "E-a E-b", "E-a", "O"],
    "IOBES": ["O B-a E-a O", "B-a I-a I-a E-a S-b", "S-a S-a", "S-a B-a E-a", "O"],
    "BILOU": ["O B-a L-a O", "B-a I-a I-a L-a U-b", "U-a U-a", "U-a B-a L-a", "O"],
}
INVALID = {
    "IOB1": [("B-a", 0), ("O B-a", 1), ("I-b B-a", 1), ("I-a O B-a I-a", 2)],
    "IOB2": [("I-a", 0), ("B-a O I-a", 2), ("B-a I-b", 1), ("O O I-b", 2)],
    "IOE1": [("E-a", 1), ("I-a E-a O", 2), ("E-a I-b", 1), ("E-a E-a", 2)],
    "IOE2": [("I-a", 1), ("I-a O", 1), ("I-a E-b", 1), ("O E-a I-a", 3)],
    "IOBES": [
        ("B-a", 1),
        ("B-a O", 1),
        ("B-a S-a", 1),
        ("I-a E-a", 0),
        ("S-a E-a", 1),
        ("B-a E-b", 1),
        ("B-a I-a", 2),
        ("B-a B-a E-a", 1),
    ],
    "BILOU": [
        ("B-a", 1),
        ("B-a O", 1),
        ("B-a U-a", 1),
        ("I-a L-a", 0),
        ("U-a L-a", 1),
        ("B-a L-b", 1),
        ("B-a I-a", 2),
        ("B-a B-a L-a", 1),
    ],
}


@pytest.mark.parametrize(
    ("scheme", "tags"), [(scheme, tags) for scheme in VALID for tags in VALID[scheme]]
)
def test_tags_that_conform_to_the_scheme_have_no_violation(scheme, tags):
    assert first_violation(scheme, tags.split()) is None


@pytest.mark.parametrize(
    ("scheme", "tags", "step"),
    [(scheme, *case) for scheme in INVALID for case in INVALID[scheme]],
)
def test_the_first_violation_is_found(scheme, tags, step):
    assert first_violation(scheme, tags.split()) == step


@pytest.mark.parametrize(
    ("scheme", "tags"), [(scheme, tags) for scheme in VALID for tags in VALID[scheme]]
)
def test_tags_of_one_type_conform_as_well_without_it(scheme, tags):
    untyped = [tag.removesuffix("-a") for tag in tags.split()]
    assert first_violation(scheme, untyped) is None


@pytest.mark.parametrize(
    ("scheme", "tags", "step"),
    [(scheme, *case) for scheme in INVALID for case in INVALID[scheme]],
)
def test_violations_are_found_where_a_type_is_missing(scheme, tags, step):
    untyped = [tag.removesuffix("-a") for tag in tags.split()]
    assert first_violation(scheme, untyped) == step


@pytest.mark.parametrize(
    ("scheme", "tags", "step"),
    [
        ("IOB2", "B-a I", 1),
        ("IOB2", "B I-a", 1),
        ("IOBES", "B-a E", 1),
        ("IOE1", "I E", 2),
    ],
)
def test_no_type_is_another_type_than_any(scheme, tags, step):
    assert first_violation(scheme, tags.split()) == step


@EVERY_SCHEME
def test_no_tags_conform_to_every_scheme(scheme):
    assert first_violation(scheme, []) is None
    assert repair(scheme, []) == []
    assert entities([]) == []


@EVERY_SCHEME
@pytest.mark.parametrize("kinds", ["ab", "a_"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_allowed_moves_are_those_of_sequences_without_a_violation(
    scheme, shuffle, kinds, rng
):
    tags = tags_of(SCHEMES[scheme].prefixes, kinds)
    if shuffle:
        tags = rng.permutation(tags).tolist()
    follow, first, last = allowed_moves(scheme, tags)
    assert follow.dtype == first.dtype == last.dtype == bool
    place = {tag: i for i, tag in enumerate(tags)}
    n_allowed = 0
    for sequence in all_sequences(tags, 3)[1:]:
        ids = [place[tag] for tag in sequence]
        allowed = (
            first[ids[0]]
            and last[ids[-1]]
            and all(follow[a, b] for a, b in itertools.pairwise(ids))
        )
        assert allowed == (first_violation(scheme, sequence) is None), sequence
        n_allowed += allowed
    assert 0 < n_allowed < len(tags) ** 3


# --- entities ------------------------------------------------------------------------


def found_by_seqeval(sequence):
    return [(start, last + 1, kind) for kind, start, last in get_entities(sequence)]


@pytest.mark.parametrize("prefixes", ["BI", "IE", "BIES", "I", "BE", "IS"])
def test_entities_are_those_of_the_conll_evaluation(prefixes):
    tags = tuple(tags_of(prefixes))
    for sequence in [*all_sequences(tags, 3), *any_sequences(500, tags)]:
        assert entities(sequence) == found_by_seqeval(list(sequence)), sequence


def begins_with_its_end(sequence):
    """Return whether an entity of one step is before another; seqeval overlooks it."""
    return any(sequence[start][0] == "E" for start, _, _ in entities(sequence))


@EVERY_SCHEME
def test_entities_of_valid_tags_are_those_of_a_strict_reading(scheme):
    strict = getattr(seqeval.scheme, scheme)
    tags = tags_of(SCHEMES[scheme].prefixes)
    n_entities = 0
    for sequence in all_sequences(tags, 4 if len(tags) < 9 else 3)[1:]:
        if first_violation(scheme, sequence) is None:
            if scheme == "IOE1" and begins_with_its_end(sequence):
                continue
            tokens = seqeval.scheme.Tokens(list(sequence), strict)
            expected = sorted((e.start, e.end, e.tag) for e in tokens.entities)
            assert entities(sequence) == expected, sequence
            n_entities += len(expected)
    assert n_entities > 50


def test_an_entitys_type_may_have_hyphens():
    assert split_tag("B-creative-work") == ("B", "creative-work")
    assert entities(["B-creative-work", "I-creative-work", "I-work"]) == [
        (0, 2, "creative-work"),
        (2, 3, "work"),
    ]


# --- repair --------------------------------------------------------------------------


@EVERY_SCHEME
@pytest.mark.parametrize("kinds", ["ab", "a_", "_"])
def test_repaired_tags_conform_to_the_scheme_and_have_the_same_entities(scheme, kinds):
    broken = 0
    for sequence in any_sequences(3000, tags_of(EVERY_PREFIX, kinds)):
        repaired = repair(scheme, sequence)
        check_tags(scheme, repaired)
        assert first_violation(scheme, repaired) is None, sequence
        assert entities(repaired) == entities(sequence), sequence
        broken += repaired != sequence
    assert broken > 1000


@EVERY_SCHEME
@pytest.mark.parametrize("kinds", ["ab", "a_"])
def test_repair_leaves_valid_tags_alone_and_is_idempotent(scheme, kinds):
    tags = tags_of(SCHEMES[scheme].prefixes, kinds)
    for sequence in all_sequences(tags, 3):
        repaired = repair(scheme, sequence)
        if first_violation(scheme, sequence) is None:
            assert repaired == list(sequence)
        assert repair(scheme, repaired) == repaired


@pytest.mark.parametrize(
    ("scheme", "tags", "repaired"),
    [
        ("IOB2", "I-a I-a O I-b", "B-a I-a O B-b"),
        ("IOB2", "B-a I-b I-b", "B-a B-b I-b"),
        ("IOB1", "O B-a I-a B-a", "O I-a I-a B-a"),
        ("IOE1", "O E-a I-a E-a", "O E-a I-a I-a"),
        ("IOE2", "I-a I-a O", "I-a E-a O"),
        ("IOBES", "B-a O I-a I-a I-a", "S-a O B-a I-a E-a"),
        ("BILOU", "B-a O I-a I-a I-a", "U-a O B-a I-a L-a"),
        ("IOBES", "U-a B-a L-a", "S-a B-a E-a"),
        ("IOB2", "I I O I", "B I O B"),
        ("IOB2", "B-a I I-a", "B-a B B-a"),
        ("IOE1", "E I E", "E I I"),
    ],
)
def test_repair_rewrites_the_entities_of_the_lenient_reading(scheme, tags, repaired):
    assert repair(scheme, tags.split()) == repaired.split()


# --- labels --------------------------------------------------------------------------


@EVERY_SCHEME
def test_tags_of_the_scheme_are_its_own_prefixes_with_or_without_a_type(scheme):
    check_tags(scheme, tags_of(SCHEMES[scheme].prefixes, "a_"))
    check_tags(scheme, [])


@pytest.mark.parametrize(
    "tag",
    ["X-a", "S", "B-", "-a", "-", "", "b-a", "BI-a", "O-a", "o", "S-a", "B_a", 3, None],
)
def test_a_label_that_is_not_a_tag_is_named(tag):
    with pytest.raises(
        ValueError, match=r'scheme="IOB2" are "O" and such as "B-name" or "B"'
    ):
        check_tags("IOB2", ["O", "B-a", tag])
    with pytest.raises(ValueError, match=f"y has {tag!r}"):
        check_tags("IOB2", ["O", "B-a", tag])

"""Entity measures, by hand, by enumeration and against seqeval."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest
import seqeval.metrics
import seqeval.scheme
from numpy.testing import assert_allclose

from skrnn.data.schemes import SCHEMES, entities, first_violation, repair
from skrnn.metrics import (
    entity_f1_score,
    entity_precision_score,
    entity_recall_score,
    entity_report,
)

ENTITY_SCORES = {
    "precision_score": entity_precision_score,
    "recall_score": entity_recall_score,
    "f1_score": entity_f1_score,
}
TAGS = [["B-x", "I-x", "O"], ["B-y"], ["O", "B-x", "I-x", "B-y"]]
GUESSES = [["B-x", "I-x", "O"], ["O"], ["B-x", "I-x", "I-x", "B-y"]]
# two of four entities are found, by three predicted ones; type x: 1 of 2, by 2
MICRO = {"precision_score": 2 / 3, "recall_score": 2 / 4, "f1_score": 4 / 7}
MACRO = {
    "precision_score": (1 / 2 + 1) / 2,
    "recall_score": (1 / 2 + 1 / 2) / 2,
    "f1_score": (1 / 2 + 2 / 3) / 2,
}


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_entities_are_counted_as_by_hand(name, scheme):
    score = ENTITY_SCORES[name](TAGS, GUESSES, scheme=scheme)
    assert type(score) is float
    assert score == pytest.approx(MICRO[name])
    macro = ENTITY_SCORES[name](TAGS, GUESSES, scheme=scheme, average="macro")
    assert macro == pytest.approx(MACRO[name])


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_the_lenient_reading_is_seqevals(name, average, random_tags):
    true, pred = random_tags(0), random_tags(1)
    expected = getattr(seqeval.metrics, name)(true, pred, average=average)
    assert ENTITY_SCORES[name](true, pred, average=average) == expected > 0


SEQEVAL_READS = [name for name in SCHEMES if name != "IOE1"]


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("scheme", SEQEVAL_READS)
def test_the_strict_reading_is_seqevals(name, scheme, random_tags, lengths):
    true, pred = random_tags(0, "BIES"), random_tags(1, "BIES")
    true = [repair(scheme, row) for row in true]
    pred = [
        right if keep else repair(scheme, wrong)
        for keep, right, wrong in zip(lengths % 2, true, pred, strict=True)
    ]
    strict = {"mode": "strict", "scheme": getattr(seqeval.scheme, scheme)}
    expected = getattr(seqeval.metrics, name)(true, pred, **strict)
    assert 0.3 < expected < 1
    assert ENTITY_SCORES[name](true, pred, scheme=scheme) == expected


def all_rows(scheme, max_steps, kinds="x"):
    """Return every sequence of a scheme's tags, whether it keeps to the scheme or not."""
    prefixes = sorted(SCHEMES[scheme].prefixes)
    tags = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in kinds)]
    return [list(row) for n in range(1, max_steps + 1) for row in product(tags, repeat=n)]


def counts(rows, scheme=None):
    """Return how many entities the report finds in each row."""
    marked = [
        [tag if tag == "O" else f"{tag}{i}" for tag in row] for i, row in enumerate(rows)
    ]
    support = entity_report(marked, marked, scheme=scheme)["support"].iloc[:-3]
    by_row = support.groupby(lambda kind: int(kind[1:])).sum()
    return by_row.reindex(range(len(rows)), fill_value=0).tolist()


def rows_that_keep_to(scheme):
    """Return all rows of up to 4 steps, two types, that keep to the scheme."""
    rows = all_rows(scheme, 4, "xy")
    return [row for row in rows if first_violation(scheme, row) is None]


@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_tags_may_have_no_type(scheme):
    report = entity_report([["B", "I", "O", "B"]], [["B", "I", "O", "O"]], scheme=scheme)
    assert report.loc["_"].tolist() == [1, 1 / 2, 2 / 3, 2]


@pytest.mark.parametrize("row", [["U-x", "U-x", "O"], ["B-x", "L-x", "B-x", "L-x"]])
def test_the_lenient_reading_knows_the_letters_of_bilou(row):
    assert entity_report([row], [row])["support"].tolist() == [2, 2, 2, 2]


def test_the_lenient_reading_finds_the_entities_of_all_of_bilou():
    rows = rows_that_keep_to("BILOU")
    assert len(rows) == 208
    assert counts(rows) == [len(entities(row)) for row in rows]
    assert entity_f1_score(rows, [repair("IOB2", row) for row in rows]) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_strict_reading_finds_all_entities_of_tags_that_keep_to_the_scheme(scheme):
    rows = rows_that_keep_to(scheme)
    assert len(rows) == 208
    assert counts(rows, scheme) == [len(entities(row)) for row in rows]


@pytest.mark.parametrize("scheme", ["IOB2", "IOE2", "IOBES", "BILOU"])
def test_the_strict_reading_is_seqevals_of_tags_that_break_the_scheme(scheme):
    rows = all_rows(scheme, 4)
    reader = getattr(seqeval.scheme, scheme)
    found = [len(seqeval.scheme.Tokens(row, reader).entities) for row in rows]
    assert counts(rows, scheme) == found


@pytest.mark.parametrize(
    ("scheme", "row", "support"),
    [
        ("IOE1", ["E-x", "I-x"], 2),
        ("IOE1", ["I-x", "E-x", "I-x"], 2),
        ("IOE1", ["E-x", "I-x", "O", "E-x", "O"], 2),  # the last should be "I-x"
        ("IOE1", ["I-x", "O", "I-x", "E-x", "O"], 1),
        ("IOB1", ["I-x", "B-x"], 2),
        ("IOB1", ["I-x", "O", "B-x", "I-x", "O"], 1),
        ("IOB2", ["I-x", "I-x", "B-x"], 1),
        ("IOB2", ["B", "I", "O", "I", "O", "B"], 2),  # of no type
    ],
)
def test_entities_that_keep_to_the_scheme_are_counted_by_hand(scheme, row, support):
    report = entity_report([row], [row], scheme=scheme)
    assert report["support"].tolist() == [support] * 4


@pytest.mark.parametrize("name", ENTITY_SCORES)
def test_tags_that_break_the_scheme_are_no_entity_to_the_strict_reading(name):
    true, pred = [["B-x", "O", "B-y"]], [["I-x", "O", "B-y"]]
    assert ENTITY_SCORES[name](true, pred) == 1
    strict = ENTITY_SCORES[name](true, pred, scheme="IOB2")
    assert strict == {"precision_score": 1, "recall_score": 0.5}.get(name, 2 / 3)


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("scheme", [None, "IOB2"])
@pytest.mark.parametrize(
    ("true", "pred"),
    [
        ([["O", "O"]], [["O", "B-x"]]),
        ([["O", "B-x"]], [["O", "O"]]),
        ([["O"], []], [["O"], []]),
    ],
)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_no_entities_are_zero_without_a_warning(name, scheme, average, true, pred):
    assert ENTITY_SCORES[name](true, pred, scheme=scheme, average=average) == 0


def test_the_report_has_a_row_for_each_type_and_average():
    report = entity_report(TAGS, GUESSES)
    averages = ["micro avg", "macro avg", "weighted avg"]
    assert report.index.tolist() == ["x", "y", *averages]
    assert report.columns.tolist() == ["precision", "recall", "f1-score", "support"]
    assert report["support"].tolist() == [2, 2, 4, 4, 4]
    assert pd.api.types.is_integer_dtype(report["support"])
    assert_allclose(report.loc["x"], [1 / 2, 1 / 2, 1 / 2, 2])
    assert_allclose(report.loc["y"], [1, 1 / 2, 2 / 3, 2])
    assert_allclose(report.loc["micro avg"], [*MICRO.values(), 4])
    assert_allclose(report.loc["macro avg"], [*MACRO.values(), 4])


@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_the_report_agrees_with_the_scores(scheme, random_tags):
    true, pred = random_tags(0), random_tags(1)
    report = entity_report(true, pred, scheme=scheme)
    for average in ("micro", "macro", "weighted"):
        scores = [
            score(true, pred, scheme=scheme, average=average)
            for score in ENTITY_SCORES.values()
        ]
        assert_allclose(report.loc[f"{average} avg"].iloc[:3], scores)


# --- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("true", "pred", "scheme", "message"),
    [
        ([["O", "O"]], [["O", "O"]], None, "no entities to report$"),
        ([[]], [[]], None, "no entities to report$"),
        ([["O"]], [["I-x"]], "IOB2", 'no entities to report that keep to scheme="IOB2"'),
    ],
)
def test_a_report_of_no_entities_is_an_error(true, pred, scheme, message):
    with pytest.raises(ValueError, match=message):
        entity_report(true, pred, scheme=scheme)


ENTITY_MEASURES = pytest.mark.parametrize(
    "measure", [*ENTITY_SCORES.values(), entity_report]
)


@ENTITY_MEASURES
def test_an_unknown_scheme_is_an_error(measure):
    with pytest.raises(ValueError, match=r"scheme must be one of .* got 'BIO'"):
        measure(TAGS, GUESSES, scheme="BIO")


@pytest.mark.parametrize("measure", ENTITY_SCORES.values())
@pytest.mark.parametrize("average", [None, "binary", "Micro"])
def test_an_unknown_average_is_an_error(measure, average):
    with pytest.raises(ValueError, match=rf"average must be one of .* got {average!r}"):
        measure(TAGS, GUESSES, average=average)


@ENTITY_MEASURES
@pytest.mark.parametrize("scheme", [None, "IOB2"])
@pytest.mark.parametrize("tag", [1, None, 0.5])
def test_a_tag_that_is_no_string_is_named(measure, scheme, tag):
    with pytest.raises(TypeError, match=rf"y_true\[1\], step 1 is {tag}, expected a tag"):
        measure([["O"], ["O", tag]], [["O"], ["O", "O"]], scheme=scheme)
    with pytest.raises(TypeError, match=rf"y_pred\[0\], step 0 is {tag}, expected a tag"):
        measure([["O"]], [[tag]], scheme=scheme)


@ENTITY_MEASURES
@pytest.mark.parametrize(
    ("tag", "scheme"),
    [
        *[("", None), ("person", None), ("O-x", None), ("M-x", None), ("B-", None)],
        *[("", "IOB2"), ("E-x", "IOB2"), ("E", "IOB2"), ("person", "BILOU")],
    ],
)
def test_a_tag_that_is_none_of_the_scheme_is_named(measure, tag, scheme):
    with pytest.raises(ValueError, match=rf"y_pred\[0\], step 0 is '{tag}', expected"):
        measure([["O"]], [[tag]], scheme=scheme)


@ENTITY_MEASURES
@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_the_tags_of_one_sequence_are_refused(measure, scheme):
    tags, guesses = ["B-x", "I-x", "O"], ["B-x", "O", "O"]
    with pytest.raises(
        ValueError, match=r"is one tag \('B-x'\); pass the tags .* \[y_true\]"
    ):
        measure(tags, guesses, scheme=scheme)
    measure([tags], [guesses], scheme=scheme)
    measure([" ".join(tags)], [" ".join(guesses)], scheme=scheme)
    measure(["B-x", "O O"], ["B-x", "B-x O"], scheme=scheme)
    measure(["B-x"], ["B-x"], scheme=scheme)  # the same, whether flat or not


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_tags_without_a_type_are_of_a_type_of_their_own(name, scheme):
    rows = [["B", "I", "O", "B-x", "I-x", "I"]]
    assert entity_report(rows, rows, scheme=scheme)["support"].loc[
        ["_", "x"]
    ].tolist() == [
        1 if scheme else 2,  # "I" after "I-x" begins another entity, leniently read
        1,
    ]
    assert ENTITY_SCORES[name](rows, rows, scheme=scheme) == 1

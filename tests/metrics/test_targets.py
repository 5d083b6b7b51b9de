"""Metrics of generated sequences, by hand and against the libraries that compute them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sacrebleu.metrics import BLEU, CHRF

from skrnn.data.ragged import object_array
from skrnn.metrics import bleu_score, chrf_score, exact_match_score, token_error_rate


def slow_distance(a, b):
    """Return the edits between two lists, from Levenshtein's recurrence."""
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i, one in enumerate(a, 1):
        for k, other in enumerate(b, 1):
            changed = table[i - 1, k - 1] + (one != other)
            table[i, k] = min(changed, table[i - 1, k] + 1, table[i, k - 1] + 1)
    return int(table[-1, -1])


@pytest.mark.parametrize(
    ("true", "pred", "rate"),
    [
        (["a b c d"], ["a b c d"], 0.0),
        (["a b c d"], ["a x c d"], 1 / 4),  # substituted
        (["a b c d"], ["a c d"], 1 / 4),  # deleted
        (["a b c d"], ["a b x c d"], 1 / 4),  # inserted
        (["a b c d"], ["b a c d"], 2 / 4),  # nothing is moved
        (["a b c d"], [""], 1.0),
        (["a"], ["b c d"], 3.0),
        (["a b c", "d"], ["a b c", "e"], 1 / 4),  # of all tokens together
        (["a", ""], ["a", "b"], 1.0),
        ([[1, 2, 3]], [[1, 3]], 1 / 3),
        ([["ab", "c"]], [["a", "bc"]], 1.0),  # tokens, not characters
    ],
)
def test_edits_are_counted_by_hand(true, pred, rate):
    assert token_error_rate(true, pred) == pytest.approx(rate)


def test_edits_equal_those_of_a_slow_recurrence(rng):
    def draw():
        return [rng.integers(3, size=n).tolist() for n in rng.integers(0, 9, size=60)]

    true, pred = draw(), draw()
    edits = sum(map(slow_distance, true, pred))
    assert token_error_rate(true, pred) == pytest.approx(edits / sum(map(len, true)))


@pytest.mark.parametrize(
    "container", [tuple, object_array, lambda y: pd.Series(y, index=[4, 4])]
)
def test_containers_of_sequences_score_the_same(container):
    true, pred = [["a", "b", "c", "d"], ["c"]], [["a", "b", "c", "d"], ["d"]]
    for score in (token_error_rate, exact_match_score, bleu_score, chrf_score):
        expected = score(true, pred)
        assert 0 < expected < 100
        assert score(container(true), container(pred)) == expected
        strings = [[" ".join(row) for row in y] for y in (true, pred)]
        assert score(*map(container, strings)) == expected


def test_the_nearest_reference_counts():
    true = [["a b c", "a b", "z"], ["d e"]]
    assert token_error_rate(true, ["a b", "d"], multiple_references=True) == 1 / 4
    assert exact_match_score(true, ["a b", "d"], multiple_references=True) == 1 / 2
    lists = [[one.split() for one in row] for row in true]
    assert token_error_rate(lists, [["a"], ["d"]], multiple_references=True) == 2 / 4


@pytest.mark.parametrize("references", [["a b c", "a"], ["a", "a b c"]])
def test_the_longest_of_equally_near_references_counts(references):
    assert token_error_rate([references], ["a b"], multiple_references=True) == 1 / 3


def test_sequences_are_weighted_in_the_error_rate():
    true, pred = ["a b", "c d"], ["a b", "x y"]
    assert token_error_rate(true, pred, sample_weight=[3, 1]) == 1 / 4
    assert token_error_rate(true, pred, sample_weight=[1, 0]) == 0
    with pytest.raises(ValueError, match="sample_weight"):
        token_error_rate(true, pred, sample_weight=[1.0])


@pytest.mark.parametrize(
    ("true", "pred", "share"),
    [
        (["a b", "c"], ["a b", "d"], 0.5),
        (["a  b"], ["a b"], 1.0),
        ([["a", "b"]], [("a", "b")], 1.0),
        (["ab"], ["a b"], 0.0),
        (["", "a"], ["", ""], 0.5),
    ],
)
def test_exact_matches_are_counted_by_hand(true, pred, share):
    assert exact_match_score(true, pred) == share


def test_sequences_are_weighted_in_exact_matches():
    true, pred = ["a b", "c d"], ["a b", "x y"]
    assert exact_match_score(true, pred, sample_weight=[3, 1]) == 3 / 4
    assert exact_match_score(true, pred, sample_weight=[1, 0]) == 1
    with pytest.raises(ValueError, match="sample_weight"):
        exact_match_score(true, pred, sample_weight=[1.0])


def test_characters_are_tokens_where_so_asked():
    assert token_error_rate(["abcd"], ["abd"], tokenizer="char") == 1 / 4
    assert token_error_rate(["a b"], ["ab"], tokenizer="char") == 1 / 3
    several = [["xyz", "abc"]]
    one_wrong = {"multiple_references": True, "tokenizer": "char"}
    assert token_error_rate(several, ["abd"], **one_wrong) == 1 / 3
    assert exact_match_score(several, ["abc"], **one_wrong) == 1
    assert exact_match_score(["a  b"], ["a b"], tokenizer="char") == 0


TRUE = ["the cat sat on the mat .", "it is raining", "we went home early yesterday"]
PRED = ["the cat sat on a mat .", "it rains", "yesterday we went home early"]


@pytest.mark.parametrize(
    ("score", "metric"), [(bleu_score, BLEU), (chrf_score, CHRF)], ids=["bleu", "chrf"]
)
def test_translations_are_scored_as_sacrebleu_does(score, metric):
    assert score(TRUE, PRED) == metric().corpus_score(PRED, [TRUE]).score
    assert 0 < score(TRUE, PRED) < 100
    assert score(TRUE, TRUE) == 100
    lists = [[text.split() for text in y] for y in (TRUE, PRED)]
    assert score(*lists) == score(TRUE, PRED)


@pytest.mark.parametrize(
    ("score", "metric"), [(bleu_score, BLEU), (chrf_score, CHRF)], ids=["bleu", "chrf"]
)
def test_several_references_are_scored_as_sacrebleu_does(score, metric):
    other = ["a cat sat on a mat .", "it rains today", None]
    several = [[a] if b is None else [a, b] for a, b in zip(TRUE, other, strict=True)]
    expected = metric().corpus_score(PRED, [TRUE, other]).score
    assert score(several, PRED, multiple_references=True) == expected
    assert expected > score(TRUE, PRED)


SCORES = [token_error_rate, exact_match_score, bleu_score, chrf_score]


@pytest.mark.parametrize("score", SCORES)
def test_another_number_of_predictions_is_an_error(score):
    with pytest.raises(ValueError, match="y_true has 2 sequences, y_pred has 1"):
        score(["a", "b"], ["a"])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("row", ["b", []])
def test_several_references_must_be_a_list(score, row):
    with pytest.raises(ValueError, match=r"y_true\[1\] is .*, expected a list of at"):
        score([["a"], row], ["a", "b"], multiple_references=True)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("multiple_references", [False, True])
def test_no_sequences_are_an_error(score, multiple_references):
    with pytest.raises(ValueError, match="y_true has no sequences"):
        score([], [], multiple_references=multiple_references)


def test_an_error_rate_needs_reference_tokens():
    with pytest.raises(ValueError, match="the references of y_true have no tokens"):
        token_error_rate(["", ""], ["a", ""])


# --- BLEU by script ------------------------------------------------------------------

TEXTS = {
    "13a": ["The cat sat on the mat.", "كيف حالك يا صديقي العزيز؟", "नमस्ते आप कैसे हैं जी?"],
    "zh": ["我喜欢猫和狗。", "我用Python写代码，不用Java。", "她说：“好。”"],
    "char": [
        "猫が好きです。",
        "コーヒーを飲む",
        "สวัสดีครับ",
        "나는 고양이를 좋아한다.",
        "ສະບາຍດີ",
    ],
}


@pytest.mark.parametrize(
    ("tokenize", "text"),
    [(name, text) for name, texts in TEXTS.items() for text in texts],
)
def test_translations_are_split_by_their_script(tokenize, text):
    assert bleu_score([text], [text]) == 100
    true, pred = [text] * 2, [text, text[: len(text) // 2]]
    expected = BLEU(tokenize=tokenize).corpus_score(pred, [true]).score
    assert bleu_score(true, pred) == bleu_score(true, pred, tokenize=tokenize) == expected
    several = [[text, text + text]] * 2
    assert bleu_score(several, pred, multiple_references=True) > 0


def test_names_in_another_script_leave_english_as_it_is():
    true = ["The Chinese word for a cat is 猫, said the teacher, and all wrote it down."]
    pred = ["The Chinese word for a cat is 猫, said the teacher, and some wrote."]
    assert bleu_score(true, pred) == BLEU().corpus_score(pred, [true]).score


@pytest.mark.parametrize("tokenize", ["13a", "intl", "char", "none", "zh"])
def test_every_tokenizer_of_sacrebleu_can_be_chosen(tokenize):
    expected = BLEU(tokenize=tokenize).corpus_score(PRED, [TRUE]).score
    assert bleu_score(TRUE, PRED, tokenize=tokenize) == expected


def test_an_unknown_tokenizer_of_sacrebleu_is_an_error():
    with pytest.raises(
        ValueError, match=r"tokenize must be one of \('auto', .* got 'word'"
    ):
        bleu_score(TRUE, PRED, tokenize="word")


def test_bleu_of_references_too_short_for_it_warns():
    with pytest.warns(UserWarning, match="no reference of y_true has four tokens"):
        assert bleu_score(["it rains", "yes"], ["it rains", "yes"]) == 0
    assert bleu_score(TRUE, ["no"] * 3) == 0  # without a warning


@pytest.mark.parametrize("score", [bleu_score, chrf_score])
def test_a_translation_without_errors_scores_100_and_not_more(score):
    rng = np.random.default_rng(0)
    for n in range(4, 60):
        text = " ".join(map(str, rng.integers(100, size=n)))
        assert score([text], [text]) == 100

"""Vocabulary and spelling tables."""

from __future__ import annotations

import zlib
from collections import Counter

import numpy as np
import pytest

from skrnn.data.ragged import object_array
from skrnn.data.vocabulary import (
    N_RESERVED,
    PADDING,
    UNKNOWN,
    CharacterFeatures,
    NgramFeatures,
    Vocabulary,
    distinct_tokens,
    pad_rows,
)


def learn(tokens, **options):
    counter = Counter(tokens)
    return Vocabulary.learn(list(counter), np.array(list(counter.values())), **options)


def test_the_most_frequent_token_has_the_first_id():
    vocabulary = learn(["a", "b", "b", "c", "c", "c"])
    assert vocabulary.ids == {"c": 2, "b": 3, "a": 4}
    assert vocabulary.counts.tolist() == [0, 0, 3, 2, 1]
    assert len(vocabulary) == 5


def test_ties_are_broken_by_text_whatever_the_order_of_the_tokens():
    assert list(learn(["c", "a", "b"]).ids) == list(learn(["b", "c", "a"]).ids)
    assert list(learn(["c", "a", "b"]).ids) == ["a", "b", "c"]


def test_ties_between_tokens_of_one_text_do_not_fail():
    assert set(learn([1, "1", 2.5, (1, 2)]).ids) == {1, "1", 2.5, (1, 2)}


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"min_count": 2}, ["c", "b"]),
        ({"min_count": 4}, []),
        ({"max_size": 1}, ["c"]),
        ({"max_size": 9}, ["c", "b", "a"]),
        ({"min_count": 2, "max_size": 1}, ["c"]),
    ],
)
def test_rare_tokens_can_be_left_out(options, kept):
    assert list(learn(["a", "b", "b", "c", "c", "c"], **options).ids) == kept


def test_tokens_without_an_id_are_unknown():
    vocabulary = learn(["a", "b", "b"])
    ids = vocabulary.encode(["b", "zebra", "a", 7])
    assert ids.dtype == np.int64
    assert ids.tolist() == [2, UNKNOWN, 3, UNKNOWN]
    assert PADDING not in vocabulary.ids.values()
    assert min(vocabulary.ids.values()) == N_RESERVED


def test_random_tokens_keep_their_order_of_frequency(rng):
    tokens = [f"t{i}" for i in rng.geometric(0.1, size=500)]
    vocabulary = learn(tokens, min_count=3)
    counter = Counter(tokens)
    expected = sorted(
        (t for t in counter if counter[t] >= 3), key=lambda t: (-counter[t], t)
    )
    assert list(vocabulary.ids) == expected
    assert vocabulary.counts[2:].tolist() == [counter[t] for t in expected]


def test_distinct_tokens_rebuild_the_steps(rng):
    tokens = object_array([("a", 1, (2, 3))[i] for i in rng.integers(0, 3, size=50)])
    codes, distinct = distinct_tokens(tokens)
    assert [distinct[code] for code in codes] == list(tokens)
    assert len(distinct) == len(set(distinct))
    assert codes.dtype == np.int64


def test_a_word_is_spelled_between_two_marks():
    spelling = CharacterFeatures(["ab", "c"])
    table = spelling.encode(["ab", "c", ""])
    begin, end = CharacterFeatures.BEGIN, CharacterFeatures.END
    a, b, c = (spelling.characters[x] for x in "abc")
    assert table.tolist() == [[begin, a, b, end], [begin, c, end, 0], [begin, end, 0, 0]]
    assert table.max() < spelling.n_ids


def test_characters_never_seen_are_unknown():
    spelling = CharacterFeatures(["ab"])
    assert spelling.encode(["aß"])[0, 2] == UNKNOWN
    assert spelling.characters["a"] != UNKNOWN


def test_a_long_word_loses_its_middle():
    spelling = CharacterFeatures(["abcdefgh"], max_characters=4)
    whole, cut = spelling.encode(["abgh", "abcdefgh"])
    assert cut.tolist() == whole.tolist()


def test_the_spelling_of_tokens_that_are_no_strings_is_their_text():
    spelling = CharacterFeatures([12, "12"])
    first, second = spelling.encode([12, "12"])
    assert first.tolist() == second.tolist()


def test_ngrams_are_hashed_substrings_of_the_word():
    spelling = NgramFeatures(n_buckets=50, sizes=(2, 3))
    rows = spelling.encode(["cat", "a"])
    grams = {"<c", "ca", "at", "t>", "<ca", "cat", "at>"}
    expected = sorted(1 + zlib.crc32(g.encode()) % 50 for g in grams)
    assert rows[0].tolist() == expected
    assert np.count_nonzero(rows[1]) == len({"<a", "a>", "<a>"})
    assert rows.min() >= 0
    assert rows.max() < spelling.n_ids


def test_a_repeated_ngram_counts_once():
    spelling = NgramFeatures(sizes=(2,))
    assert np.count_nonzero(spelling.encode(["aaaa"])) == len({"<a", "aa", "a>"})


def test_only_the_start_of_a_very_long_word_is_cut_into_ngrams():
    spelling = NgramFeatures(sizes=(2,), max_characters=3)
    np.testing.assert_array_equal(spelling.encode(["abc"]), spelling.encode(["abcdef"]))


def test_rows_are_padded_by_zeros_behind(rng):
    rows = [rng.integers(1, 9, size=n).tolist() for n in rng.integers(0, 6, size=20)]
    table = pad_rows(rows)
    width = max(map(len, rows))
    assert table.tolist() == [row + [0] * (width - len(row)) for row in rows]


def test_a_table_has_at_least_one_column():
    assert pad_rows([]).shape == (0, 1)
    assert pad_rows([[], []]).shape == (2, 1)

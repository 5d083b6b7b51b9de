"""Spacing: defaults, quotation marks, and what is kept of training texts."""

from __future__ import annotations

import pytest

from skrnn.data.spacing import (
    find_boundaries,
    join_tokens,
    learn_spacing,
    name_quotes,
    traits_of,
)
from skrnn.data.tokenizers import WordTokenizer


def spacing_of(*texts, split=str.split):
    return learn_spacing(texts, lambda text: find_boundaries(text, split(text)))


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["a", ",", "b", "(", "c", ")", "."], "a, b (c)."),
        (["¿", "qué", "?", "#", "x", "€", "5", "7", "%"], "¿qué? #x €5 7%"),
        (["مرحبا", "،", "كيف", "؟"], "مرحبا، كيف؟"),
        (["你", "好", "，", "OK", "！"], "你好，OK！"),
        (["a", "\u200b", "b"], "a\u200bb"),
        (["a", " ", "b"], "a b"),
        (["a", "&", "b", "…"], "a & b…"),
        (["a", "...", "(b", "c)", ""], "a... (b c) "),
        ([1, "+", 2.5], "1 + 2.5"),
        ([], ""),
    ],
)
def test_marks_have_their_usual_spacing_by_default(tokens, text):
    assert join_tokens(tokens) == join_tokens(tokens, {}) == text


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ('" a " " b "', [2, 5]),
        ("“ a ‘ b ’ ”", [4, 5]),
        ("„ a “ “ b ”", [2, 5]),
        ("» a « « b »", [2, 5]),
        ("” a ” ’", [2]),  # an apostrophe has no role
        ("' a \" b ' \"", [4]),  # closing a quotation closes those inside it
        ("a b", []),
    ],
)
def test_quotation_marks_close_what_they_can_and_open_otherwise(text, closing):
    tokens = text.split()
    named = name_quotes(tokens)
    assert [i for i, name in enumerate(named) if name != tokens[i]] == closing
    assert all(traits_of(named[i]).after == " " for i in closing)


def test_spacing_of_a_mark_depends_on_the_kind_of_its_neighbour():
    spacing = WordTokenizer().learn_spacing(
        ["5 %", "x% y", "z% w", "- a", "b -3", "c -4"]
    )
    assert (
        join_tokens(["7", "%", "of", "n", "%", "at", "-2"], spacing) == "7 % of n% at -2"
    )
    assert join_tokens(["d", "-", "5", "-", "e"], spacing) == "d -5 - e"


def test_a_mark_beside_a_new_kind_has_its_spacing_beside_all_kinds():
    spacing = WordTokenizer().learn_spacing(["a ?", "b 3 )"])
    assert join_tokens(["東", "?"], spacing) == "東 ?"
    assert join_tokens(["5", "?", ")", "?"], spacing) == "5 ? ) ?"
    assert join_tokens(["5", "?", "。"], spacing) == "5 ?。"


def test_of_two_marks_the_one_that_opens_or_else_the_second_decides():
    spacing = WordTokenizer().learn_spacing(["a (b", 'c "d"', "« e », f ?"])
    assert join_tokens(["(", '"', "e", '"'], spacing) == '("e"'
    assert join_tokens(["«", "(", "b", "»", "?"], spacing) == "« (b » ?"


def test_what_words_do_is_learned_where_they_are_pieces():
    pieces = {"unhappy": ["un", "happy"], "undo it": ["un", "do", "it"]}
    spacing = spacing_of(*pieces, split=pieces.get)
    assert join_tokens(["un", "do", "it"], spacing) == "undo it"
    assert (
        join_tokens(["un", "happy", "it"], spacing) == "unhappyit"
    )  # most stand together


def test_no_texts_and_texts_of_one_token_teach_nothing():
    assert spacing_of() == spacing_of("", "a", "b") == {}


def test_spacing_does_not_depend_on_the_order_of_texts():
    texts = ["a , b", "a, b", 'x "y" z', "1 - 2", "3-4", "c , d"]
    split = list
    assert spacing_of(*texts, split=split) == spacing_of(*texts[::-1], split=split)


@pytest.mark.parametrize(
    ("text", "tokens", "together"),
    [
        ("a b", ["a", "b"], [False]),
        ("ab", ["a", "b"], [True]),
        ("A b!", ["a", "b", "!"], [False, True]),
        ("a-b", ["a", "b"], [False]),  # the hyphen is lost
        ("", [], []),
    ],
)
def test_boundaries_are_those_of_the_text(text, tokens, together):
    assert find_boundaries(text, tokens) == (tokens, together)


def test_tokens_that_are_not_in_the_text_have_no_boundaries():
    assert find_boundaries("a b", ["a", "x"]) is None

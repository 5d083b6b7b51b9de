"""Tokenizers: how a string becomes tokens, and how tokens become a string again.

A new tokenizer is one pair of functions and one row in ``TOKENIZERS``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import NamedTuple

#: Marks that are written without a space before them, and without one after them.
CLOSING, OPENING = frozenset(".,;:!?)]}%…»”’"), frozenset("([{¿¡«“‘„$£€#@")


@cache
def word_pattern() -> re.Pattern[str]:
    """Return what is a word, or else a mark that is a token of its own.

    A word keeps its inner apostrophes and hyphens, the points, commas and colons between
    its digits, and the combining marks and joiners that many scripts write inside words.
    """
    marks = "".join(
        chr(code)
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code)) in ("Mn", "Mc")
    )
    letter = rf"[\w\u200c\u200d{marks}]"
    inner = r"(?:['’\-]|(?<=\d)[.,:](?=\d))"
    return re.compile(rf"\w{letter}*(?:{inner}{letter}+)*|[^\w\s]")


class Tokenizer(NamedTuple):
    """A way to split a string and its way back."""

    split: Callable[[str], list[str]]
    joiner: Callable[[Sequence[Hashable]], str]

    def learn_spacing(self, texts):
        return None

    def join(self, tokens, spacing=None):
        return self.joiner(tokens)


def split_words(text: str) -> list[str]:
    """Split into words, numbers and single punctuation marks.

    A number keeps its marks: ``1,000.5``, ``25.12.2024`` and ``2:30`` are one each.

    >>> split_words("Don't stop, e-mail me!")
    ["Don't", 'stop', ',', 'e-mail', 'me', '!']
    """
    return word_pattern().findall(text)


def join_words(tokens: Sequence[Hashable]) -> str:
    """Join by spaces, with none before a closing and none after an opening mark.

    The mark “ opens, but behind „ it closes.

    >>> join_words(["Don't", "stop", ",", "e-mail", "me", "!"])
    "Don't stop, e-mail me!"
    """
    text = ""
    glue = ""
    low = False  # whether „ waits for its end, which is “ in German and ” elsewhere
    for token in map(str, tokens):
        closing = token in CLOSING or (low and token == "“")
        text += token if closing else glue + token
        glue = "" if token in OPENING and not closing else " "
        low = token == "„" or (low and token not in ("“", "”"))
    return text


def join_characters(tokens: Sequence[Hashable]) -> str:
    """Join with nothing between."""
    return "".join(map(str, tokens))


TOKENIZERS = {
    "word": Tokenizer(split_words, join_words),
    "char": Tokenizer(list, join_characters),
}


def check_tokenizer(tokenizer: object, name: str = "tokenizer") -> Tokenizer:
    """Return the named tokenizer, or wrap a callable (joined back by spaces)."""
    if isinstance(tokenizer, str) and tokenizer in TOKENIZERS:
        return TOKENIZERS[tokenizer]
    if callable(tokenizer):
        return Tokenizer(tokenizer, join_words)
    raise ValueError(
        f"{name} must be one of {sorted(TOKENIZERS)} or a callable that splits a "
        f"string into tokens, got {tokenizer!r}"
    )

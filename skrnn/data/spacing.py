"""Spacing: which neighbouring tokens stand together, learned from texts and applied.

Tokens carry no white space, so joining them needs to know where spaces belong.
``learn_spacing`` counts where training texts have them, and ``SpacingRules`` applies it.
How a text becomes tokens belongs to ``tokenizers``.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise, product
from typing import NamedTuple

Key = tuple[str, str]
#: ``TOGETHER`` or ``APART`` by the left one of two neighbours, then by the right one.
Table = dict[str, dict[str, str]]
#: Learned spacing, plain dicts of strings:
#: "pairs" by token and token, only where it differs from what the others say;
#: "before" by the kind of the token before a mark, and the mark;
#: "after" by a mark, and the kind of the token after it;
#: "kinds" by kind and kind, neighbours of which neither is a mark.
#: The kind "any" stands for all of them; a mark that closes a quotation has a name of its own
#: (``CLOSING_NAMES``).
Spacing = dict[str, Table]
#: A text's tokens, and for each but the first whether it directly follows the one before.
Boundaries = tuple[list[str], list[bool]]

TOGETHER, APART = "", " "
#: Pairs of kinds that most texts separate by spaces.
SPACED_PAIRS = frozenset(product(("word", "number"), repeat=2))
#: For each mark that may open a quotation, the marks that may close it.
QUOTES = {
    '"': '"',
    "'": "'",
    "`": "`'",
    "“": "”",
    "„": "“”",
    "”": "”",
    "‘": "’",
    "‚": "‘’",
    "«": "»",
    "»": "«»",
    "‹": "›",
    "›": "‹›",
}
QUOTATION_MARKS = frozenset("".join([*QUOTES, *QUOTES.values()]))
CLOSING_NAMES = {mark: f"closing {mark}" for mark in QUOTATION_MARKS}
#: Closing and opening marks that Unicode's properties do not reveal.
CLOSING, OPENING = frozenset("%‰°…"), frozenset("¿¡#@")


class Traits(NamedTuple):
    """The kind of a token, and the spacing that it has by default.

    ``kind`` is "word", "number", "cjk" (Han and kana, written without spaces) or "mark".
    ``before`` and ``after`` are a mark's own spacing; ``wide`` marks belong to text without
    spaces.
    """

    kind: str
    before: str = APART
    after: str = APART
    wide: bool = False


def is_cjk(character: str) -> bool:
    """Return whether a character is Han or kana."""
    import regex

    return regex.match(r"[\p{Han}\p{Hiragana}\p{Katakana}ーｰ]", character) is not None


@lru_cache(maxsize=2**16)
def traits_of(token: str) -> Traits:
    """Return the traits of a token, or of a closing quotation mark under its name.

    >>> traits_of("cat").kind, traits_of("1,000").kind, traits_of("東京").kind
    ('word', 'number', 'cjk')
    >>> traits_of(",")
    Traits(kind='mark', before='', after=' ', wide=False)
    """
    if token in CLOSING_NAMES.values():
        return Traits("mark", TOGETHER, APART)
    if token in QUOTES:
        return Traits("mark", APART, TOGETHER)
    for character in token:
        if character.isalnum():
            if is_cjk(character):
                return Traits("cjk")
            return Traits("number" if character.isnumeric() else "word")
    if not token:
        return Traits("mark")
    before = TOGETHER if _side(token[0]) in ("closing", "both") else APART
    after = TOGETHER if _side(token[-1]) in ("opening", "both") else APART
    return Traits("mark", before, after, wide=all(map(_is_wide, token)))


def _side(character: str) -> str:
    """Return the kind of a mark: "closing" has no space before it, "opening" none after it."""
    import regex

    category = unicodedata.category(character)
    if category == "Cf" or character.isspace():
        return "both"
    if category in ("Ps", "Pi", "Sc") or character in OPENING:
        return "opening"
    if category in ("Pe", "Pf") or character in CLOSING:
        return "closing"
    return "closing" if regex.match(r"\p{Terminal_Punctuation}", character) else "none"


def _is_wide(character: str) -> bool:
    """Return whether a mark is one of East Asian text, whose width includes its space."""
    is_punctuation = unicodedata.category(character).startswith("P")
    return is_punctuation and unicodedata.east_asian_width(character) in "WF"


def name_quotes(tokens: list[str]) -> list[str]:
    """Return tokens in which each quotation mark that closes has its closing name.

    A mark closes the last open quotation that it can close, and opens one otherwise.

    >>> name_quotes(['"', "„", "no", "“", '"', "“", "yes", "”"])
    ['"', '„', 'no', 'closing “', 'closing "', '“', 'yes', 'closing ”']
    """
    if QUOTATION_MARKS.isdisjoint(tokens):
        return tokens
    named, opened = list(tokens), list[str]()
    for i, token in enumerate(tokens):
        if token not in QUOTATION_MARKS:
            continue
        depths = [d for d, mark in enumerate(opened) if token in QUOTES[mark]]
        if depths:
            del opened[depths[-1] :]
            named[i] = CLOSING_NAMES[token]
        elif token in QUOTES:
            opened.append(token)
    return named


class SpacingRules:
    """Spacing of neighbouring tokens: as learned for the pair, for its kind, or the default."""

    def __init__(self, spacing: Spacing | None = None):
        spacing = spacing or {}
        self.pairs = spacing.get("pairs", {})
        self.before = spacing.get("before", {})
        self.after = spacing.get("after", {})
        self.kinds = spacing.get("kinds", {})

    def gaps(self, tokens: list[str]) -> list[str]:
        """Return the spacing before each token but the first."""
        return [self._gap(*pair) for pair in pairwise(name_quotes(tokens))]

    def _gap(self, left: str, right: str) -> str:
        gap = _find(self.pairs, left, right)
        return self.habit(left, right) if gap is None else gap

    def habit(self, left: str, right: str) -> str:
        """Return the spacing that a pair has by its marks and kinds.

        Of two marks, one that opens decides what is after it, and others what is before them.
        """
        a, b = traits_of(left), traits_of(right)
        if "mark" not in (a.kind, b.kind):
            found = [_find(self.kinds, a.kind, b.kind)]
        else:
            found, of_left = [], []
            if b.kind == "mark":
                found = [_find(self.before, kind, right) for kind in (a.kind, "any")]
            if a.kind == "mark":
                of_left = [_find(self.after, left, kind) for kind in (b.kind, "any")]
            found = of_left + found if a.after == TOGETHER else found + of_left
        return next((gap for gap in found if gap is not None), _default(a, b))


def _find(table: Table, left: str, right: str) -> str | None:
    gaps = table.get(left)
    return None if gaps is None else gaps.get(right)


def _table(gaps: Iterable[tuple[Key, str]]) -> Table:
    table: Table = {}
    for (left, right), gap in gaps:
        table.setdefault(left, {})[right] = gap
    return table


def _default(left: Traits, right: Traits) -> str:
    """Return the spacing of two tokens of which nothing was learned."""
    if "cjk" in (left.kind, right.kind) or left.wide or right.wide:
        return TOGETHER
    if left.kind == "mark" and left.after == TOGETHER:
        return TOGETHER
    return right.before


def join_tokens(tokens: Sequence[Hashable], spacing: Spacing | None = None) -> str:
    """Join tokens, with spaces where ``spacing`` or the default puts them.

    >>> join_tokens(["She", "said", '"', "yes", '"', ",", "twice", "."])
    'She said "yes", twice.'
    """
    texts = list(map(str, tokens))
    gaps = ["", *SpacingRules(spacing).gaps(texts)]
    return "".join(chain.from_iterable(zip(gaps, texts, strict=False)))


def find_boundaries(text: str, tokens: Sequence[Hashable]) -> Boundaries | None:
    """Return which tokens directly follow the one before in the text that they come from.

    None where a token is not in the text, in upper or lower case.

    >>> find_boundaries("do n't!", ["do", "n't", "!"])
    (['do', "n't", '!'], [False, True])
    """
    texts = list(map(str, tokens))
    together = _follow(text, texts)
    if together is None:
        together = _follow(text.lower(), [token.lower() for token in texts])
    return None if together is None else (texts, together)


def _follow(text: str, tokens: list[str]) -> list[bool] | None:
    end, together = 0, []
    for token in tokens:
        start = end if text.startswith(token, end) else text.find(token, end)
        if start < 0:
            return None
        together.append(start == end)
        end = start + len(token)
    return together[1:]


def learn_spacing(
    texts: Iterable[str], boundaries_of: Callable[[str], Boundaries | None]
) -> Spacing:
    """Return the spacing of texts.

    Each pair of neighbours has the spacing that it has more often. Marks and kinds of tokens
    have a habit, counted over all their neighbours, and pairs are kept where they differ from
    it, so that words need no entries. Equally frequent spacings leave the habit or the
    default.

    Parameters
    ----------
    texts : iterable of str
        Training targets.
    boundaries_of : callable
        Gives a text's tokens and boundaries, or None for a text to leave out.
    """
    texts = list(texts)
    pairs, kinds = _count(texts, boundaries_of, every_word=False)
    if any((traits_of(a).kind, traits_of(b).kind) in SPACED_PAIRS for a, b in pairs):
        pairs, kinds = _count(texts, boundaries_of, every_word=True)
    spacing = _habits(pairs, kinds)
    rules = SpacingRules(spacing)
    spacing["pairs"] = _table(
        (pair, _commoner(count))
        for pair, count in pairs.items()
        if count and _commoner(count) != rules.habit(*pair)
    )
    return {name: table for name, table in spacing.items() if table}


def _count(
    texts: list[str],
    boundaries_of: Callable[[str], Boundaries | None],
    every_word: bool,
) -> tuple[Counter[Key], Counter[Key]]:
    """Count how much more often pairs of tokens, and of kinds, stand together than apart.

    Words apart, as nearly all are, are counted as pairs only with ``every_word``: there are
    many.
    """
    pairs: Counter[Key] = Counter()
    kinds: Counter[Key] = Counter()
    kind_of = _Kinds()
    for tokens, together in filter(None, map(boundaries_of, texts)):
        named = name_quotes(tokens)
        kinds_of_tokens = map(kind_of.__getitem__, named)
        for pair, both, is_together in zip(
            pairwise(named), pairwise(kinds_of_tokens), together, strict=True
        ):
            change = 1 if is_together else -1
            kinds[both] += change
            if is_together or every_word or both not in SPACED_PAIRS:
                pairs[pair] += change
    return pairs, kinds


class _Kinds(dict[str, str]):
    """Kinds of tokens, each found once."""

    def __missing__(self, token: str) -> str:
        self[token] = kind = traits_of(token).kind
        return kind


def _habits(pairs: Counter[Key], kinds: Counter[Key]) -> Spacing:
    """Return the commoner spacing of each mark beside each kind, and of two kinds."""
    before: Counter[Key] = Counter()
    after: Counter[Key] = Counter()
    for (left, right), count in pairs.items():
        a, b = traits_of(left).kind, traits_of(right).kind
        if b == "mark":
            before[a, right] += count
            before["any", right] += count
        if a == "mark":
            after[left, b] += count
            after[left, "any"] += count
    counts: dict[str, Mapping[Key, int]] = {
        "before": before,
        "after": after,
        "kinds": {key: count for key, count in kinds.items() if "mark" not in key},
    }
    return {
        name: _table((key, _commoner(count)) for key, count in of_name.items() if count)
        for name, of_name in counts.items()
    }


def _commoner(count: int) -> str:
    return TOGETHER if count > 0 else APART

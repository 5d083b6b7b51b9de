"""Sentences whose sentiment depends on the order of their words alone."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

LABELS = np.array(["negative", "positive"])
GOOD = ["good", "great", "bright", "funny", "moving", "clever", "warm", "fresh"]
BAD = ["bad", "poor", "dull", "boring", "empty", "silly", "cold", "stale"]
ADVERBS = ["very", "quite", "really", "rather", "truly", "somewhat"]
THINGS = ["film", "book", "play", "song", "story", "meal", "game", "show"]
REMARKS = [
    "honestly",
    "frankly",
    "well",
    "overall",
    "yesterday",
    "apparently",
    "today",
    "indeed",
    "again",
    "somehow",
]
#: {yes} is asserted and {no} denied: to exchange the two is to exchange the labels.
CLAUSES = (
    "the {thing} was {yes} and not {no}",
    "the {thing} was not {no} but {yes}",
    "the {thing} seemed {no} but was {yes}",
    "i feared a {no} {thing} and found it {yes}",
    "far from {no} the {thing} was {yes}",
    "a {yes} {thing} that others called {no}",
)
#: With an adverb before each of the two.
LONGEST_CLAUSE = max(len(clause.split()) for clause in CLAUSES) + 2


def make_sentences(
    n_samples: int = 500,
    *,
    min_steps: int = 12,
    max_steps: int = 18,
    random_state: Any = None,
) -> tuple[list[str], NDArray[np.str_]]:
    """Generate sentences whose sentiment depends on the order of their words.

    Each sentence has one positive and one negative adjective, and asserts one of them:
    "the film was not dull but funny", "the film was not funny but dull". Every sentence has
    a counterpart of the other class with the same words, and both are equally likely, so
    that a model that counts words without their order is right half of the time. Half of
    the adjectives follow an adverb, so that counts of neighbouring words do not suffice
    either.

    Parameters
    ----------
    n_samples : int, default=500
        Number of sentences, at least 1.
    min_steps, max_steps : int, default=12 and 18
        Range of the number of words, at least 11, both ends included. Neutral remarks on
        both sides fill the sentences up.
    random_state : int, RandomState or None, default=None
        Seed of the sentences; pass an int for the same ones at each call.

    Returns
    -------
    X : list of length n_samples of str
        Sentences in lower case, without punctuation.
    y : ndarray of str of shape (n_samples,)
        Sentiments, "negative" or "positive".

    Examples
    --------
    >>> from skrnn.datasets import make_sentences
    >>> X, y = make_sentences(2, max_steps=13, random_state=1)
    >>> for sentence, label in zip(X, y):
    ...     print(f"{label}: {sentence}")
    positive: today somehow well the story was not very bad but quite funny
    positive: well yesterday i feared a really empty story and found it warm
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(min_steps, "min_steps", Integral, min_val=LONGEST_CLAUSE)
    check_scalar(max_steps, "max_steps", Integral, min_val=min_steps)
    random = check_random_state(random_state)
    positive = random.randint(2, size=n_samples)
    n_words = random.randint(min_steps, max_steps + 1, size=n_samples)
    X = [
        _make_sentence(random, bool(holds), n)
        for holds, n in zip(positive, n_words, strict=True)
    ]
    return X, LABELS[positive]


def _make_sentence(random: np.random.RandomState, positive: bool, n_words: int) -> str:
    def choose(words: list[str]) -> str:
        return words[random.randint(len(words))]

    def choose_adjective(words: list[str]) -> str:
        adverb = choose(ADVERBS) + " " if random.randint(2) else ""
        return adverb + choose(words)

    good, bad = choose_adjective(GOOD), choose_adjective(BAD)
    yes, no = (good, bad) if positive else (bad, good)
    clause = CLAUSES[random.randint(len(CLAUSES))].format(
        thing=choose(THINGS), yes=yes, no=no
    )
    n_remarks = n_words - len(clause.split())
    n_before = random.randint(n_remarks + 1)
    words = [choose(REMARKS) for _ in range(n_remarks)]
    return " ".join([*words[:n_before], clause, *words[n_before:]])

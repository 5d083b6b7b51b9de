"""The peer of the taggers: CRFsuite over hand-made features, without skrnn.

The features are the usual ones: the word, its prefixes and suffixes, its shape, case and
digits, and the same, affixes aside, of its neighbours up to two steps away.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from ._report import import_peer, progress, timed_call

AFFIXES = (1, 2, 3, 4)  # characters
OFFSETS = (-2, -1, 1, 2)  # the neighbours that a step sees, beside itself
REPEATED = re.compile(r"(.)(?=\1)")  # a character before the same one
C1, C2_GRID = 0.1, (0.01, 0.1)  # the L1 penalty, and the L2 penalties to choose from


class CRFsuiteTagger:
    """A linear-chain CRF, trained by L-BFGS.

    Parameters
    ----------
    c1, c2 : float
        L1 and L2 penalties.
    max_iterations : int
        Iterations of L-BFGS at most.
    """

    def __init__(self, c1, c2, max_iterations=100):
        self.c1 = c1
        self.c2 = c2
        self.max_iterations = max_iterations

    def fit(self, X, y):
        """Compute the features, and fit on token lists and tag lists."""
        crfsuite = import_peer("sklearn_crfsuite", "sklearn-crfsuite")
        self.model_ = crfsuite.CRF(
            algorithm="lbfgs",
            c1=self.c1,
            c2=self.c2,
            max_iterations=self.max_iterations,
            all_possible_transitions=True,
        )
        self.model_.fit([sentence_features(tokens) for tokens in X], y)
        return self

    def predict(self, X):
        """Return a tag list for each token list."""
        return self.model_.predict([sentence_features(tokens) for tokens in X])


def sentence_features(tokens):
    """Return the features of each token, a list of strings each."""
    last = len(tokens) - 1
    features = []
    for i, token in enumerate(tokens):
        own = ["bias", *word_features(token), *affix_features(token)]
        for offset in OFFSETS:
            if 0 <= i + offset <= last:
                near = word_features(tokens[i + offset])
                own += [f"{offset:+d}:{feature}" for feature in near]
            elif abs(offset) == 1:
                own.append("first" if offset < 0 else "last")
        features.append(own)
    return features


@lru_cache(maxsize=1 << 17)
def word_features(token):
    """Return the features that neighbours share: word, shape, case, digits."""
    shape = word_shape(token)
    kinds = ("isupper", "istitle", "isdigit")
    return (
        f"word={token.lower()}",
        f"shape={shape}",
        f"short shape={REPEATED.sub('', shape)}",
        *(kind for kind in kinds if getattr(token, kind)()),
    )


@lru_cache(maxsize=1 << 17)
def affix_features(token):
    """Return the prefixes and suffixes of the lower-cased token."""
    word = token.lower()
    sizes = [size for size in AFFIXES if size <= len(word)]
    return (
        *(f"prefix={word[:size]}" for size in sizes),
        *(f"suffix={word[-size:]}" for size in sizes),
    )


def word_shape(token):
    """Return the token with X for capitals, x for other letters, d for digits.

    >>> word_shape("McDonald-42")
    'XxXxxxxx-dd'
    """
    return "".join(map(_shape_of, token))


def _shape_of(character):
    if character.isdigit():
        return "d"
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return character


@dataclass(frozen=True)
class FittedPeer:
    """The peer chosen on the validation file, its fit seconds and validation score."""

    tagger: CRFsuiteTagger
    seconds: float
    valid_score: float

    def __str__(self):
        return f"CRFsuite (c1={self.tagger.c1:g}, c2={self.tagger.c2:g})"


def fit_crfsuite(train, valid, measure, max_iterations=100, penalties=C2_GRID):
    """Fit a tagger for each L2 penalty on `train` and return the best on `valid`.

    `measure(y_true, y_pred)` gives the score.
    """
    candidates = []
    for c2 in penalties:
        progress(f"CRFsuite, c2={c2:g}")
        # every fit computes its features again
        word_features.cache_clear()
        affix_features.cache_clear()
        tagger = CRFsuiteTagger(C1, c2, max_iterations)
        _, seconds = timed_call(lambda tagger=tagger: tagger.fit(*train))
        score = measure(valid[1], tagger.predict(valid[0]))
        candidates.append(FittedPeer(tagger, seconds, score))
    return max(candidates, key=lambda peer: peer.valid_score)

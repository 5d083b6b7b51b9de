"""A comparison that several tests look at."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skrnn import SequenceClassifier
from skrnn.model_selection import compare_estimators


@pytest.fixture(scope="session")
def texts():
    """Return texts of one to eight words and labels that one word decides."""
    rng = np.random.default_rng(0)
    words = np.array(["a", "be", "see", "do"])
    X = [" ".join(rng.choice(words, n)) for n in rng.integers(1, 9, 60)]
    y = np.array(["yes" if "see" in text.split() else "no" for text in X])
    return X, y


@pytest.fixture(scope="session")
def estimators():
    """Return a recurrent network and a bag of words."""
    return {
        "network": SequenceClassifier(
            hidden_size=4, max_epochs=6, lr=0.01, random_state=0
        ),
        "words": make_pipeline(CountVectorizer(), LogisticRegression()),
    }


@pytest.fixture(scope="session")
def comparison(texts, estimators):
    """Return a comparison with everything that can be asked for."""
    return compare_estimators(
        estimators,
        *texts,
        scoring=["accuracy", "f1_macro"],
        cv=3,
        train_sizes=[0.25, 0.5],
        by_length=3,
        random_state=0,
    )

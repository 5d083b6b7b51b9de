"""The methods that skrnn is compared with; none of them uses skrnn.

Where a peer has a setting, it is chosen on validation data, as a careful user would; the
peer is fitted on the training file alone, as the networks are.
"""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

ALPHAS = np.logspace(-2, 5, 15)  # the penalties that `LagRidge` tries


def choose_on_validation(candidates, train, valid):
    """Fit every (description, estimator) on `train` and return the best on `valid`.

    Returns
    -------
    description : str
    estimator : fitted estimator
        The first of the best.
    """
    fitted = [(text, estimator.fit(*train)) for text, estimator in candidates]
    return max(fitted, key=lambda pair: pair[1].score(*valid))


def word_svms(grid=(0.1, 0.3, 1.0, 3.0, 10.0)):
    """Return TF-IDF + LinearSVC candidates for token lists or strings."""
    return [
        (
            f"words 1–{longest}, C={C:g}",
            make_pipeline(_word_tfidf(longest), LinearSVC(C=C)),
        )
        for longest in (1, 2)
        for C in grid
    ]


def _word_tfidf(longest):
    return TfidfVectorizer(analyzer=WordGrams(longest), sublinear_tf=True)


class WordGrams:
    """Return the word n-grams of a string or token list, up to `longest` words."""

    def __init__(self, longest):
        self.longest = longest

    def __call__(self, document):
        tokens = document.split() if isinstance(document, str) else document
        sizes = range(1, self.longest + 1)
        return [
            " ".join(tokens[i : i + n]) for n in sizes for i in range(len(tokens) - n + 1)
        ]


def character_regressions(grid=(1.0, 3.0, 10.0, 30.0, 100.0)):
    """Return TF-IDF of character 1–5-grams + LogisticRegression candidates."""
    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True, lowercase=False
    )
    return [
        (f"C={C:g}", make_pipeline(vectorizer, LogisticRegression(C=C, max_iter=2000)))
        for C in grid
    ]


def standardise_each(X):
    """Return each series with mean 0 and standard deviation 1 over its own steps."""
    return [(x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9) for x in X]


class NearestNeighbourDTW:
    """Classify a series like its nearest training series under dynamic time warping.

    The warping path is unconstrained, the cost of a step the squared Euclidean distance.
    """

    def fit(self, X, y):
        """Keep the training series, (n_steps_i, n_features) each, the longest first."""
        order = np.argsort([-len(x) for x in X], kind="stable")
        self.lengths_ = np.array([len(X[i]) for i in order])
        self.labels_ = np.asarray(y)[order]
        n_steps, n_features = self.lengths_[0], X[0].shape[1]
        # Reversed in time, so that an anti-diagonal of the cost matrix is a plain slice.
        self.reversed_ = np.zeros(
            (n_features, n_steps, len(X)), dtype=np.float32
        )  # (F, T, N)
        for column, i in enumerate(order):
            self.reversed_[:, n_steps - len(X[i]) :, column] = X[i][::-1].T
        return self

    def predict(self, X):
        """Return the labels, (n_sequences,), of (n_steps_i, n_features) arrays."""
        return self.labels_[[int(np.argmin(self.distances(x))) for x in X]]

    def score(self, X, y):
        """Return the accuracy."""
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def distances(self, x):
        """Return the squared distances, (n_training,), from a series to all kept ones.

        All training series advance together along the anti-diagonals `i + j = d` of their
        cost matrices: `total[i + 1]` holds row i, row 0 is the border. Finished
        series leave from the right, since the longest come first.
        """
        n, longest = len(x), self.lengths_[0]
        columns = np.ascontiguousarray(x.T, dtype=np.float32)  # (F, n)
        found = np.empty(len(self.lengths_), dtype=np.float32)
        before, previous = (
            np.full((n + 1, len(found)), np.inf, np.float32) for _ in range(2)
        )
        before[0] = 0.0  # the corner from which every path starts
        for d in range(n + longest - 1):
            active = np.searchsorted(-self.lengths_, -(d - n + 2), side="right")
            low, high = (
                max(0, d - longest + 1),
                min(n, d + 1),
            )  # rows i of this anti-diagonal
            start = (
                longest - 1 - (d - low)
            )  # the place of column j = d - i in reversed time
            cost = np.zeros((high - low, active), dtype=np.float32)
            for mine, theirs in zip(columns, self.reversed_, strict=True):
                step = mine[low:high, None] - theirs[start : start + high - low, :active]
                cost += step * step
            best = np.minimum(
                previous[low:high, :active], previous[low + 1 : high + 1, :active]
            )
            np.minimum(best, before[low:high, :active], out=best)
            before[:, :active] = np.inf
            np.add(best, cost, out=before[low + 1 : high + 1, :active])
            before, previous = previous, before
            done = self.lengths_[:active] == d - n + 2
            found[:active][done] = previous[n, :active][done]
        return found


def persistence(X, horizon):
    """Return each window's last value `horizon` times, (n_windows, horizon)."""
    return np.repeat(X[:, -1:], horizon, axis=1)


class LagRidge:
    """Forecast with a ridge on the lags, its penalty chosen in time order.

    Parameters
    ----------
    on_differences : bool
        Shift every window and its targets by the window's last value.
    alphas : sequence of float
        Penalties to choose from, on the last fifth of the training windows.
    """

    def __init__(self, on_differences, alphas=ALPHAS):
        self.on_differences = on_differences
        self.alphas = alphas

    def fit(self, X, y):
        """Choose the penalty, then fit on all of X (n, window), y (n, horizon)."""
        gap = (
            y.shape[1] - 1
        )  # targets of the last fitted windows must not reach into the held-out part
        cut = len(X) - len(X) // 5
        fitted = [
            self._fitted(X[: cut - gap], y[: cut - gap], alpha) for alpha in self.alphas
        ]
        errors = [rmse(y[cut:], self._forecast(model, X[cut:])) for model in fitted]
        self.validation_error_ = min(errors)
        self.alpha_ = self.alphas[int(np.argmin(errors))]
        self.model_ = self._fitted(X, y, self.alpha_)
        return self

    def predict(self, X):
        """Return the forecasts, (n_windows, horizon)."""
        return self._forecast(self.model_, X)

    def _fitted(self, X, y, alpha):
        shift = self._shift(X)
        return make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(
            X - shift, y - shift
        )

    def _forecast(self, model, X):
        shift = self._shift(X)
        return model.predict(X - shift).reshape(len(X), -1) + shift

    def _shift(self, X):
        return X[:, -1:] if self.on_differences else 0.0


def rmse(y_true, y_pred):
    """Return the root mean squared error over all windows and steps ahead."""
    return float(np.sqrt(np.mean((np.asarray(y_true) - np.asarray(y_pred)) ** 2)))

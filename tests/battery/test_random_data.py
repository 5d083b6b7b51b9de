"""Random data, right and wrong: right ones never fail, wrong ones are named.

``SKRNN_FUZZ_CASES`` says how many cases are drawn, by default 910. With
``SKRNN_FUZZ_DIR`` each block of cases that passed leaves a file there, and is not run again.
"""

from __future__ import annotations

import math
import os
import re
import time
import warnings
from functools import cache
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from skrnn.preprocessing import WordTokenizer
from skrnn.testing import strategies
from skrnn.testing._comparison import assert_finite, assert_same, predictions
from skrnn.testing._data import as_rows, n_steps, take

#: Cases of one kind for one estimator in a block.
BLOCK = 10
N_CASES = int(os.environ.get("SKRNN_FUZZ_CASES", "910"))
DONE = os.environ.get("SKRNN_FUZZ_DIR")
MAX_MESSAGE = 500
#: Processor seconds of one case; a case takes about 0.02.
MAX_SECONDS = 10.0
TARGETS = {
    "label": "labels",
    "number": "numbers",
    "step labels": "step_labels",
    "step numbers": "step_numbers",
    "tokens": "token_sequences",
    "itself": "none",
    "horizon": "none",
}


def small(case, **params):
    """Make the smallest estimator of a case, which trains for one epoch."""
    sizes = {"hidden_size": 2, "embedding_dim": 2, "max_epochs": 1, "max_length": 4}
    known = {name: size for name, size in sizes.items() if case.has(name)}
    return case(**{**known, **params})


def kinds_of(case):
    """Return the kinds of X that a case reads."""
    if case.answer == "horizon":
        return ["series"]
    return ["zeros_and_ones" if case.binary else "numbers", "tokens", "texts", "fields"]


def lengths_of(X):
    """Return the number of steps of each sequence; texts are split as the estimators do."""
    split = WordTokenizer().split
    return [
        len(split(row)) if isinstance(row, str) else n_steps(row) for row in as_rows(X)
    ]


def draw_right(data, case, kind):
    """Draw X and y that a case must accept."""
    X = data.draw(strategies.right_X(kind))
    return X, data.draw(strategies.right_y(TARGETS[case.answer], lengths_of(X)))


def fit(model, X, y, **arguments):
    return model.fit(X, **arguments) if y is None else model.fit(X, y, **arguments)


@cache
def fitted(case, kind):
    """Return a small estimator that is fitted to X of a kind."""
    rng = np.random.default_rng(0)
    X = {
        "numbers": [rng.normal(size=(n, 2)) for n in (1, 2, 5, 3)],
        "zeros_and_ones": [rng.integers(2, size=(n, 2)) for n in (1, 2, 5, 3)],
        "series": [rng.normal(size=20).cumsum() for _ in range(4)],
        "tokens": [["oak"], ["elm", "fir"], ["oak"] * 5, ["ash"] * 3],
        "texts": ["oak", "elm fir", "oak oak oak oak oak", "ash ash ash"],
    }
    if kind == "fields":
        import pandas as pd

        frame = pd.DataFrame(
            {"words": pd.Series(X["tokens"]), "age": [1.0, 2.0, 3.0, 4.0]}
        )
        X["fields"] = frame.assign(city=pd.Categorical(["Oslo", "Rome", "Oslo", "Bern"]))
    return small(case).fit(X[kind], case.targets([range(n) for n in (1, 2, 5, 3)]))


def check_refused(call, place, what):
    """Assert that a mistake is an error that names its place in a few words."""
    try:
        call()
    except (ValueError, TypeError) as error:
        check_message(error, place, what)
    else:
        raise AssertionError(f"{what} was accepted")


def check_message(error, place="", what=""):
    """Assert that a message is short and has the place."""
    message = str(error)
    assert len(message) <= MAX_MESSAGE, f"{len(message)} characters: {message[:200]}"
    assert re.search(place, message), f"{what}: no {place!r} in {message!r}"


def check_answer(case, model, X):
    """Assert that predictions make sense."""
    found = predictions(model, X)
    assert_finite(found, "")
    if case.answer in ("step labels", "step numbers"):
        for row, n in zip(found["predict"], lengths_of(X), strict=True):
            assert (len(row.split()) if isinstance(row, str) else len(row)) == n
    if case.answer == "label":
        assert set(found["predict"]) <= set(model.classes_)
        np.testing.assert_allclose(np.sum(found["predict_proba"], axis=1), 1, rtol=1e-5)


# --- kinds of cases ------------------------------------------------------------------


def wrong_data_at_fit(data, case):
    kind = data.draw(st.sampled_from(kinds_of(case)))
    X, y = draw_right(data, case, kind)
    which = data.draw(st.sampled_from(["X", "y", "weight"] if y is not None else ["X"]))
    model = small(case)
    before = dict(vars(model))
    weight = None
    if which == "X":
        mistake = data.draw(strategies.wrong_X(kind, X))
        X = mistake.data
    elif which == "y":
        mistake = data.draw(strategies.wrong_y(TARGETS[case.answer], y))
        y = mistake.data
    else:
        mistake = data.draw(strategies.wrong_weights(len(X)))
        weight = mistake.data
    given_y = () if case.answer in ("itself", "horizon") else (y,)
    options = {} if weight is None else {"sample_weight": weight}
    check_refused(lambda: model.fit(X, *given_y, **options), mistake.place, mistake.name)
    assert vars(model) == before


def wrong_data_at_predict(data, case):
    kind = data.draw(st.sampled_from(kinds_of(case)))
    X = data.draw(strategies.right_X(kind))
    mistake = data.draw(strategies.wrong_X(kind, X))
    model = fitted(case, kind)
    check_refused(lambda: model.predict(mistake.data), mistake.place, mistake.name)


def right_data_at_fit(data, case):
    kind = data.draw(st.sampled_from(kinds_of(case)))
    X, y = draw_right(data, case, kind)
    hold = data.draw(strategies.containers(kind))
    options = {}
    if case.answer != "horizon":
        weight = data.draw(strategies.right_weights(len(X)))
        options = {} if weight is None else {"sample_weight": weight}
    model = fit(small(case), hold(X), y, **options)
    check_answer(case, model, X)


def right_data_at_predict(data, case):
    kind = data.draw(st.sampled_from(kinds_of(case)))
    X = data.draw(strategies.right_X(kind))
    hold = data.draw(strategies.containers(kind))
    model = fitted(case, kind)
    check_answer(case, model, X)
    expected = predictions(model, X)
    assert_same(predictions(model, hold(X)), expected, "in another container")
    order = data.draw(st.permutations(range(len(X))))[:-1]  # one fewer, in another order
    got = predictions(model, take(X, order))
    wanted = {name: [rows[i] for i in order] for name, rows in expected.items()}
    assert_same(got, wanted, "in another batch", exact=False)


def anything_at_fit(data, case):
    """Anything is data or an error of the two kinds; what is learned predicts."""
    X, y = data.draw(strategies.anything()), data.draw(strategies.anything())
    which = data.draw(st.sampled_from(["X", "y", "weight", "all"]))
    kind = data.draw(st.sampled_from(kinds_of(case)))
    options = {}
    if which != "all":
        right, target = draw_right(data, case, kind)
        if which == "weight" and case.answer != "horizon":
            options = {"sample_weight": y}
        X = X if which == "X" else right
        y = y if which == "y" else target
    try:
        fit(small(case), X, y, **options)
    except (ValueError, TypeError) as error:
        check_message(error)


def anything_at_predict(data, case):
    kind = data.draw(st.sampled_from(kinds_of(case)))
    X = data.draw(strategies.anything())
    try:
        answers = fitted(case, kind).predict(X)
    except (ValueError, TypeError) as error:
        check_message(error)
    else:
        assert_finite({"predict": list(answers)}, "")


GARBAGE = st.one_of(strategies.ATOMS, st.lists(st.integers(-2, 2), max_size=2))


def anything_as_parameter(data, case):
    """A parameter's value is accepted, or an error names the parameter."""
    kind = kinds_of(case)[0]
    X, y = draw_right(data, case, kind)
    names = sorted(case.cls().get_params())
    name = data.draw(st.sampled_from(names))
    value = data.draw(GARBAGE)
    model = small(case, **{name: value})
    try:
        fit(model, X, y)
    except (ValueError, TypeError) as error:
        check_message(error, rf"\b{name}\b", f"{name}={value!r}")
    else:
        check_answer(case, model, X)


KINDS = [
    wrong_data_at_fit,
    wrong_data_at_predict,
    right_data_at_fit,
    right_data_at_predict,
    anything_at_fit,
    anything_at_predict,
    anything_as_parameter,
]
N_BLOCKS = math.ceil(N_CASES / (BLOCK * 13 * len(KINDS)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", range(N_BLOCKS))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_data_break_an_estimator(make_any, kind, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a text is a path as the parameter checkpoint
    done = Path(DONE, f"{make_any.name}-{kind.__name__}-{block}") if DONE else None
    if done is not None and done.exists():
        pytest.skip("this block passed earlier")

    @seed(block)
    @settings(
        max_examples=BLOCK,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data):
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind(data, make_any)
        assert time.process_time() - start < MAX_SECONDS

    run()
    if done is not None:
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()

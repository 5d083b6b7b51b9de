"""The checks: what users of scikit-learn may expect of any estimator of sequences.

Each takes an estimator and a setting. It raises an AssertionError that says which promise
is broken, or SkipTest with the reason why nothing was checked.
"""

from __future__ import annotations

import io
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from functools import partial
from typing import Any
from unittest import SkipTest

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_validate,
    train_test_split,
)
from sklearn.utils import get_tags

from skrnn.testing._comparison import (
    assert_finite,
    assert_same,
    methods_of,
    predictions,
    same_row,
)
from skrnn.testing._containers import X_CONTAINERS, Y_CONTAINERS, Container
from skrnn.testing._data import INPUTS, N_SEQUENCES, as_rows, take
from skrnn.testing._mistakes import Mistake, mistakes_in_X, mistakes_in_y
from skrnn.testing._trial import Setting, Trial, fit, is_random_state, trial_of

#: Longer messages are not read.
MAX_MESSAGE = 500


# --- fit -----------------------------------------------------------------------------


def check_fit(estimator: Any, setting: Setting) -> None:
    """``fit`` returns the estimator, leaves parameters and data alone, and is silent."""
    trial = trial_of(estimator, setting)
    X, y = deepcopy((trial.X, trial.y))
    model = trial.new()
    parameters = plain_parameters(model)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), unchanged_random_numbers():
        returned = model.fit(X, *([] if y is None else [y]))
    assert returned is model, f"fit returned {type(returned).__name__}, expected self"
    assert not out.getvalue() + err.getvalue(), "fit printed, with default verbosity"
    for name, value in plain_parameters(model).items():
        assert value is parameters.get(name), f"fit changed the parameter {name}"
    for name, data, before in (("X", X, trial.X), ("y", y, trial.y)):
        if data is not None:
            assert same_data(data, before), f"fit changed {name}"


def plain_parameters(model: Any) -> dict[str, Any]:
    """Return the parameters but for estimators, and lists of such, which are fitted too."""
    return {
        name: value
        for name, value in model.get_params().items()
        if not hasattr(value, "get_params") and not isinstance(value, list)
    }


@contextmanager
def unchanged_random_numbers() -> Iterator[None]:
    """Raise an AssertionError if a global random generator is touched."""

    def states() -> tuple[Any, ...]:
        kind, numbers, *rest = np.random.get_state()
        return (random.getstate(), kind, *np.asarray(numbers).tolist(), *rest)

    before = states()
    yield
    assert states() == before, (
        "a global random generator was used, though random_state is a number"
    )


def same_data(data: Any, before: Any) -> bool:
    """Return whether data are what they were."""
    if isinstance(data, pd.DataFrame):
        return bool(data.equals(before))
    return all(same_row(a, b, exact=True) for a, b in zip(data, before, strict=True))


def check_repeatability(estimator: Any, setting: Setting) -> None:
    """A clone learns the same, whatever the seeds of the global generators."""
    trial = trial_of(estimator, setting)
    cloned = type(trial.model)(**trial.model.get_params(deep=False))
    expected = predictions(trial.model, trial.X)
    numpys, pythons = np.random.get_state(), random.getstate()
    try:
        np.random.seed(5)
        random.seed(5)
        got = predictions(fit(cloned, trial.X, trial.y), trial.X)
    finally:
        np.random.set_state(numpys)
        random.setstate(pythons)
    assert_same(got, expected, "in a second fit with the same random_state")


def check_refit(estimator: Any, setting: Setting) -> None:
    """A second fit forgets the first."""
    trial = trial_of(estimator, setting)
    if getattr(trial.estimator, "warm_start", False):
        raise SkipTest("warm_start=True continues the first fit")
    order = np.arange(N_SEQUENCES)[: -N_SEQUENCES // 2]
    model = trial.fit(take(trial.X, order), take(trial.y, order))
    got = predictions(fit(model, trial.X, trial.y), trial.X)
    assert_same(got, predictions(trial.model, trial.X), "after an earlier fit")


def check_one_sequence(estimator: Any, setting: Setting) -> None:
    """One sequence is enough for ``fit``, or it says what it needs."""
    trial = trial_of(estimator, setting)
    X, y = take(trial.X, [1]), take(trial.y, [1])
    try:
        model = trial.fit(X, y)
    except (ValueError, TypeError) as error:
        assert_short(error)
        return
    assert_finite(predictions(model, trial.X), "after a fit to one sequence")


# --- predict -------------------------------------------------------------------------


def check_subset_invariance(estimator: Any, setting: Setting) -> None:
    """A sequence is predicted alone as in a batch, and as in a larger one."""
    trial = trial_of(estimator, setting)
    together = predictions(trial.model, trial.X)
    for i in range(0, N_SEQUENCES, 3):
        alone = predictions(trial.model, take(trial.X, [i]))
        one = {name: [rows[i]] for name, rows in together.items()}
        assert_same(alone, one, f"for sequence {i} of X alone", exact=False)
    many = predictions(trial.model, take(trial.X, [*range(N_SEQUENCES)] * 20))
    expected = {name: rows * 20 for name, rows in together.items()}
    assert_same(many, expected, "in a batch that is 20 times larger", exact=False)


def check_order_invariance(estimator: Any, setting: Setting) -> None:
    """The order of the sequences does not matter."""
    trial = trial_of(estimator, setting)
    together = predictions(trial.model, trial.X)
    order = np.random.default_rng(0).permutation(N_SEQUENCES)
    got = predictions(trial.model, take(trial.X, order))
    expected = {name: [rows[i] for i in order] for name, rows in together.items()}
    assert_same(got, expected, "in another order of X", exact=False)


def check_unseen_sequences(estimator: Any, setting: Setting) -> None:
    """Lengths and tokens that training lacked have finite predictions."""
    trial = trial_of(estimator, setting)
    if setting.inputs == "fields":
        raise SkipTest("fields are checked by check_columns")
    unseen = [lengthened(sequence) for sequence in trial.X]
    if setting.inputs == "tokens":
        unseen += [["new", "oak"], ["new"]]
    elif setting.inputs == "texts":
        unseen += ["new oak", "new"]
    elif setting.inputs == "numbers":
        unseen += [sequence * 50 for sequence in trial.X]
    results = predictions(trial.model, [*unseen, *trial.X])
    assert_finite(results, "for sequences unlike those of training")
    known = {name: rows[len(unseen) :] for name, rows in results.items()}
    expected = predictions(trial.model, trial.X)
    assert_same(known, expected, "beside unseen sequences", exact=False)


def lengthened(sequence: Any) -> Any:
    """Return a sequence repeated 20 times."""
    if isinstance(sequence, str):
        return " ".join([sequence] * 20)
    if isinstance(sequence, np.ndarray):
        return np.concatenate([sequence] * 20)
    return sequence * 20


def check_predict_changes_nothing(estimator: Any, setting: Setting) -> None:
    """Predicting leaves the fitted estimator and the data as they were."""
    trial = trial_of(estimator, setting)
    X, before = deepcopy(trial.X), dict(vars(trial.model))
    with unchanged_random_numbers():
        first = predictions(trial.model, X)
        again = predictions(trial.model, X)
    assert_same(again, first, "when it is called a second time")
    assert same_data(X, trial.X), "predicting changed X"
    now = vars(trial.model)
    changed = [name for name in {*before, *now} if now.get(name) is not before.get(name)]
    assert not changed, f"predicting changed the attributes {sorted(changed)}"


def check_threads(estimator: Any, setting: Setting) -> None:
    """One fitted estimator may predict in several threads."""
    trial = trial_of(estimator, setting)
    expected = predictions(trial.model, trial.X)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: predictions(trial.model, trial.X), range(4)))
    for got in found:
        assert_same(got, expected, "in threads side by side")


def check_not_fitted(estimator: Any, setting: Setting) -> None:
    """Before ``fit`` every method raises NotFittedError."""
    trial = trial_of(estimator, setting)
    model = trial.new()
    for name in (*methods_of(model), *["score"] * hasattr(model, "score")):
        given = [trial.X]
        if name == "score" and trial.y is not None:
            given.append(trial.y)
        error = error_of(partial(getattr(model, name), *given))
        assert isinstance(error, NotFittedError), (
            f"{name} before fit raised {described(error)}, expected NotFittedError"
        )


def check_score(estimator: Any, setting: Setting) -> None:
    """``score`` is one finite number, and it does not depend on the order."""
    trial = trial_of(estimator, setting)
    if not hasattr(trial.model, "score"):
        raise SkipTest("the estimator has no method score")
    scores = []
    for order in (range(N_SEQUENCES), range(N_SEQUENCES)[::-1]):
        y = take(trial.y, order)
        given = [take(trial.X, order), *([] if y is None else [y])]
        scores.append(trial.model.score(*given))
    assert np.ndim(scores[0]) == 0, f"score gave {scores[0]!r}, expected one number"
    assert np.isfinite(scores[0]), f"score gave {scores[0]}, expected a finite number"
    assert np.isclose(*scores), (
        f"in another order score gave {scores[1]}, not {scores[0]}"
    )


# --- copies --------------------------------------------------------------------------


def _by_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": _by_joblib,
    "deepcopy": deepcopy,
}


def check_copies(estimator: Any, setting: Setting) -> None:
    """A fitted estimator predicts the same bits after pickle, joblib and deepcopy."""
    trial = trial_of(estimator, setting)
    expected = predictions(trial.model, trial.X)
    for name, copied in COPIES.items():
        got = predictions(copied(trial.model), trial.X)
        assert_same(got, expected, f"after {name}")
    unfitted = pickle.loads(pickle.dumps(trial.new()))
    got = predictions(fit(unfitted, trial.X, trial.y), trial.X)
    assert_same(got, expected, "in a fit after pickle")


# --- containers ----------------------------------------------------------------------


def check_X_container(estimator: Any, setting: Setting, container: str) -> None:
    """X means the same in this container, at fit and at predict."""
    trial = trial_of(estimator, setting)
    other = held(X_CONTAINERS[setting.inputs][container], trial.X)
    expected = predictions(trial.model, trial.X)
    try:
        got = predictions(trial.model, other)
        refitted = trial.fit(other, trial.y)
    except Exception as error:
        known = X_CONTAINERS[setting.inputs][container]
        if setting.strict or not known.optional:
            raise
        raise SkipTest(f"X as {container} is refused: {described(error)}") from error
    situation = f"where X is {'an' if container[0] in 'aeioA' else 'a'} {container}"
    assert_same(got, expected, f"at predict, {situation}")
    assert_same(predictions(refitted, trial.X), expected, f"after a fit {situation}")


def check_y_container(estimator: Any, setting: Setting, container: str) -> None:
    """Y means the same in this container."""
    trial = trial_of(estimator, setting)
    if trial.y is None:
        raise SkipTest("the estimator needs no y")
    y = held(Y_CONTAINERS[container], trial.y)
    got = predictions(trial.fit(trial.X, y), trial.X)
    assert_same(
        got, predictions(trial.model, trial.X), f"after a fit to y as {container}"
    )
    if hasattr(trial.model, "score"):
        scores = [trial.model.score(trial.X, targets) for targets in (y, trial.y)]
        assert scores[0] == scores[1], f"score differs for y as {container}: {scores}"


def held(container: Container, data: Any) -> Any:
    """Return data in a container.

    Raises
    ------
    SkipTest
        If the package of the container is not installed.
    """
    try:
        return container.hold(deepcopy(data))
    except ModuleNotFoundError as error:
        raise SkipTest(f"{container.needs} is not installed") from error


def check_sample_weight(estimator: Any, setting: Setting) -> None:
    """Weights mean the same in every container, and bad ones are named."""
    trial = trial_of(estimator, setting)
    if not trial.takes_weights:
        raise SkipTest("fit has no parameter sample_weight")
    weight = 1.0 + np.arange(N_SEQUENCES) % 3
    expected = predictions(trial.fit(sample_weight=weight), trial.X)
    for container in (list, tuple, pd.Series):
        got = predictions(trial.fit(sample_weight=container(weight)), trial.X)
        assert_same(got, expected, f"where sample_weight is a {container.__name__}")
    bad: dict[str, Any] = {
        "one weight too few": weight[:-1],
        "NaN": np.where(weight > 2, np.nan, weight),
        "infinity": np.where(weight > 2, np.inf, weight),
        "text": ["heavy"] * N_SEQUENCES,
    }
    for name, wrong in bad.items():
        mistake = Mistake(f"sample_weight with {name}", None, r"(?i)sample.?weight")
        assert_refused(mistake, partial(trial.fit, sample_weight=wrong))


# --- mistakes ------------------------------------------------------------------------


def check_errors_of_X_at_fit(estimator: Any, setting: Setting) -> None:
    """``fit`` refuses an X that makes no sense, by a short message with the place."""
    trial = trial_of(estimator, setting)
    for mistake in mistakes_in_X(setting.inputs, trial.X, allow_nan(trial)):
        assert_refused(mistake, partial(trial.fit, mistake.data, trial.y))


def check_errors_of_X_at_predict(estimator: Any, setting: Setting) -> None:
    """Each method refuses an X that makes no sense, or is of another kind than in fit."""
    trial = trial_of(estimator, setting)
    mistakes = [
        *mistakes_in_X(setting.inputs, trial.X, allow_nan(trial)),
        *others_than_in_fit(setting.inputs, trial.X),
    ]
    for mistake in mistakes:
        for name in methods_of(trial.model):
            call = getattr(trial.model, name)
            assert_refused(mistake, partial(call, mistake.data), f"{name}: ")


def others_than_in_fit(inputs: str, X: Any) -> list[Mistake]:
    """Return X that is right in itself, but not for an estimator fitted to another."""
    if inputs in ("tokens", "texts"):
        return [Mistake("numbers after tokens", INPUTS["numbers"](), "")]
    if inputs == "fields":
        return []
    mistakes = [Mistake("tokens after numbers", INPUTS["tokens"](), "")]
    if inputs != "series":
        wide = [np.hstack([sequence, sequence]) for sequence in X]
        mistakes.append(Mistake("4 features after 2", wide, r"4[^0-9].*2|2[^0-9].*4"))
    return mistakes


def allow_nan(trial: Trial) -> bool:
    """Return whether missing values are allowed, by the tags."""
    return bool(get_tags(trial.estimator).input_tags.allow_nan)


def check_errors_of_y(estimator: Any, setting: Setting) -> None:
    """``fit`` refuses a y that makes no sense, by a short message with the place."""
    trial = trial_of(estimator, setting)
    if trial.y is None:
        raise SkipTest("the estimator needs no y")
    for mistake in mistakes_in_y(trial.targets, trial.y):
        model = trial.new()
        assert_refused(mistake, partial(model.fit, trial.X, mistake.data))


def check_columns(estimator: Any, setting: Setting) -> None:
    """Columns are known by name: any order is the same, a missing one is named."""
    trial = trial_of(estimator, setting)
    if setting.inputs != "fields":
        raise SkipTest("only a frame of fields has columns")
    expected = predictions(trial.model, trial.X)
    got = predictions(trial.model, trial.X[trial.X.columns[::-1]])
    assert_same(got, expected, "with the columns in another order")
    unseen = trial.X.assign(city="Kyiv", age=200.0)
    assert_finite(predictions(trial.model, unseen), "for an unseen category")
    for name in trial.X:
        mistake = Mistake(f"the column {name!r} left out", None, str(name))
        X = trial.X.drop(columns=name)
        assert_refused(mistake, partial(trial.model.predict, X))


def assert_refused(mistake: Mistake, call: Callable[[], Any], before: str = "") -> None:
    """Raise an AssertionError unless a call names a mistake of the user."""
    error = error_of(call)
    found = f"{before}{mistake.name} "
    assert error is not None, f"{found}was accepted"
    assert isinstance(error, ValueError | TypeError), (
        f"{found}raised {described(error)}, expected ValueError or TypeError"
    )
    assert_short(error)
    assert mistake.is_named_in(str(error)), (
        f"{found}raised a message without the place {mistake.place!r}: {described(error)}"
    )


def error_of(call: Callable[[], Any]) -> Exception | None:
    """Return the error that a call raises, if any."""
    try:
        call()
    except Exception as error:
        return error
    return None


def assert_short(error: Exception) -> None:
    """Raise an AssertionError for a message that nobody reads."""
    length = len(str(error))
    assert length <= MAX_MESSAGE, (
        f"a message has {length} characters, expected at most {MAX_MESSAGE}: "
        f"{str(error)[:100]}..."
    )


def described(error: Exception | None) -> str:
    """Return the kind of an error and the start of its message."""
    if error is None:
        return "nothing"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


# --- inside scikit-learn -------------------------------------------------------------


def check_cross_validation(estimator: Any, setting: Setting) -> None:
    """Sequences are split, scored and predicted like any samples."""
    trial = trial_of(estimator, setting)
    cv = KFold(2)
    train, test = next(cv.split(range(N_SEQUENCES)))
    model = trial.fit(take(trial.X, train), take(trial.y, train))
    expected = {"predict": predictions(model, take(trial.X, test))["predict"]}
    rows = as_rows(cross_val_predict(trial.estimator, trial.X, trial.y, cv=cv))
    assert_same({"predict": rows[: len(test)]}, expected, "in cross_val_predict")
    if hasattr(model, "score"):
        result = cross_validate(
            trial.estimator, trial.X, trial.y, cv=cv, error_score="raise"
        )
        assert np.isfinite(result["test_score"]).all(), (
            f"the scores of cross_validate are {result['test_score']}"
        )
    parts = [trial.X, *([] if trial.y is None else [trial.y])]
    X_train, X_test, *y_parts = train_test_split(*parts, random_state=0)
    model = trial.fit(X_train, y_parts[0] if y_parts else None)
    assert_finite(predictions(model, X_test), "after train_test_split")


def check_search(estimator: Any, setting: Setting) -> None:
    """A grid search works, and what it finds predicts as a fit alone does."""
    trial = trial_of(estimator, setting)
    if not hasattr(trial.model, "score"):
        raise SkipTest("the estimator has no method score")
    names: Sequence[str] = [n for n in trial.estimator.get_params() if is_random_state(n)]
    grid = {name: [0, 1] for name in names[:1]}
    search = GridSearchCV(trial.estimator, grid, cv=2, error_score="raise")
    fit(search, trial.X, trial.y)
    expected = fit(trial.new().set_params(**search.best_params_), trial.X, trial.y)
    assert_same(
        predictions(search.best_estimator_, trial.X),
        predictions(expected, trial.X),
        "in the best estimator of a search",
    )


#: The checks of each setting; the first one says whether the kind of X is accepted.
CHECKS = (
    check_fit,
    check_repeatability,
    check_refit,
    check_one_sequence,
    check_subset_invariance,
    check_order_invariance,
    check_unseen_sequences,
    check_predict_changes_nothing,
    check_threads,
    check_not_fitted,
    check_score,
    check_copies,
    check_sample_weight,
    check_errors_of_X_at_fit,
    check_errors_of_X_at_predict,
    check_errors_of_y,
    check_cross_validation,
    check_search,
)
#: Checks of frames of fields alone.
FIELD_CHECKS = (check_columns,)

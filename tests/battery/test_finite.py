"""An output that is not finite is an error that names the sequence, never an answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

METHODS = (
    *("predict", "predict_proba", "predict_log_proba", "decision_function"),
    *("predict_log_likelihood", "transform", "predict_attention", "score_samples"),
    *("perplexity", "generate", "sample", "backtest"),
)
N_LONG = 400


def explode(net):
    """Let the states of ReLU cells grow with each step."""
    with torch.no_grad():
        for cell in net.module_.cells().values():
            for name, weight in cell.named_parameters():
                if "weight_hh" in name:
                    weight.copy_(1.5 * torch.eye(*weight.shape))
                elif weight.ndim == 1:
                    weight.fill_(0.5)
                else:
                    weight.zero_()


class Explode(Callback):
    """Explodes after the last epoch."""

    def on_train_end(self, net, **kwargs):
        explode(net)


@pytest.fixture
def numbers_and_a_long_one(case, rng):
    """Return short sequences of numbers, of which the third is long."""
    X = case.numeric([1 + rng.random((n, 2)) for n in [3, 4, 5, 6, 2, 3, 4, 5]])
    return [*X[:2], np.ones((N_LONG, 2)), *X[2:]]


def test_an_output_that_is_not_finite_names_its_sequence(
    make_recurrent, numbers_and_a_long_one
):
    X = numbers_and_a_long_one
    short = [x for x in X if len(x) < N_LONG]
    model = make_recurrent.fit(short, cell="rnn_relu", max_epochs=1)
    explode(model.net_)
    assert np.isfinite(make_recurrent.outputs(model, short)).all()
    for method in METHODS:
        if not hasattr(model, method) or (method == "sample" and not model._needs_y):
            continue
        if method == "transform" and make_recurrent.answer == "step numbers":
            continue  # nothing is pooled
        with pytest.raises(
            ValueError, match=r"not finite for sequence 2 \(40[01] st"
        ) as e:
            getattr(model, method)(X)
        assert "Pass sequences of lengths" in str(e.value)
        assert 'cell="lstm"' in str(e.value)
    if model._needs_y:
        y = make_recurrent.targets(X)
        for method in ("score", "log_likelihood"):
            if hasattr(model, method):
                with pytest.raises(ValueError, match="not finite for sequence 2"):
                    getattr(model, method)(X, y)


def test_sequences_are_counted_as_the_user_gave_them(make_recurrent, rng):
    if make_recurrent.answer not in ("step labels", "itself"):
        pytest.skip("its sequences have steps")
    texts = [["a", "b"], ["b"], ["a", "a", "b"]] * 3
    model = make_recurrent.fit(texts, cell="rnn_relu", max_epochs=1)
    explode(model.net_)
    method = model.predict if model._needs_y else model.score_samples
    with pytest.raises(ValueError, match=r"not finite for sequence 2 \("):
        method([["a"], [], ["a", "b"] * N_LONG, []])


def test_several_quantiles_that_are_not_finite_name_their_sequence(
    make_regressor, numbers_and_a_long_one
):
    if not make_regressor.has("cell"):
        pytest.skip("it has no states that grow")
    X = numbers_and_a_long_one
    model = make_regressor(cell="rnn_relu", loss="quantile", max_epochs=1)
    model.fit(X[3:], make_regressor.targets(X[3:]))
    explode(model.net_)
    with pytest.raises(ValueError, match="not finite for sequence 2"):
        model.predict_quantiles(X)


def test_features_that_overflow_name_their_sequence(make_estimator, rng):
    if make_estimator.binary or make_estimator.has("cell"):
        pytest.skip("its outputs are bounded, or its features are")
    X = [rng.normal(size=(4, 2)) for _ in range(12)]
    model = make_estimator.fit(X, scale=None)
    with torch.no_grad():
        for weight in model.net_.module_.parameters():
            weight.abs_().add_(1.0)
    X[5] = np.full((4, 2), 3e38)
    with pytest.raises(ValueError, match=r"not finite for sequence 5 \(4 steps\)"):
        model.predict(X)


def test_forecasts_that_are_not_finite_are_an_error(make_forecaster, rng):
    X = [10 + rng.normal(size=30).cumsum() for _ in range(3)]
    model = make_forecaster.fit(X)
    with torch.no_grad():
        for weight in model.net_.module_.parameters():
            weight.abs_().add_(1.0).mul_(1e38)
    for method in ("predict", "score", "backtest"):
        with pytest.raises(ValueError, match=r"not finite for sequence \d"):
            getattr(model, method)(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_training_data_without_a_finite_output_are_noticed(
    make_recurrent, numbers_and_a_long_one
):
    X = numbers_and_a_long_one
    short = [x for x in X if len(x) < N_LONG]
    model = make_recurrent(cell="rnn_relu", max_epochs=1, warm_start=True)
    model.fit(short, make_recurrent.targets(short))
    model.set_params(callbacks=[Explode()])
    with pytest.warns(
        UserWarning, match=r"After training .* not finite for sequence 2 \("
    ):
        model.fit(X, make_recurrent.targets(X))


def test_a_validation_score_without_a_finite_output_is_nan(make_classifier, rng):
    if not make_classifier.has("cell"):
        pytest.skip("it has no states that grow")
    X = [rng.random((3, 2)) for _ in range(12)]
    y = make_classifier.targets(X)
    held_out = {"X_val": [*X[:2], np.ones((N_LONG, 2))], "y_val": y[:3]}

    class ExplodeAtOnce(Callback):
        def on_batch_end(self, net, training, **kwargs):
            explode(net)

    model = make_classifier(
        cell="rnn_relu",
        max_epochs=1,
        early_stopping=False,
        scoring="accuracy",
        callbacks=[ExplodeAtOnce()],
    )
    model.fit(X, y, **held_out)
    assert np.isnan(model.history_["valid_score"].iloc[0])

"""Values that no user means work, or are errors of skrnn's own that name the place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn import SequenceClassifier, SequenceTagger
from skrnn.data.ragged import object_array

SURROGATE = "a\ud800"


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm", None])
def test_a_single_surrogate_is_a_character(make_reader, char_encoder):
    X = [["ab", "b"], ["b"], [SURROGATE], [SURROGATE, "b"]]
    model = make_reader.fit(X, char_encoder=char_encoder, max_epochs=1)
    assert np.isfinite(make_reader.outputs(model, [*X, ["\udfff"]])).all()


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e50])
def test_the_size_of_weights_does_not_matter(make_supervised, numbers, size):
    y = make_supervised.targets(numbers)
    weight = size * np.arange(1, len(numbers) + 1)
    model = make_supervised(max_epochs=1).fit(numbers, y, sample_weight=weight)
    expected = make_supervised(max_epochs=1).fit(numbers, y, sample_weight=weight / size)
    found, wanted = (make_supervised.outputs(m, numbers) for m in (model, expected))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


BAD_WEIGHTS = {
    "too large": (
        1.7e308,
        ValueError,
        r"\[1\] is 1.7e\+308, expected 0 or a weight from",
    ),
    "too small": (5e-324, ValueError, r"\[1\] is 5e-324, expected 0 or a weight from"),
    "beyond float64": (10**400, ValueError, r"\[1\] is 1000.*too large for float64"),
    "a string": ("1", TypeError, r"\[\d\] is '1.*', a string"),
    "complex": (1j, ValueError, r"Complex data not supported: sample_weight\[\d\]"),
    "a date": (np.timedelta64(1, "s"), TypeError, r"\[1\] is .*not numbers"),
    "NaN": (np.nan, ValueError, r"NaN .*\[1\]"),
    "infinite": (np.inf, ValueError, r"infinity .*\[1\] is inf"),
    "negative": (-1.0, ValueError, r"\[1\] is -1.0. Negative"),
}


@pytest.mark.parametrize("bad", BAD_WEIGHTS)
def test_a_weight_that_is_none_is_named(make_supervised, numbers, bad):
    value, error, message = BAD_WEIGHTS[bad]
    y = make_supervised.targets(numbers)
    weight = object_array([1.0, value, *[1.0] * (len(numbers) - 2)])
    model = make_supervised(max_epochs=1)
    with pytest.raises(error, match=message):
        model.fit(numbers, y, sample_weight=weight)
    model.fit(numbers, y)
    with pytest.raises(error, match=message):
        model.score(numbers, y, sample_weight=weight)


@pytest.mark.parametrize("value", [1.7e308, 10**400])
def test_a_class_weight_out_of_range_is_named(make_labeller, numbers, value):
    y = make_labeller.targets(numbers)
    model = make_labeller(class_weight={"u": value, "v": 1.0, "w": 1.0})
    with pytest.raises(ValueError, match=r"class_weight\['u'\] is 1.7"):
        model.fit(numbers, y)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: memoryview(x),
        lambda x: torch.tensor(x).requires_grad_(),
        lambda x: [[[torch.tensor(v).requires_grad_() for v in step]] for step in x],
    ],
    ids=["memoryview", "tensor", "nested tensors"],
)
def test_views_and_tensors_with_gradients_are_arrays(make_estimator, wrap):
    arrays = [np.ones((3, 2)), np.zeros((2, 2)), np.ones((4, 2))] * 2
    y = make_estimator.targets(arrays)
    expected = make_estimator(max_epochs=1).fit(arrays, y)
    X = [wrap(x) for x in arrays]
    model = make_estimator(max_epochs=1).fit(X, y)
    outputs = make_estimator.outputs(model, X)
    np.testing.assert_array_equal(outputs, make_estimator.outputs(expected, arrays))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.ones(4, 3).to_sparse(), "to_dense"),
        (torch.ones(4, 3, device="meta"), "meta"),
    ],
)
@pytest.mark.parametrize("make", [lambda x: x, lambda x: [x, x]])
def test_a_tensor_without_plain_numbers_names_the_way_out(
    make_estimator, tensor, message, make
):
    X = make(tensor)
    with pytest.raises(TypeError, match=message):
        make_estimator().fit(X, make_estimator.targets(X))


def test_a_number_beyond_float64_is_named(make_estimator):
    X = [[1.0, 0.0], [0.0, 10**400]]
    with pytest.raises(
        ValueError, match=r"X\[1\], step 1 is 1000.*too large for float64"
    ):
        make_estimator().fit(X, make_estimator.targets(X))


@pytest.mark.parametrize("name", ["SparseAdam", "Muon", "Optimizer"])
def test_an_optimizer_that_cannot_train_is_named(make_any, numbers, series, name):
    if not hasattr(torch.optim, name):
        pytest.skip("this version of PyTorch has no such optimizer")
    X = series if make_any.answer == "horizon" else numbers
    with pytest.raises(ValueError, match=f"optimizer={name} cannot train this network"):
        make_any.fit(X, optimizer=getattr(torch.optim, name))


def test_an_error_of_a_callback_is_no_error_of_the_optimizer(make_classifier, numbers):
    from skorch.callbacks import Callback

    class Fail(Callback):
        def on_grad_computed(self, net, **kwargs):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        make_classifier.fit(numbers, callbacks=[Fail()])


def test_a_message_does_not_list_thousands_of_labels():
    labels = [f"label {i:05d}" for i in range(3000)]
    small = {"hidden_size": 2, "embedding_dim": 2, "max_epochs": 1, "batch_size": 3000}
    model = SequenceClassifier(char_encoder=None, warm_start=True, **small)
    model.fit([["a"]] * 6000, labels * 2)
    with pytest.raises(ValueError, match=r"y\[1\] is 'xx.*3,000 in all") as error:
        model.fit([["a"]] * 2, ["label 00000", "x" * 5000])
    assert len(str(error.value)) < 500
    with pytest.raises(ValueError, match="not the same as on the last call") as error:
        model.partial_fit([["a"]], ["label 00000"], classes=labels[:-1])
    assert len(str(error.value)) < 500
    tagger = SequenceTagger(crf=False, char_encoder=None, warm_start=True, **small)
    tagger.fit([["a"] * 3000], [labels])
    with pytest.raises(ValueError, match=r"y\[0\], step 0 is 'xx.*3,000 in all") as error:
        tagger.fit([["a"]], [["x" * 5000]])
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "params",
    [
        {"tokenizer": "x" * 5000},
        {"tokenizer": list(range(5000))},
        {"device": "x" * 5000},
        {"scoring": "x" * 5000},
        {"optimizer": "x" * 5000},
        {"class_weight": {f"name {i}": 1.0 for i in range(5000)}},
        {"callbacks": ["x" * 5000]},
    ],
    ids=lambda params: next(iter(params)),
)
def test_a_message_does_not_repeat_a_long_value(params):
    (name,) = params
    with pytest.raises((TypeError, ValueError), match=name) as error:
        SequenceClassifier(**params).fit([["a"], ["b"]], ["u", "v"])
    assert len(str(error.value)) < 500

"""Objects of the user in pickled estimators."""

from __future__ import annotations

import pickle
from copy import copy, deepcopy

import numpy as np
import pytest
from skorch.callbacks import Callback, PrintLog
from torch.optim import Adamax

from skrnn import Seq2SeqTransformer, SequenceClassifier, SequenceGenerator

cloudpickle = pytest.importorskip("cloudpickle")  # joblib's workers need it

TEXTS = ["a b", "b", "a a", "b a"] * 3
TOKENS = [text.split() for text in TEXTS]
SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}


def make_models(split=lambda text: text.split()):
    """Return fitted estimators, each with a lambda as a parameter of this name."""
    return {
        "classifier": (
            "tokenizer",
            SequenceClassifier(tokenizer=split, **SMALL).fit(TEXTS, [0, 1] * 6),
        ),
        "generator": (
            "tokenizer",
            SequenceGenerator(tokenizer=split, **SMALL).fit(TEXTS),
        ),
        "seq2seq": (
            "target_tokenizer",
            Seq2SeqTransformer(target_tokenizer=split, **SMALL).fit(TEXTS, TEXTS),
        ),
    }


KINDS = pytest.mark.parametrize("kind", ["classifier", "generator", "seq2seq"])


@KINDS
def test_a_function_that_cannot_be_pickled_is_named(kind):
    name, model = make_models()[kind]
    with pytest.raises(
        pickle.PicklingError, match=f"^{name}=.*lambda.*cannot be pickled"
    ):
        pickle.dumps(model)
    for other in (copy(model), deepcopy(model), pickle.loads(cloudpickle.dumps(model))):
        assert callable(getattr(other, name))
        assert list(other.predict(TEXTS[:3])) == list(model.predict(TEXTS[:3]))


def make_splitter():
    """Return an object that can be copied, and cannot be pickled."""

    class Local:
        def __call__(self, text):
            return text.split()

    return Local()


@KINDS
@pytest.mark.parametrize("split", [lambda text: text.split(), make_splitter()])
def test_what_is_no_longer_a_parameter_is_left_out(kind, split):
    name, model = make_models(split)[kind]
    expected = list(model.predict(TOKENS[:3] if kind == "classifier" else TEXTS[:3]))
    model.set_params(**{name: "word"})
    loaded = pickle.loads(pickle.dumps(model))
    assert getattr(loaded, name) == "word"
    if kind == "classifier":
        assert list(loaded.predict(TOKENS[:3])) == expected
    if name == "tokenizer":
        with pytest.raises(
            ValueError, match="tokenizer was changed by set_params after fit"
        ):
            loaded.predict(TEXTS[:3])
    assert list(model.predict(TEXTS[:3])) == expected  # the original keeps its own


@pytest.mark.parametrize("kept", [False, True])
def test_an_optimizer_class_that_is_no_longer_a_parameter_is_left_out(kept):
    class Local(Adamax):
        pass

    model = SequenceClassifier(optimizer=Local, keep_optimizer=kept, **SMALL)
    model.fit(TOKENS, [0, 1] * 6)
    expected = model.predict_proba(TOKENS)
    with pytest.raises(pickle.PicklingError, match=r"^optimizer=.*Local.*cannot be"):
        pickle.dumps(model)
    model.set_params(optimizer="adam")
    loaded = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(model))))
    np.testing.assert_array_equal(loaded.predict_proba(TOKENS), expected)
    with pytest.raises(ValueError, match=r"^optimizer was .* when the network was built"):
        loaded.partial_fit(TOKENS, [0, 1] * 6)
    with pytest.raises(ValueError, match="cannot be trained further"):
        loaded.net_.optimizer_.step()
    loaded.fit(TOKENS, [0, 1] * 6)
    model.set_params(optimizer=Local).partial_fit(TOKENS, [0, 1] * 6)


def test_a_type_as_tokenizer_stays():
    model = SequenceClassifier(tokenizer=list, **SMALL).fit(TEXTS, [0, 1] * 6)
    expected = model.predict_proba(TEXTS)
    loaded = pickle.loads(pickle.dumps(model.set_params(tokenizer="char")))
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), expected)


def test_callbacks_that_cannot_be_pickled_are_named():
    class Local(Callback):
        pass

    for callback in (PrintLog(sink=lambda line: None), Local()):
        model = SequenceClassifier(callbacks=[callback], **SMALL)
        model.fit(TOKENS, [0, 1] * 6)
        with pytest.raises(
            pickle.PicklingError,
            match=r"^callbacks=\[.* cannot be pickled: .*change callbacks by set_params",
        ):
            pickle.dumps(model)
        assert deepcopy(model).callbacks[0] is not callback
        loaded = pickle.loads(pickle.dumps(model.set_params(callbacks=None)))
        assert loaded.callbacks is None


def test_a_named_function_is_pickled():
    model = SequenceClassifier(tokenizer=str.split, **SMALL).fit(TEXTS, [0, 1] * 6)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.tokenizer == str.split
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_a_token_that_was_left_out_is_not_in_the_pickle():
    texts = ["common words", "common words", "xsecretx words"]
    for model in (
        SequenceGenerator(tokenizer="word", min_count=2, **SMALL).fit(texts),
        SequenceClassifier(min_count=2, char_encoder=None, **SMALL).fit(texts, [0, 1, 1]),
        Seq2SeqTransformer(min_count=2, target_min_count=2, **SMALL).fit(texts, texts),
    ):
        assert b"xsecretx" not in pickle.dumps(model)
        assert b"common" in pickle.dumps(model)

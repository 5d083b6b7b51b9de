"""Model files: what cannot be written is named, and what is hostile is refused."""

import base64
import json
import subprocess
import sys
from copy import copy, deepcopy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import EpochTimer, LRScheduler

import skrnn
from skrnn import (
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.persistence import ModelFileError, load_model, save_model
from skrnn.training.files import read_file, write_file

X = [["a", "b"], ["b"], ["a"], ["b", "b"]] * 3
Y = [1, 0, 1, 0] * 3
QUICK = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 1, "random_state": 0}


def shout(text):
    return text.upper().split()


@pytest.fixture(scope="module")
def model():
    return SequenceClassifier(**QUICK).fit(X, Y)


@pytest.fixture
def path(tmp_path, model):
    save_model(model, tmp_path / "model.skrnn")
    return tmp_path / "model.skrnn"


# --- writing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tokenizer": shout}, "tokenizer=.*shout.*no code; split texts before fit"),
        ({"tokenizer": lambda text: [text]}, "tokenizer=<function"),
        ({"callbacks": [EpochTimer()]}, r"callbacks=.*set_params\(callbacks=None\)"),
        ({"optimizer": torch.optim.Adamax}, "optimizer=.*pass one of 'adam', 'adamw'"),
    ],
)
def test_a_parameter_that_is_code_is_named_and_nothing_written(
    parameters, message, tmp_path
):
    texts = [" ".join(tokens) for tokens in X]
    fitted = SequenceClassifier(**QUICK | parameters).fit(texts, Y)
    with pytest.raises(TypeError, match=message):
        save_model(fitted, tmp_path / "model.skrnn")
    assert not list(tmp_path.iterdir())


def test_options_that_a_schedule_adds_are_left_out(tmp_path):
    schedule = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        max_lr=0.01,
        total_steps=99,
        step_every="batch",
    )
    own = {"lr_schedule": "constant", "callbacks": [schedule]}
    model = SequenceClassifier(**QUICK, **own, keep_optimizer=True)
    save_model(model.fit(X, Y).set_params(callbacks=None), tmp_path / "model")
    load_model(tmp_path / "model").partial_fit(X, Y)


def test_images_may_have_more_numbers_than_the_network(tmp_path, rng):
    frames = [rng.random((1, 400, 600)) for _ in range(4)]
    model = SequenceClassifier(**QUICK | {"embedding_dim": 2}, step_encoder="cnn")
    model.fit(frames, [0, 1] * 2)
    n_weights = sum(w.numel() for w in model.net_.module_.state_dict().values())
    assert n_weights < 400 * 600
    save_model(model, tmp_path / "model")
    back = load_model(tmp_path / "model")
    np.testing.assert_array_equal(back.predict(frames), model.predict(frames))


def test_code_that_is_no_longer_a_parameter_is_left_out(tmp_path):
    class Local(torch.optim.Adamax):
        pass

    texts, path = [" ".join(tokens) for tokens in X], tmp_path / "model"
    own = {"tokenizer": lambda text: text.split(), "optimizer": Local}
    fitted = SequenceClassifier(**QUICK, **own, keep_optimizer=True).fit(texts, Y)
    expected = fitted.predict_proba(X)
    save_model(fitted.set_params(tokenizer="word", optimizer="adam"), path)
    for _ in range(2):
        back = load_model(path)
        np.testing.assert_array_equal(back.predict_proba(X), expected)
        with pytest.raises(ValueError, match="tokenizer was changed by set_params"):
            back.predict(texts)
        with pytest.raises(ValueError, match=r"was .* when the network was built"):
            back.partial_fit(X, Y)
        with pytest.raises(ValueError, match="cannot be trained further"):
            back.net_.optimizer_.step()
        save_model(back, path)
    assert back.fit(texts, Y).predict_proba(texts).shape == expected.shape
    assert fitted._fitted_parameters["optimizer"] is Local  # it keeps its own


def test_a_tokenizer_of_targets_that_is_no_parameter_is_left_out(tmp_path):
    texts = [" ".join(tokens) for tokens in X]
    fitted = Seq2SeqTransformer(**QUICK, target_tokenizer=lambda text: text.split())
    fitted.fit(X, texts).set_params(target_tokenizer="word")
    save_model(fitted, tmp_path / "model")
    back = load_model(tmp_path / "model")
    assert back.predict(X).tolist() == fitted.predict(X).tolist()


@pytest.mark.parametrize(
    "other",
    [
        make_pipeline(FunctionTransformer(), SequenceClassifier()),
        type("Mine", (SequenceClassifier,), {})(),
        {"a": 1},
    ],
)
def test_only_estimators_of_skrnn_are_written(other, tmp_path):
    with pytest.raises(TypeError, match="takes an estimator of skrnn, got"):
        save_model(other, tmp_path / "model.skrnn")


def test_an_unfitted_estimator_is_an_error(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(SequenceClassifier(), tmp_path / "model.skrnn")


@pytest.mark.parametrize(
    "parameters",
    [
        {"random_state": np.random.RandomState(3)},
        {"embeddings": {"a": np.ones(4), "b": [1.0, 0.0, 0.0, 2.0]}},
        {"class_weight": {0: 1.0, 1: 2.5}},
        {"device": torch.device("cpu")},
    ],
    ids=lambda p: next(iter(p)),
)
def test_parameters_of_all_kinds_come_back(parameters, tmp_path):
    fitted = SequenceClassifier(**QUICK | parameters).fit(X, Y)
    save_model(fitted, tmp_path / "model.skrnn")
    back = load_model(tmp_path / "model.skrnn")
    np.testing.assert_array_equal(back.predict_proba(X), fitted.predict_proba(X))
    again = [m.fit(X, Y).predict_proba(X) for m in (fitted, back)]
    np.testing.assert_array_equal(*again)  # the parameters train the same model


def test_a_frame_of_fields_comes_back(tmp_path):
    frame = pd.DataFrame(
        {
            "text": ["good day", "bad", "good", "day"] * 4,
            "reading": [np.arange(n, dtype=float) for n in (2, 1, 1, 1)] * 4,
            "kind": pd.Categorical(["u", "v", "u", "w"] * 4),
            "age": [1.0, np.nan, 3.0, 4.0] * 4,
        }
    )
    fitted = SequenceClassifier(**QUICK, missing="indicator").fit(frame, [*Y, *Y[:4]])
    save_model(fitted, tmp_path / "model.skrnn")
    back = load_model(tmp_path / "model.skrnn")
    np.testing.assert_array_equal(back.predict_proba(frame), fitted.predict_proba(frame))
    assert back.feature_names_in_.tolist() == list(frame)


def test_tokens_that_are_no_unicode_come_back(tmp_path):
    tokens = [["\ud800", "ü"], ["\x00a"], ["b"]] * 4
    fitted = SequenceTagger(**QUICK).fit(tokens, tokens)
    save_model(fitted, tmp_path / "model.skrnn")
    back = load_model(tmp_path / "model.skrnn")
    assert back.predict(tokens).tolist() == fitted.predict(tokens).tolist()


def test_attributes_of_the_user_are_left_out(model, tmp_path):
    mine = copy(model)
    mine.note = {"of": "mine"}
    mine._doc_link_template = "mine"
    save_model(mine, tmp_path / "model.skrnn")
    assert vars(load_model(tmp_path / "model.skrnn")).keys() == vars(model).keys()


def test_how_the_author_trained_is_left_out(tmp_path):
    own = {"n_jobs": 2, "on_interrupt": "keep", "checkpoint": tmp_path / "secret"}
    fitted = SequenceClassifier(**QUICK, **own, verbose=2).fit(X, Y)
    save_model(fitted, tmp_path / "model.skrnn")
    assert b"secret" not in (tmp_path / "model.skrnn").read_bytes()
    back = load_model(tmp_path / "model.skrnn")
    found = [back.n_jobs, back.on_interrupt, back.checkpoint, back.verbose]
    assert found == [None, "raise", None, 0]
    assert back.net_.verbose == 0


def test_paths_in_a_file_are_not_kept(path):
    def change(document, arrays):
        names, items = document["parameters"]["$"][1:]
        names.append("checkpoint")
        items.append("/etc/passwd")

    changed(path, change)
    assert load_model(path).checkpoint is None


def test_a_generator_gives_away_no_token_that_it_left_out(tmp_path):
    texts = ["anna ben anna ben", "ben anna secret anna"]
    model = SequenceGenerator(**QUICK, tokenizer="word", min_count=2).fit(texts)
    save_model(model, tmp_path / "model.skrnn")
    assert b"secret" not in (tmp_path / "model.skrnn").read_bytes()


def test_the_file_is_about_as_large_as_the_weights(tmp_path):
    model = SequenceClassifier(**QUICK | {"hidden_size": 256}).fit(X, Y)
    save_model(model, tmp_path / "model.skrnn")
    size = (tmp_path / "model.skrnn").stat().st_size
    assert size < 1.05 * 4 * model.n_parameters_


# --- reading -------------------------------------------------------------------------


def changed(path, change):
    """Change the document of a file, with a right checksum."""
    text, arrays = read_file(path)
    document = json.loads(text)
    change(document, arrays)
    write_file(path, json.dumps(document), arrays)


def set_net(**values):
    def change(document, arrays):
        names, items = document["net"]["$"][1:]
        for name, value in values.items():
            items[names.index(name)] = value

    return change


def set_setting(name, value):
    def change(document, arrays):
        names, items = document["net"]["$"][1:]
        keys, settings = items[names.index("settings")]["$"][1:]
        settings[keys.index(name)] = value

    return change


def set_config(name, value):
    def change(document, arrays):
        names, items = document["net"]["$"][1:]
        keys, config = items[names.index("config")]["$"][1:]
        config[keys.index(name)] = value

    return change


def set_parameter(name, value):
    def change(document, arrays):
        names, items = document["parameters"]["$"][1:]
        items[names.index(name)] = value

    return change


def set_attribute(name, value):
    def change(document, arrays):
        names, items = document["attributes"]["$"][1:]
        items[names.index(name)] = value

    return change


def drop_attribute(name):
    def change(document, arrays):
        names, items = document["attributes"]["$"][1:]
        del items[names.index(name)]
        names.remove(name)

    return change


def class_targets(classes):
    array = np.array(classes, "<i8")
    text = base64.b64encode(array.tobytes()).decode()
    fields = {"classes": {"$": ["array", "<i8", [len(classes)], text]}}
    return {"$": ["ClassTargets", 90, fields]}


def targets_are_inputs(document, arrays):
    names, items = document["attributes"]["$"][1:]
    items[names.index("_targets")] = items[names.index("_inputs")]


def set_ids(tokens, ids):
    def change(document, arrays):
        names, items = document["attributes"]["$"][1:]
        inputs = items[names.index("_inputs")]["$"][2]
        (codec,) = inputs["codecs"]
        vocabulary = codec["$"][2]["vocabulary"]["$"][2]
        assert vocabulary["ids"]["$"][1:] == [["b", "a"], [2, 3]]
        vocabulary["ids"]["$"][1:] = [tokens, ids]

    return change


def hide_a_method(document, arrays):
    names, items = document["attributes"]["$"][1:]
    items[names.index("_targets")]["$"][2]["decode"] = "x"


def set_fitted_parameter(name, value):
    def change(document, arrays):
        names, items = document["attributes"]["$"][1:]
        names, items = items[names.index("_fitted_parameters")]["$"][1:]
        items[names.index(name)] = value

    return change


def add_attribute(name, value):
    def change(document, arrays):
        names, items = document["attributes"]["$"][1:]
        names.append(name)
        items.append(value)

    return change


def drop_part(document, arrays):
    del document["net"]


def cut_weights(document, arrays):
    name = max(arrays, key=lambda name: arrays[name].size)
    arrays[name] = arrays[name][:1]


def cast_weights(document, arrays):
    name = max(arrays, key=lambda name: arrays[name].size)
    arrays[name] = arrays[name].astype(np.float64)


def add_weights(document, arrays):
    arrays["weights.more"] = np.ones(3, np.float32)


@pytest.mark.parametrize(
    "change",
    [
        drop_part,
        cut_weights,
        cast_weights,
        add_weights,
        lambda document, _: document.update(estimator="Pipeline"),
        lambda document, _: document.update(estimator=["SequenceClassifier"]),
        lambda document, _: document.update(attributes={"$": ["dict", [], []]}),
        lambda document, _: document.update(more=1),
        set_net(kind="os.system"),
        set_net(kind="feed_forward"),
        set_net(criterion="Module"),
        set_net(criterion="nn"),
        set_net(optimizer="Adam"),
        set_net(order=[1, 2]),
        set_net(settings={"$": ["dict", ["callbacks"], ["x"]]}),
        set_config("hidden_size", 10**15),
        set_config("hidden_size", -1),
        set_config("num_layers", 10**12),
        set_config("cell", "os.system"),
        set_config("pooling", None),
        set_parameter("hidden_size", "many"),
        set_parameter("tokenizer", {"$": ["WordTokenizer", 0, {"$": 0}]}),
        add_attribute("predict", "x"),
        add_attribute("__class__", "x"),
        add_attribute("__dict__", {"$": ["dict", [], []]}),
        add_attribute("_doc_link_template", "javascript:alert(1)"),
        add_attribute("_diagnoses", False),
        add_attribute("_budget", 1),
        add_attribute("_scored", {"$": ["tuple", [1, 2, 3]]}),
        add_attribute("embeddings", 1),
        add_attribute("window_", "<script>"),
        add_attribute("vocabulary_", [1]),
        set_attribute("n_iter_", "<script>"),
        set_parameter("optimizer", {"$": ["tuple", ["RemovedOptimizer"]]}),
        set_net(optimizer=["RemovedOptimizer"]),
        set_attribute("n_parameters_", True),
        set_attribute("classes_", "ab"),
        set_attribute("_fitted_parameters", {"$": ["dict", [], []]}),
        set_attribute("_fitted_parameters", {"$": ["dict", ["predict"], [1]]}),
        set_fitted_parameter("hidden_size", "<script>"),
        set_fitted_parameter("n_estimators", 2),
        set_attribute("_inputs", {"$": ["SeriesInputs", 0, {}]}),
        set_attribute("_inputs", {"$": ["Inputs", 0, {}]}),
        set_attribute("_targets", {"$": ["NumberTargets", 90, {}]}),
        set_attribute("_targets", {"$": ["StepTargets", 90, {}]}),
        set_attribute("_targets", class_targets([1])),
        set_attribute("_targets", class_targets([1, 1])),
        set_attribute("_targets", class_targets([0, 1, 2])),
        set_attribute("_targets", {"$": ["ClassTargets", 90, {"classes": "ab"}]}),
        set_attribute("_targets", {"$": ["ClassTargets", 90, {}]}),
        targets_are_inputs,
        drop_attribute("vocabulary_"),
        drop_attribute("classes_"),
        add_attribute("field_roles_", {"$": ["dict", [], []]}),
        set_ids(["a", "b", "c"], [2, 3, 4]),
        set_ids(["a", "b"], [2, 10**6]),
        set_ids(["a", "b"], [3, 3]),
        hide_a_method,
    ],
)
def test_hostile_documents_are_refused(path, change):
    changed(path, change)
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    assert len(str(caught.value)) < 500


def test_what_was_learned_is_taken_from_the_parts(path, model):
    changed(path, set_attribute("vocabulary_", {"$": ["dict", ["x"], [7]]}))
    assert load_model(path).vocabulary_ == model.vocabulary_


@pytest.mark.parametrize(
    ("estimator", "change"),
    [
        (SequenceClassifier(**QUICK), set_net(criterion="BinaryCrossEntropy")),
        (SequenceClassifier(**QUICK), set_setting("criterion__label_smoothing", 0.5)),
        (SequenceClassifier(**QUICK), set_setting("criterion__label_smoothing", "x")),
        (SequenceRegressor(**QUICK), set_net(criterion="Huber")),
        (SequenceRegressor(**QUICK), set_fitted_parameter("loss", "huber")),
        (
            SequenceRegressor(**QUICK, loss="quantile", quantiles=(0.1, 0.9)),
            set_setting("criterion__quantiles", {"$": ["tuple", [0.2, 0.9]]}),
        ),
    ],
)
def test_a_loss_that_is_not_that_of_the_parameters_is_refused(
    estimator, change, tmp_path
):
    path = tmp_path / "model"
    save_model(estimator.fit(X, Y), path)
    load_model(path)
    changed(path, change)
    with pytest.raises(ModelFileError, match="its loss is not that of its parameters"):
        load_model(path)


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 2.0, "b": 1.0}])
@pytest.mark.parametrize("crf", [False, True])
def test_taggers_with_weighted_labels_come_back(tmp_path, crf, class_weight):
    tagger = SequenceTagger(**QUICK, crf=crf, class_weight=class_weight).fit(X, X)
    save_model(tagger, tmp_path / "model")
    assert list(load_model(tmp_path / "model").predict(X)) == list(tagger.predict(X))


@pytest.fixture(scope="module")
def ensemble():
    return SequenceClassifier(**QUICK, n_estimators=2).fit(X, Y)


def repeat_members(n):
    def change(document, arrays):
        (members,) = document["net"]["$"][2]
        members[:] = [members[0]] * n
        own = {k: v for k, v in arrays.items() if k.startswith("0.")}
        arrays.clear()
        for i in range(n):
            arrays.update({f"{i}{name[1:]}": value for name, value in own.items()})

    return change


@pytest.mark.parametrize("n_members", [0, 3])
def test_more_members_than_n_estimators_are_refused(tmp_path, ensemble, n_members):
    path = tmp_path / "model"
    save_model(ensemble, path)
    assert (
        load_model(path).net_.nets[1].n_parameters == ensemble.net_.nets[1].n_parameters
    )
    changed(path, repeat_members(1))  # as of a training that was interrupted
    assert len(load_model(path).estimators_) == 1
    changed(path, repeat_members(n_members))
    with pytest.raises(ModelFileError, match="members"):
        load_model(path)


@pytest.mark.parametrize("numbers", [[1, 3], [3], [1, 2, 3], [2, 2.5], [3, 3]])
def test_members_with_other_numbers_than_a_fit_gives_are_refused(
    tmp_path, ensemble, numbers
):
    model = deepcopy(ensemble)
    model.net_.numbers = numbers
    save_model(model, tmp_path / "model")
    with pytest.raises(ModelFileError, match="its members have other numbers"):
        load_model(tmp_path / "model")


def test_the_number_of_members_is_bounded(tmp_path, ensemble):
    path = tmp_path / "model"
    save_model(ensemble, path)
    changed(path, set_fitted_parameter("n_estimators", 10**9))
    load_model(path)

    def repeat(document, arrays):
        (members,) = document["net"]["$"][2]
        members[:] = [None] * 10_000

    changed(path, repeat)
    with pytest.raises(ModelFileError, match="members"):
        load_model(path)


def set_group(name, value):
    def change(document, arrays):
        names, items = document["net"]["$"][1:]
        keys, group = items[names.index("optimizer_groups")][0]["$"][1:]
        group[keys.index(name)] = value

    return change


def set_moments(name, value):
    def change(document, arrays):
        arrays[f"optimizer.{name}"] = value

    return change


def drop_moments(document, arrays):
    del arrays["optimizer.0.exp_avg"]


@pytest.mark.parametrize(
    "change",
    [
        drop_moments,
        set_net(dropout=[1, 2]),
        set_net(optimizer_groups=[]),
        set_net(optimizer_groups="groups"),
        set_group("params", [0, 0]),
        set_group("lr", "high"),
        set_group("lr", -1.0),
        set_group("betas", {"$": ["tuple", [0.9]]}),
        set_moments("0.exp_avg", np.ones(3, np.float32)),
        set_moments("0.exp_avg_sq", np.ones(3, np.float64)),
        set_moments("0.step", np.ones(3, np.float32)),
        set_moments("0.momentum", np.ones(3, np.float32)),
        set_moments("99.step", np.ones((), np.float32)),
        set_moments("-1.step", np.ones((), np.float32)),
        set_moments("exp_avg", np.ones((), np.float32)),
    ],
)
def test_hostile_states_of_optimizers_are_refused(tmp_path, change):
    path = tmp_path / "model"
    save_model(SequenceClassifier(**QUICK, keep_optimizer=True).fit(X, Y), path)
    load_model(path)
    changed(path, change)
    with pytest.raises(ModelFileError, match=r"optimizer|random state"):
        load_model(path)


def test_a_network_larger_than_its_weights_takes_no_memory(path):
    changed(path, set_config("hidden_size", 40))  # 130 would be 10 ** 5 weights
    with pytest.raises(ModelFileError, match="weights are not those of its network"):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"{}", b"PK\x03\x04" * 100])
def test_files_of_other_kinds_are_refused(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ModelFileError, match="is not a model file of skrnn"):
        load_model(tmp_path / "other")


def test_a_file_that_is_absent_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "absent")


def test_a_file_of_another_version_warns(path, monkeypatch):
    monkeypatch.setattr(skrnn, "__version__", "9.9")
    with pytest.warns(InconsistentVersionWarning, match=r"by skrnn 0.* and this is 9\.9"):
        load_model(path)


def test_mutants_are_refused_or_predict_the_same(path, model, tmp_path):
    content, mutant = path.read_bytes(), tmp_path / "mutant"
    expected = model.predict_proba(X)
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(1000):
        changed = bytearray(content)
        first, last = np.sort(rng.integers(len(content), size=2))
        match rng.integers(4):
            case 0:
                changed[first] ^= 1 << int(rng.integers(8))
            case 1:
                del changed[first:last]
            case 2:
                changed[first:first] = rng.bytes(int(rng.integers(1, 50)))
            case 3:
                changed[first:last] = changed[first:last][::-1]
        mutant.write_bytes(changed)
        try:
            back = load_model(mutant)
        except ModelFileError:
            n_refused += 1
        else:
            np.testing.assert_array_equal(back.predict_proba(X), expected)
    assert n_refused > 950


def test_a_fresh_process_predicts_the_same_bits(path, model):
    code = (
        f"from skrnn.persistence import load_model; X = {X!r}\n"
        f"print(load_model({str(path)!r}).predict_proba(X).tobytes().hex())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == model.predict_proba(X).tobytes().hex()

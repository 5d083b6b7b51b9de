"""Overridable names, parameter rows and representations of all estimators."""

import inspect
import re
from abc import ABC
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import skrnn
from skrnn.estimators._base import BaseSequenceEstimator
from skrnn.estimators._rows import GROUPS, groups_of, rows_of
from skrnn.estimators._training import TrainableEstimator

#: The hooks of an estimator; nothing else may be overridden but class constants.
HOOKS = {"_make_targets", "_make_network", "_make_loss", "_make_dataset"}
CONSTANTS = {
    *("_budget", "_char_dim", "_input_options", "_inputs_class"),
    *("_scorers", "_scores_few"),
}
#: Python's own, and what ``dataclass`` generates.
GENERATED = {
    *("__module__", "__doc__", "__annotations__", "__dict__", "__weakref__", "__init__"),
    *("__abstractmethods__", "_abc_impl", "__dataclass_params__", "_estimator_type"),
    *("__dataclass_fields__", "__match_args__", "__parameters__", "__orig_bases__"),
    "_sklearn_auto_wrap_output_keys",
    "_group",
}
FINAL = [
    public
    for public in (getattr(skrnn, name) for name in skrnn.__all__)
    if issubclass(public, BaseEstimator)
]
OURS = sorted(
    {
        base
        for cls in FINAL
        for base in cls.__mro__
        if base.__module__.startswith("skrnn.")
    },
    key=lambda cls: cls.__qualname__,
)


def is_overridden(cls, name):
    return any(name in vars(base) for base in cls.__mro__[1:] if base in OURS)


def is_a_copy(cls, name):
    """Return whether a final class has its task's method under its own name."""
    code = getattr(vars(cls)[name], "__code__", None)
    return code is not None and code in {
        getattr(vars(base).get(name), "__code__", None)
        for base in cls.__mro__[1:]
        if base in OURS
    }


def is_scikit_learns_request(name):
    return name.startswith("set_") and name.endswith("_request")


#: Methods that Python and scikit-learn ask for, which each class extends.
PROTOCOL = {"__sklearn_tags__", "__getstate__", "__setstate__"}


def test_only_the_hooks_and_constants_are_overridden():
    found = {
        (cls.__qualname__, name)
        for cls in OURS
        for name in vars(cls)
        if is_overridden(cls, name)
        and name not in GENERATED | HOOKS | CONSTANTS | PROTOCOL
        and not is_scikit_learns_request(name)
        and name not in getattr(cls, "__dataclass_fields__", {})
        and not is_a_copy(cls, name)
    }
    assert found == set()


def test_the_abstract_base_has_four_hooks():
    base = vars(TrainableEstimator) | vars(BaseSequenceEstimator)
    assert {name for name in base if name.startswith("_make_")} == HOOKS | {
        "_make_inputs"
    }
    assert BaseSequenceEstimator.__abstractmethods__ == HOOKS - {"_make_dataset"}


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_a_class_is_abstract_or_final(cls):
    is_final = cls in FINAL
    assert is_final != bool([other for other in OURS if cls in other.__mro__[1:]])
    if issubclass(cls, BaseEstimator):
        assert is_final != inspect.isabstract(cls)
    else:  # a group of parameters
        assert not issubclass(cls, ABC)


@pytest.mark.parametrize("cls", FINAL, ids=lambda cls: cls.__name__)
def test_a_public_method_is_defined_in_one_class(cls):
    methods = {
        name
        for name, value in inspect.getmembers(cls, callable)
        if not name.startswith("_") and value.__module__.startswith("skrnn.")
    }
    for name in methods:
        owners = [base for base in cls.__mro__[1:] if base in OURS and name in vars(base)]
        assert len(owners) == 1, name
        assert is_a_copy(cls, name)


# --- rows of parameters --------------------------------------------------------------


@pytest.mark.parametrize("cls", FINAL, ids=lambda cls: cls.__name__)
def test_every_parameter_has_one_row(cls):
    names = list(inspect.signature(cls).parameters)
    assert list(rows_of(cls)) == names
    assert [name for group in groups_of(cls).values() for name in group] == names
    for name, row in rows_of(cls).items():
        assert row.text.endswith("."), name
        assert row.constraints, name


@pytest.mark.parametrize("cls", FINAL, ids=lambda cls: cls.__name__)
def test_the_source_of_a_docstring_names_the_parameters_by_group(cls):
    source = Path(inspect.getsourcefile(cls)).read_text()
    source = source[source.index(f"class {cls.__name__}(") :]
    section = source[source.index("    Parameters\n") : source.index("    Attributes\n")]
    text = " ".join(section.split("----------", 1)[1].split())
    expected = " ".join(
        f"{group.capitalize()}: {', '.join(names)}."
        for group, names in zip(GROUPS, groups_of(cls).values(), strict=True)
        if names
    )
    assert text == expected


def test_the_architecture_is_what_a_network_is_built_from(make_estimator):
    rows = rows_of(make_estimator.cls)
    loop = {"lr", "max_epochs", "batch_size", "lr_schedule", "max_grad_norm", "verbose"}
    assert not any(rows[name].architecture for name in loop)
    network = groups_of(make_estimator.cls)["network"]
    assert all(rows[name].architecture for name in network)


# --- as scikit-learn's users expect ----------------------------------------------------


def test_the_html_representation_has_parameters_and_link_but_no_network(
    make_estimator, words
):
    model = make_estimator.fit(words)
    html = model._repr_html_()
    listed = set(re.findall(r"--doc-link-(\w+_);", html))
    assert {"n_iter_", "n_parameters_"} <= listed
    assert listed & {"net_", "history_"} == set()
    assert f"skrnn.{type(model).__name__}.html" in html


def test_what_dir_shows_is_public():
    assert dir(skrnn) == sorted(
        [
            *skrnn.__all__,
            *("datasets", "inspection", "metrics", "model_selection", "onnx"),
            *("persistence", "preprocessing", "testing"),
            "__version__",
        ]
    )
    for name in dir(skrnn):
        assert getattr(skrnn, name) is not None


def test_a_missing_argument_is_named_with_the_estimator(make_any, words):
    name = make_any.cls.__name__
    with pytest.raises(TypeError, match=rf"{name}\.fit\(\) missing .* 'X'"):
        make_any().fit()
    with pytest.raises(TypeError, match=rf"{name}\.predict\(\) missing .* 'X'"):
        make_any().fit(*make_any.learnable).predict()


def test_a_forgotten_y_is_named_with_the_estimator(make_supervised, words):
    name = make_supervised.cls.__name__
    with pytest.raises(ValueError, match=f"This {name} estimator requires y"):
        make_supervised().fit(words)

"""scikit-learn's own checks of default parameters, and how many of them ran."""

from __future__ import annotations

import pytest
from sklearn.base import clone, is_regressor
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import (
    estimator_checks_generator,
    parametrize_with_checks,
)

from skrnn import (
    FeedForwardClassifier,
    FeedForwardGenerator,
    FeedForwardRegressor,
    FeedForwardTagger,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)

BASELINES = [FeedForwardClassifier(), FeedForwardRegressor()]
RECURRENT = [SequenceClassifier(), SequenceRegressor()]
#: How many checks scikit-learn 1.9 has for a classifier and for a regressor.
N_CHECKS = {
    "SequenceClassifier": 72,
    "SequenceRegressor": 65,
    "FeedForwardClassifier": 67,
    "FeedForwardRegressor": 60,
}


def expected_to_fail(estimator: object) -> dict[str, str]:
    """Return the one check that mini-batch methods fail, but where they have converged."""
    return {
        "check_sample_weight_equivalence_on_dense_data": (
            "a repeated sample falls into other mini-batches than a weighted one; "
            "test_sample_weight.py has a statistical test in its place"
        )
    }


#: Checks of what was learned. The others compare containers, shapes and messages, for which a
#: few epochs do.
OF_WHAT_WAS_LEARNED = {
    "check_class_weight_classifiers",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_regressors_train",
}


@pytest.mark.filterwarnings("ignore:y has a single class")  # a check of that
@parametrize_with_checks(
    BASELINES, expected_failed_checks=expected_to_fail, xfail_strict=False
)
def test_scikit_learn_accepts_the_baselines(estimator, check):
    run(estimator, check)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:y has a single class")  # a check of that
@parametrize_with_checks(
    RECURRENT, expected_failed_checks=expected_to_fail, xfail_strict=False
)
def test_scikit_learn_accepts_recurrent_estimators(estimator, check):
    run(estimator, check)


def run(estimator, check):
    """Run a check on default parameters, but for passes and a regressor's rate."""
    estimator = clone(estimator)  # the checks share it
    repeats = "readonly_memmap" in check.keywords  # from other memory
    learned = check.func.__name__ in OF_WHAT_WAS_LEARNED
    if learned and is_regressor(estimator):
        estimator.set_params(max_epochs=25, lr=0.02)
    elif learned and not repeats:
        estimator.set_params(max_epochs=20)
    else:
        estimator.set_params(max_epochs=5)
    check(estimator)


@pytest.mark.parametrize(
    "estimator", [*BASELINES, *RECURRENT], ids=lambda estimator: type(estimator).__name__
)
def test_scikit_learn_runs_all_its_checks(estimator):
    checks = list(estimator_checks_generator(estimator, mark="xfail"))
    assert len(checks) >= N_CHECKS[type(estimator).__name__]


# A tagger wants a label for every step, a translator a sequence, a generator zeros and
# ones or tokens. scikit-learn's checks pass one label a sequence and numbers, so their tags
# turn them off; these need no y, or one that is refused. The battery covers the others.
WITHOUT_LABELS = [
    "check_complex_data",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_tag",
    "check_estimator_tags_renamed",
    "check_estimators_empty_data_messages",
    "check_estimators_unfitted",
    "check_fit1d",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_requires_y_none",
    "check_set_params",
    "check_valid_tag_types",
]


@pytest.mark.parametrize("cls", [SequenceTagger, FeedForwardTagger, Seq2SeqTransformer])
@pytest.mark.parametrize("check", WITHOUT_LABELS)
def test_others_pass_the_checks_that_need_no_labels(cls, check):
    getattr(estimator_checks, check)(cls.__name__, cls())


@pytest.mark.filterwarnings("ignore:y is ignored")  # the checks pass a y to everything
@pytest.mark.parametrize("cls", [SequenceGenerator, FeedForwardGenerator])
@pytest.mark.parametrize("check", sorted({*WITHOUT_LABELS} - {"check_requires_y_none"}))
def test_generators_pass_the_checks_that_need_no_numbers(cls, check):
    getattr(estimator_checks, check)(cls.__name__, cls())

"""Metrics for predictions that are sequences, and scorers made of them.

y_true and y_pred are lists (or object arrays, Series, ...) of label lists, of strings, or of
arrays of numbers. The scorers are defined here because Sphinx finds the docstring of a name
only in its module.
"""

from sklearn.metrics import make_scorer

from skrnn.metrics._entities import (
    entity_f1_score,
    entity_precision_score,
    entity_recall_score,
    entity_report,
)
from skrnn.metrics._steps import step_accuracy_score, step_r2_score
from skrnn.metrics._targets import (
    bleu_score,
    chrf_score,
    exact_match_score,
    token_error_rate,
)

__all__ = [
    "bleu_score",
    "bleu_scorer",
    "chrf_score",
    "chrf_scorer",
    "exact_match_score",
    "exact_match_scorer",
    "token_error_rate",
    "token_error_rate_scorer",
    "entity_f1_score",
    "entity_f1_scorer",
    "entity_precision_score",
    "entity_precision_scorer",
    "entity_recall_score",
    "entity_recall_scorer",
    "entity_report",
    "step_accuracy_score",
    "step_accuracy_scorer",
    "step_r2_score",
    "step_r2_scorer",
]

entity_f1_scorer = make_scorer(entity_f1_score)
"""Scorer of ``entity_f1_score``, read leniently, for ``GridSearchCV(scoring=...)``."""

entity_precision_scorer = make_scorer(entity_precision_score)
"""Scorer of ``entity_precision_score``, read leniently."""

entity_recall_scorer = make_scorer(entity_recall_score)
"""Scorer of ``entity_recall_score``, read leniently."""

step_accuracy_scorer = make_scorer(step_accuracy_score)
"""Scorer of ``step_accuracy_score``."""

step_r2_scorer = make_scorer(step_r2_score)
"""Scorer of ``step_r2_score``."""

token_error_rate_scorer = make_scorer(token_error_rate, greater_is_better=False)
"""Scorer of ``token_error_rate``, negated: higher is better."""

exact_match_scorer = make_scorer(exact_match_score)
"""Scorer of ``exact_match_score``."""

bleu_scorer = make_scorer(bleu_score)
"""Scorer of ``bleu_score``."""

chrf_scorer = make_scorer(chrf_score)
"""Scorer of ``chrf_score``."""

"""Comparisons of estimators on the same folds, with tests of their differences."""

from skrnn.model_selection._compare import compare_estimators
from skrnn.model_selection._comparison import Comparison
from skrnn.model_selection._display import ComparisonDisplay

__all__ = ["Comparison", "ComparisonDisplay", "compare_estimators"]

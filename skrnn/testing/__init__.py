"""Checks that an estimator of sequences keeps what scikit-learn's users expect of it."""

from skrnn.testing._run import (
    check_sequence_estimator,
    parametrize_with_sequence_checks,
)

__all__ = ["check_sequence_estimator", "parametrize_with_sequence_checks"]

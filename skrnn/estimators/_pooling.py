"""The pooled vector of each sequence: recurrent networks as transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skrnn.estimators._base import BaseSequenceEstimator
from skrnn.estimators._parameters import RecurrentParameters
from skrnn.estimators._rows import config_of
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_pooled

#: Outputs beyond which most of the time is the output layer's, which "concat" makes three times
#: as large.
MANY_OUTPUTS = 1000


def pooled_config(estimator: Any) -> dict[str, Any]:
    """Return the arguments of a recurrent network that pools the steps."""
    config = config_of(estimator, RecurrentParameters)
    if config["pooling"] == "auto":
        of_tokens = estimator._inputs.n_tokens is not None
        few = estimator._targets.n_outputs <= MANY_OUTPUTS
        config["pooling"] = "concat" if of_tokens and few else "max"
    return config


class PoolingTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseSequenceEstimator
):
    """Abstract base: ``transform`` returns what the output layer reads."""

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the pooled vector of each sequence.

        That is the vector that ``pooling`` makes of the outputs of all steps, without
        dropout and before static columns join it.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        vectors : float32 ndarray of shape (n_sequences, n_units)
            ``hidden_size`` units, twice as many where ``bidirectional``, and of these three
            times as many with the pooling "concat"; a frame after
            ``set_output(transform="pandas")``.

        Raises
        ------
        ValueError
            If the fit was with numbers for each step, which are not pooled.
        """
        check_is_fitted(self)
        if self._targets.by_step:
            raise ValueError(
                f"this {type(self).__name__} was fitted on numbers for each step, which "
                "are not pooled; a fit on one number, or one row of numbers, a sequence "
                "has a vector for each sequence"
            )
        checked = self._check_X(X)
        return predict_pooled(self.net_, EncodedDataset(self._encode(checked)))

    @property
    def patch_size_(self) -> int:
        """Steps that are read as one: the choice of ``patch_size="auto"``."""
        check_is_fitted(self)
        return self._inputs.patch_size

    @property
    def _n_features_out(self) -> int:
        """Units of a vector, which scikit-learn names."""
        return int(self.net_.module_.pooled_size)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

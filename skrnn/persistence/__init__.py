"""Model files: fitted estimators as data, without code.

A pickle runs whatever code it names, and depends on the versions of all libraries. A model
file holds arrays and JSON: reading one makes estimators of skrnn and nothing else.
"""

from skrnn.persistence._models import load_model, save_model
from skrnn.training.files import ModelFileError

__all__ = ["ModelFileError", "load_model", "save_model"]

"""The estimators: scikit-learn's shell around codecs, networks and the training net."""

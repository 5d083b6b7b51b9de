"""The way of the data from user types to flat arrays of ids or features.

Knows numpy, pandas and ``sklearn.utils``; never torch.
"""

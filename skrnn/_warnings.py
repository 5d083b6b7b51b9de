"""Warnings that name the user's line, however deep in skrnn the reason for them lies."""

import os
import sys
import warnings

#: Start of the path of each file of skrnn.
PACKAGE = os.path.join(os.path.dirname(__file__), "")


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the line outside skrnn that called it; a warning has a category of its own."""
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)

"""Series in the containers of users."""

import numpy as np
import polars

from skrnn.data.series import open_series


def test_a_series_is_read_by_column_and_keeps_its_memory():
    frame = polars.DataFrame({"a": [1, 2], "b": [3, 4]})
    for series in (frame, frame.to_arrow()):
        values, names = open_series(series, "series")
        assert values.tolist() == [[1, 3], [2, 4]]
        assert names == ["a", "b"]
    array = np.arange(4.0)
    values, names = open_series(array, "series")
    assert values is array
    assert names is None

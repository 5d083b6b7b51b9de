"""Windows of series: the inputs of a forecaster.

``SeriesInputs`` is to a forecaster what ``Inputs`` is to other estimators. Its sequences
are windows that are cut of a ``Panel``; each carries what is known ahead, and in training
what follows it. Containers are read in ``series``, a panel is made in ``panels``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skrnn._warnings import warn
from skrnn.data.autoregression import Autoregression, most_cautious
from skrnn.data.containers import Form
from skrnn.data.date_offsets import is_time_index
from skrnn.data.encoded import EncodedSequences
from skrnn.data.feature_codecs import FeatureCodec, StaticCodec
from skrnn.data.field_values import StaticColumns
from skrnn.data.normalization import level_and_spread, scale_of
from skrnn.data.panels import Panel, read_panel
from skrnn.data.ragged import RaggedArray, offsets_of
from skrnn.data.scaling import Standardization
from skrnn.data.series import SeriesOptions, listed
from skrnn.data.steps import StepShape, shown

#: Windows of a training; more are thinned out evenly.
MAX_WINDOWS = 16384
#: Values of windows that are read together.
MAX_VALUES = 1 << 21
#: Windows that ``window="auto"`` compares, in seasons, and their unit without a season.
AUTO_SEASONS = (2, 4, 8)
WITHOUT_SEASON = 12
#: The longest window that it chooses beyond the first, and how often it fits into a series.
MAX_AUTO_WINDOW, MIN_FITS = 200, 4
#: Rows from which equal steps are no chance.
MIN_COUNTED = 8
#: Windows on which they are compared.
MAX_COMPARED = 4096


@dataclass(frozen=True)
class Span:
    """Series, and the steps after which windows of them end.

    Attributes
    ----------
    panel : Panel
    first, last : int64 ndarrays of shape (n_series,)
        The steps that the first and the last window of each series have seen; none where
        the last is before the first.
    window : int
        Steps of a window.
    """

    panel: Panel
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    window: int


@dataclass(frozen=True)
class CheckedWindows:
    """Windows of series.

    Attributes
    ----------
    lengths : int64 ndarray of shape (n_windows,)
        Steps of each window.
    future : float64 ndarray of shape (n_windows, horizon, n_known)
        What is known ahead.
    ahead : float64 ndarray of shape (n_windows, horizon)
        The target that follows, NaN where it is not known.
    level : float64 ndarray of shape (n_windows, 1)
    spread : float64 ndarray of shape (n_windows, 2)
        As of ``level_and_spread``.
    static : StaticColumns, optional
    series, origins : int64 ndarrays of shape (n_windows,)
        The series of each window, and how many steps it has seen.
    panel : Panel
    form : Form
    name : str
    """

    lengths: NDArray[np.int64]
    future: NDArray[np.float64]
    ahead: NDArray[np.float64]
    level: NDArray[np.float64]
    spread: NDArray[np.float64]
    static: StaticColumns | None
    series: NDArray[np.int64]
    origins: NDArray[np.int64]
    panel: Panel
    form: Form
    name: str = "X"

    #: No step has more than one dimension.
    shapes: ClassVar[tuple[StepShape, ...]] = ()

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def steps(self) -> RaggedArray:
        """float64 ``(total_steps, 1 + n_covariates)``, the target first, cut when needed."""
        rows, panel = self._rows(), self.panel
        values = np.column_stack(
            [panel.target[rows.values], panel.covariates[rows.values]]
        )
        return rows.with_values(values)

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], CheckedWindows]]:
        """Yield blocks of windows: their places, and the windows.

        A block has at most ``MAX_VALUES`` values, or one window: the steps of all windows
        together take far more memory than the series.
        """
        width = 1 + self.panel.covariates.shape[1]
        n_rows = max(1, MAX_VALUES // (width * int(self.lengths.max(initial=1))))
        every = np.arange(len(self))
        if len(self) <= n_rows:
            yield every, self
            return
        for places in np.split(every, np.arange(n_rows, len(self), n_rows)):
            yield places, self.take(places)

    @property
    def target(self) -> RaggedArray:
        """The target of each window."""
        rows = self._rows()
        return rows.with_values(self.panel.target[rows.values])

    def _rows(self) -> RaggedArray:
        """Return the rows of the panel that the steps of each window are."""
        offsets = offsets_of(self.lengths)
        first = self.panel.offsets[self.series] + self.origins - self.lengths
        rows = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], self.lengths)
        return RaggedArray(rows, offsets)

    @property
    def named(self) -> Any:
        """The frame whose columns name the features, if any."""
        return self.panel.frame

    def take(self, indices: NDArray[np.int64]) -> CheckedWindows:
        """Return some of the windows."""
        return replace(
            self,
            lengths=self.lengths[indices],
            future=self.future[indices],
            ahead=self.ahead[indices],
            level=self.level[indices],
            spread=self.spread[indices],
            static=None if self.static is None else self.static.take(indices),
            series=self.series[indices],
            origins=self.origins[indices],
        )


class SeriesInputs:
    """X of a forecaster.

    Parameters
    ----------
    horizon, target, time, freq, known_future, static_features, calendar, missing :
        As the estimators' parameters.
    window : int or "auto"
        Steps of a window.
    scale : {"standard", None}
        As in ``FeatureCodec``; the target has the level and scale of its window.

    Attributes
    ----------
    n_steps : int
        Steps of a window, once windows have been cut.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = (
        *("horizon", "target", "time", "freq", "known_future", "static_features"),
        *("calendar", "missing", "window", "scale"),
    )
    keeps_empty = splits_words = False
    token_ids = n_tokens = string_tokenizer = None
    patch_size = 1
    users_objects: ClassVar[dict[str, Any]] = {}

    form: Form
    static: StaticCodec | None = None
    n_steps: int | None = None

    def __init__(
        self,
        *,
        horizon: int = 1,
        target: Any = None,
        time: Hashable | None = None,
        freq: Any = None,
        known_future: Sequence[Hashable] | None = None,
        static_features: Sequence[Hashable] | None = None,
        calendar: bool = False,
        missing: str = "raise",
        window: int | str = "auto",
        scale: str | None = "standard",
    ):
        self.options = SeriesOptions(
            horizon, target, time, freq, known_future, static_features, calendar, missing
        )
        self.window = window
        self.scale = scale

    @property
    def roles(self) -> dict[Hashable, str] | None:
        """The role of each column of a frame of fields, None of other series."""
        layout = self.options.layout
        return None if layout is None or layout.roles is None else {**layout.roles}

    @property
    def season(self) -> int:
        """Steps of a season at the frequency of ``fit``, 1 where there is none."""
        assert self.options.layout is not None
        return self.options.layout.season

    # --- series and windows ----------------------------------------------------------

    def read(self, X: Any, name: str = "X") -> Panel:
        """Read the user's series."""
        return read_panel(X, self.options, name)

    def training_span(self, panel: Panel) -> Span:
        """Return the windows that training may see: those whose target is known.

        The first window of a series is at least half as long as the others.

        Raises
        ------
        ValueError
            If a series is shorter than an integer window and the horizon, or than one
            step and the horizon.

        Warns
        -----
        UserWarning
            If a column of a frame without dates counts its rows.
        """
        _warn_of_counters(panel)
        horizon = self.options.horizon
        window, auto = self.window, isinstance(self.window, str)
        needed = horizon + (1 if isinstance(window, str) else window)
        short = np.flatnonzero(panel.ends < needed)
        if len(short):
            parts = "1 step before" if auto else f"window={window} and"
            raise ValueError(
                f"{listed(panel.names, panel.ends, short)}, but {parts} "
                f"horizon={horizon} need at least {needed}"
            )
        last = panel.ends - horizon
        size = self._window_of(panel) if self.n_steps is None else self.n_steps
        return Span(panel, first_ends(last, size), last, size)

    def _window_of(self, panel: Panel) -> int:
        """Return the steps of a window.

        "auto" compares windows of some seasons by a linear autoregression, and takes the
        shortest that is not clearly worse than the best.
        """
        if not isinstance(self.window, str):
            return self.window
        season, horizon = panel.layout.season, self.options.horizon
        unit = season if season > 1 else WITHOUT_SEASON
        longest = int(panel.ends.max()) - horizon
        sizes = [max(n * unit, horizon) for n in AUTO_SEASONS]
        shortest = max(1, min(sizes[0], longest // 2))
        most = min(MAX_AUTO_WINDOW, longest // MIN_FITS)
        sizes = [shortest, *(n for n in sizes[1:] if shortest < n <= most)]
        return sizes[0] if len(sizes) == 1 else self._compare(panel, sizes)

    def _compare(self, panel: Panel, sizes: list[int]) -> int:
        last = panel.ends - self.options.horizon
        span = Span(panel, np.minimum(sizes[-1], last), last, sizes[-1])
        windows = self.cut(span, most=MAX_COMPARED, complete=True)
        if not len(windows):  # of the largest size
            return sizes[0]
        errors: list[NDArray[np.float64]] = []
        unit = np.empty(0)
        for size in sizes:
            part = self._gather(panel, windows.series, windows.origins, size, "X")
            level, scale = part.level, scale_of(part.level, part.spread, np.nan)
            relative = (part.ahead - level) / scale
            linear = Autoregression(size)
            linear.fit(part.target, level, scale, relative, part.series, part.origins)
            if not len(linear.late):
                return sizes[0]
            unit = scale[linear.late, 0] if not errors else unit
            errors.append(linear.late_errors * scale[linear.late, 0] ** 2 / unit)
        order = list(range(len(sizes)))
        return sizes[most_cautious(np.array(errors), self.options.horizon, order)]

    def cut(
        self,
        span: Span,
        *,
        most: int | None = None,
        complete: bool = False,
        step: int = 1,
        name: str = "X",
    ) -> CheckedWindows:
        """Cut windows, in order of series and time.

        Parameters
        ----------
        span : Span
        most : int, optional
            The most windows; of more some are chosen, spread evenly over time.
        complete : bool
            Whether windows without any value, or without any that follows, are left out.
        step : int
            Steps from a window to the next, counted back from the last one.
        name : str
            What messages call the series.
        """
        panel = span.panel
        counts = np.maximum(0, (span.last - span.first) // step + 1)
        series = np.repeat(np.arange(len(panel)), counts)
        number = np.arange(len(series)) - offsets_of(counts)[series]
        origins = span.last[series] - (counts[series] - 1 - number) * step
        if complete:
            kept = self._informative(panel, series, origins, span.window)
            series, origins = series[kept], origins[kept]
        if most is not None and len(series) > most:
            chosen = _spread(len(series), most)
            series, origins = series[chosen], origins[chosen]
        return self._gather(panel, series, origins, span.window, name)

    def has_windows(self, span: Span) -> bool:
        """Return whether the span has a window with a value that is followed by one."""
        return bool(len(self.cut(span, most=1, complete=True)))

    def last_windows(self, panel: Panel, name: str = "X") -> CheckedWindows:
        """Return the window at the end of each series."""
        assert self.n_steps is not None
        return self.cut(Span(panel, panel.ends, panel.ends, self.n_steps), name=name)

    def _informative(
        self,
        panel: Panel,
        series: NDArray[np.int64],
        origins: NDArray[np.int64],
        window: int,
    ) -> NDArray[np.bool_]:
        """Return which windows have a value, and one that follows."""
        total = offsets_of((~np.isnan(panel.target)).astype(np.int64))
        start = panel.offsets[series]
        origin = start + origins
        past = total[origin] - total[np.maximum(origin - window, start)]
        return (past > 0) & (total[origin + self.options.horizon] > total[origin])

    def _gather(
        self,
        panel: Panel,
        series: NDArray[np.int64],
        origins: NDArray[np.int64],
        window: int,
        name: str,
    ) -> CheckedWindows:
        horizon = self.options.horizon
        next_rows = (panel.offsets[series] + origins)[:, None] + np.arange(horizon)
        known = panel.covariates.shape[1] - panel.n_known
        level, spread = level_and_spread(panel, series, origins, window)
        return CheckedWindows(
            np.minimum(window, origins),
            panel.covariates[next_rows, known:],  # (n_windows, horizon, n_known)
            panel.target[next_rows],
            level,
            spread,
            None if panel.static is None else panel.static.take(series),
            series,
            origins,
            panel,
            Form("numeric", "list", panel.width),
            name,
        )

    def check_known(self, windows: CheckedWindows) -> None:
        """Raise a ValueError where a column that is known ahead ends early.

        With ``missing="indicator"`` it may have gaps, but of a window at the end of its
        series, whose target is forecast, it may not end before the horizon.
        """
        panel, layout = windows.panel, windows.panel.layout
        if not layout.n_known:
            return
        missing = np.isnan(windows.future[..., : layout.n_known])
        if self.options.missing != "raise":
            ends = _ends_of_known(panel)[windows.series]  # (n_windows, n_known)
            ahead = windows.origins[:, None] + np.arange(self.options.horizon)
            missing &= ahead[..., None] >= ends[:, None]
            missing &= (windows.origins == panel.ends[windows.series])[:, None, None]
        if not missing.any():
            return
        window, step, column = (int(part) for part in np.argwhere(missing)[0])
        i = windows.series[window]
        name = layout.columns[len(layout.columns) - layout.n_known + column]
        time = windows.panel.indexes[i][windows.origins[window] + step]
        steps = "steps" if step else "step"
        raise ValueError(
            f"{windows.panel.names[i]}: column {shown(name)}, which known_future names, "
            f"lacks the value of {time}, {step + 1} {steps} after the end of the target; "
            f"horizon={self.options.horizon} needs {self.options.horizon} of them"
        )

    # --- the interface of Inputs -----------------------------------------------------

    def check(
        self,
        X: Any,
        *,
        estimator: object,
        name: str = "X",
    ) -> CheckedWindows:
        """Return the windows of series, or of a ``Span``, that training sees."""
        span = X if isinstance(X, Span) else self.training_span(self.read(X, name))
        self.n_steps = span.window
        windows = self.cut(span, most=MAX_WINDOWS, complete=True, name=name)
        if not len(windows):
            raise ValueError(
                f"{name} has no window with a value and one that follows it, at "
                f"window={self.n_steps} and horizon={self.options.horizon}"
            )
        self.check_known(windows)
        return windows

    def check_new(self, X: Any, *, estimator: object, name: str = "X") -> CheckedWindows:
        """Return the last window of each series, of which a prediction is wanted."""
        windows = self.last_windows(self.read(X, name), name)
        self.check_known(windows)
        return windows

    def keep_columns(self, X: CheckedWindows) -> None:
        """Keep the columns and the frequency of X, which later series must have."""
        self.options = replace(self.options, layout=X.panel.layout)

    def check_like_fit(
        self, X: CheckedWindows, *, estimator: object, name: str = "X"
    ) -> CheckedWindows:
        """Return X, whose columns were compared when it was read."""
        return X

    def check_form(
        self, X: CheckedWindows, *, estimator: object, name: str = "X"
    ) -> None:
        """Accept X, whose columns were compared when it was read."""

    def fit(
        self,
        X: CheckedWindows,
        embeddings: Any = None,
        weight: NDArray[np.float64] | None = None,
    ) -> SeriesInputs:
        """Learn the columns, and the scale of covariates and static columns."""
        self.form = X.form
        self.codec = FeatureCodec(self.scale, self.options.missing)
        self.codec.fit(X.steps, weight=weight)
        size = np.abs(X.level[:, 0])
        usual = scale_of(X.level, X.spread, np.nan)[:, 0][size > 0] / size[size > 0]
        self.usual_share = float(np.nanmedian(usual)) if len(usual) else np.nan
        self.n_known = X.panel.n_known
        self.static = None
        if X.static is not None:
            self.static = StaticCodec(self.scale, self.options.missing)
            self.static.fit(X.static, weight)
        return self

    def encode(
        self, X: CheckedWindows, embeddings: Any = None, origin: Any = None
    ) -> EncodedSequences:
        """Return features, what is known ahead, and static columns.

        ``embeddings`` and ``origin`` are for the interface: windows know their series.
        """
        encoded = self.codec.encode(X.steps)
        level, scale = (
            np.repeat(part[:, 0], X.lengths) for part in self.level_and_scale(X)
        )
        target = (X.target.values - level) / scale
        encoded.steps.values[:, 0] = np.nan_to_num(target, nan=0.0)
        _check_finite(X, encoded.steps.values, self.scale)
        static = None
        if self.static is not None and X.static is not None:
            static = self.static.encode(X.static)
        future = None
        if self.n_known:
            ahead = Standardization(self.scale is not None)
            known = slice(self.codec.n_features - self.n_known, self.codec.n_features)
            ahead.mean = self.codec.standard.mean[known]
            ahead.scale = self.codec.standard.scale[known]
            flat = X.future.reshape(-1, self.n_known)
            future = ahead.apply(flat).reshape(X.future.shape)
            _check_future(X, future, self.scale)
        return replace(encoded, static=static, future=future)

    def level_and_scale(self, X: CheckedWindows) -> tuple[NDArray, NDArray]:
        """Return each window's level and scale ``(n_windows, 1)``.

        A window of few values has the spread of its series; where the series is so short,
        too, the usual share of its level.
        """
        return X.level, scale_of(X.level, X.spread, self.usual_share)

    def network_config(self) -> dict[str, Any]:
        """Return a network's arguments for what it reads."""
        config: dict[str, Any] = {
            "input_layer": self.codec.layer_config(),
            "n_known": self.n_known,
        }
        if self.static is not None:
            config["static"] = self.static.layer_config()
        return config


def first_ends(last: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """Return the steps that the first window of each series has seen.

    At least half as many as the others, ``last`` of the last one.
    """
    return np.maximum(1, (np.minimum(window, last) + 1) // 2)


def _ends_of_known(panel: Panel) -> NDArray[np.int64]:
    """Return the step after the last value of each column that is known ahead.

    int64 ``(n_series, n_known)``; features of the calendar are not among them.
    """
    first = len(panel.layout.columns) - panel.layout.n_known
    known = panel.covariates[:, first : len(panel.layout.columns)]
    starts = panel.offsets[:-1]
    step = np.arange(len(known)) - np.repeat(starts, np.diff(panel.offsets))
    given = np.where(np.isnan(known), 0, step[:, None] + 1)
    return np.maximum.reduceat(given, starts)


def _check_finite(
    X: CheckedWindows, encoded: NDArray[np.float32], scale: str | None
) -> None:
    """Raise a ValueError that names the first value that encoding made too large."""
    if np.isfinite(encoded.sum(dtype=np.float64)):
        return  # one pass that allocates nothing
    large = np.argwhere(~np.isfinite(encoded))
    if not len(large):
        return
    row, j = large[0]
    window, step = X.steps.step_of(int(row))
    i, number = X.series[window], X.steps.values[row, j]
    step += int(X.origins[window] - X.lengths[window])
    columns = X.panel.layout.columns
    column = f"column {shown(columns[j - 1])}" if 0 < j <= len(columns) else "the target"
    _raise_too_large(X.panel, i, column, number, step, scale)


def _check_future(
    X: CheckedWindows, encoded: NDArray[np.float32], scale: str | None
) -> None:
    """Raise a ValueError that names the first value known ahead that is too large."""
    large = np.argwhere(~np.isfinite(encoded))
    if len(large):
        window, ahead, j = large[0]
        layout = X.panel.layout  # calendar features, which come last, are never large
        column = (
            f"column {shown(layout.columns[len(layout.columns) - layout.n_known + j])}"
        )
        number, step = X.future[window, ahead, j], int(X.origins[window] + ahead)
        _raise_too_large(X.panel, X.series[window], column, number, step, scale)


def _raise_too_large(
    panel: Panel, i: int, column: str, number: float, step: int, scale: str | None
) -> None:
    remedy = "see whether it is right, or change its unit"
    if scale is None:
        remedy += ', or set scale="standard"'
    raise ValueError(
        f"{panel.names[i]}: {column} is {number:.3g} at {panel.indexes[i][step]}, which is too "
        f"large for float32; {remedy}"
    )


def _spread(n: int, most: int) -> NDArray[np.int64]:
    """Return ``most`` numbers below n in order, evenly spread but of no regular distance.

    At a regular one, windows might all end in the same season.
    """
    number = np.arange(most)
    golden = (np.sqrt(5) - 1) / 2
    return ((number + number * golden % 1) * (n / most)).astype(np.int64)


def _warn_of_counters(panel: Panel) -> None:
    """Warn of a column of a frame that grows by 1 a row, beside others: it may be the time."""
    if panel.container != "columns" or len(panel.ends) < 2:
        return
    if is_time_index(panel.indexes[0]) or panel.ends[0] < MIN_COUNTED:
        return
    for i, start in enumerate(panel.offsets[:-1].tolist()):
        column = panel.target[start : start + panel.ends[i]]
        if np.isfinite(column).all() and (np.diff(column) == 1).all():
            warn(
                f"{panel.names[i]} grows by 1 a row, and is forecast like the other columns. If "
                f"it is the time, pass time={shown(panel.labels[i])}, or make it the index; if "
                "it numbers the rows, leave it out"
            )


def warn_of_few_errors(n_errors: int | None, levels: Sequence[float]) -> None:
    """Warn of quantiles of fewer errors than the outermost level needs.

    Of n errors the largest is exceeded with probability 1 / (n + 1).
    """
    if n_errors is None or not len(levels):
        return
    level = max(max(level, 1 - level) for level in levels)
    needed = int(np.ceil(np.round(level / (1 - level), 6)))
    if n_errors < needed:
        warn(
            f"quantiles are taken from {n_errors} forecast errors, measured in fit, but a "
            f"level of {level:g} needs {needed}: they are too close together. Fit on more "
            "or longer series"
        )

"""
Does a recurrent network forecast better than simple rules?
===========================================================

The series is a pulse with a varying rate on a drifting level, with more noise at the peaks. The
value six steps ahead is forecast from the last 48.

The baselines are persistence, which repeats the last value, and a ridge regression on the same
window.
"""

# %%
import numpy as np

rng = np.random.default_rng(0)
n_steps = 3000
rate = np.exp(0.35 * np.sin(np.cumsum(rng.normal(scale=0.08, size=n_steps)))) / 24
pulse = np.exp(3 * np.cos(2 * np.pi * np.cumsum(rate)) - 3)  # 0 at rest, 1 at the peak
level = 0.005 * np.arange(n_steps) + np.cumsum(rng.normal(scale=0.1, size=n_steps))
series = 8 * pulse + level + rng.normal(scale=0.1 + 0.6 * pulse)

# %%
# Windows and the sixth value after each. The windows overlap, so they are split by time, with a
# gap of ``horizon - 1`` windows: all values forecast in training then lie before those of the
# test.
from skrnn.preprocessing import sliding_windows

horizon = 6
X, y = sliding_windows(series, window=48, horizon=horizon)
y = y[:, -1]
split = len(X) - 600
X_train, y_train = X[: split - (horizon - 1)], y[: split - (horizon - 1)]
X_test, y_test = X[split:], y[split:]
print(X_train.shape, X_test.shape)

# %%
# The level of the test does not occur in training. ``instance_norm="last"`` subtracts each
# window's last value and adds it to the forecast again, so that the network learns changes. So
# does the ridge regression.
from sklearn.linear_model import RidgeCV

from skrnn import SequenceRegressor

parameters = {
    "hidden_size": 32,
    "bidirectional": False,
    "max_epochs": 15,
    "random_state": 0,
}
on_changes = SequenceRegressor(instance_norm="last", **parameters).fit(X_train, y_train)
on_levels = SequenceRegressor(**parameters).fit(X_train, y_train)
ridge = RidgeCV(np.logspace(-3, 3, 7))
ridge.fit(X_train - X_train[:, -1:], y_train - X_train[:, -1])

forecasts = {
    "persistence": X_test[:, -1],
    "ridge on changes": ridge.predict(X_test - X_test[:, -1:]) + X_test[:, -1],
    "network on levels": on_levels.predict(X_test),
    'network, instance_norm="last"': on_changes.predict(X_test),
}
for name, forecast in forecasts.items():
    print(f"{name:>30}: mean absolute error {np.mean(np.abs(forecast - y_test)):.2f}")

# %%
# How certain is the forecast? With the quantile loss the same network predicts an interval: eight
# of ten values should lie between its 0.1 and 0.9 quantiles.
interval = SequenceRegressor(
    instance_norm="last", loss="quantile", quantiles=(0.1, 0.5, 0.9), **parameters
).fit(X_train, y_train)
low, middle, high = interval.predict_quantiles(X_test).T
inside = np.mean((low < y_test) & (y_test < high))
print(f"{inside:.0%} of the test values lie in the interval")

# %%
import matplotlib.pyplot as plt

shown = slice(-150, None)
steps = np.arange(n_steps)[shown]
figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
axis.fill_between(steps, low[shown], high[shown], alpha=0.3, label="0.1 to 0.9 quantile")
axis.plot(steps, middle[shown], label="median")
axis.plot(steps, y_test[shown], ".", color="black", markersize=4, label="value")
axis.plot(steps, X_test[shown, -1], color="gray", linewidth=0.8, label="persistence")
axis.set(
    xlabel="step", ylabel="value", title=f"Six steps ahead: {inside:.0%} in the interval"
)
figure.legend(loc="outside right center")
plt.show()

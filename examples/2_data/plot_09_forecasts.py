"""
What does a known holiday add to a forecast, and how wide is its interval?
==========================================================================

Twelve shops sell by the day of the week, and holidays, known ahead, lift the sales of those in
malls and lower those in the city. One network is trained on all shops and forecasts a week, again
and again, over the last eight weeks.
"""

# %%
# One row a shop. The columns of arrays change from day to day, the kind of the shop does not.
import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
days = pd.date_range("2024-01-01", periods=366, freq="D")
effects = {"mall": 0.6, "city": -0.4, "village": 0.0}
weekday = 1 + 0.2 * np.sin(2 * np.pi * days.day_of_week / 7)
rows = []
for i in range(12):
    kind = list(effects)[i % 3]
    holiday = (rng.uniform(size=len(days)) < 0.07).astype(float)
    trend = np.exp(np.cumsum(rng.normal(scale=0.015, size=len(days))))
    noise = np.exp(0.05 * rng.normal(size=len(days)))
    sales = rng.uniform(60, 150) * trend * weekday * (1 + effects[kind] * holiday) * noise
    rows.append((np.asarray(sales), holiday, days.to_numpy(), kind))
shops = pd.DataFrame(rows, columns=["sales", "holiday", "day", "kind"])
shops = shops.astype({"kind": "category"})
shops.index = [f"shop {i} ({kind})" for i, kind in enumerate(shops["kind"])]

# %%
# Training ends eight weeks before the year does. The holidays of the week after are known.
n_train, horizon = 366 - 56, 7
train = shops.assign(
    sales=[x[:n_train] for x in shops["sales"]],
    holiday=[x[: n_train + horizon] for x in shops["holiday"]],
    day=[x[: n_train + horizon] for x in shops["day"]],
)

# %%
# The same network with the holidays and the kind of the shop, and without them. The baseline
# without recurrence reads everything, too.
from skrnn import FeedForwardForecaster, SequenceForecaster

common = {"target": "sales", "time": "day", "random_state": 0}
informed = SequenceForecaster(
    horizon, known_future=["holiday"], hidden_size=32, lr=0.005, max_epochs=4, **common
).fit(train)
dense = FeedForwardForecaster(
    horizon, known_future=["holiday"], lr=0.005, max_epochs=4, **common
).fit(train)
columns = ["sales", "day"]
past = train[columns].assign(day=[x[:n_train] for x in train["day"]])
uninformed = SequenceForecaster(horizon, hidden_size=32, lr=0.005, max_epochs=4, **common)
uninformed.fit(past)

backtest = informed.backtest(shops, n_windows=8)
of_dense = dense.backtest(shops, n_windows=8).table
of_sales = uninformed.backtest(shops[columns], n_windows=8).table
table = pd.concat([backtest.table, of_dense.iloc[:1], of_sales.iloc[:1]])
table.index = [
    *("with holidays", "seasonal persistence", "persistence"),
    *("with holidays, without recurrence", "sales alone"),
]
print(table.sort_values("MASE").round(3).to_string())

# %%
# A shop in a mall, and one in the city. The band has the nominal share of 90 %.
import matplotlib.pyplot as plt

shown = days[n_train - 21 :]
figure, axes = plt.subplots(2, 1, figsize=(9, 6), layout="constrained", sharex=True)
for ax, label in zip(axes, shops.index[:2], strict=True):
    backtest.plot(label, ax=ax)
    holidays = shown[shops.loc[label, "holiday"][-len(shown) :] == 1]
    low = ax.get_ylim()[0]
    marks = {"marker": "^", "color": "#d1495b", "zorder": 3, "clip_on": False}
    ax.scatter(holidays, np.full(len(holidays), low), label="holiday", **marks)
    ax.set(ylabel="sales a day", xlim=(shown[0], shown[-1]), ylim=(low, None))
    ax.get_legend().remove()
axes[0].legend(ncols=4, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
coverage = backtest.table["coverage"].iloc[0]
figure.suptitle(f"Forecasts a week ahead: {coverage:.0%} of all values lie in the bands")
plt.show()

"""
Can a network learn to read dates?
==================================

The same day is "March 12, 2021", "12. März 2021", "12 mars 2021" or "12 de marzo de 2021".
A program that parses them needs the month names of each language and a rule for each form. A
sequence-to-sequence network needs examples: its source is the characters of a date, its target
those of the ISO form, "2021-03-12".

The characters are not aligned: the year is last in the source and first in the target, and a
month's name of any length becomes two digits.
"""

# %%
# The dates are generated from tables of names and from patterns. Some are ambiguous: with slashes,
# the month comes first in English, and the day in French and Spanish.
import datetime

import numpy as np

MONTHS = {
    "English": "January February March April May June July August September October"
    " November December",
    "German": "Januar Februar März April Mai Juni Juli August September Oktober"
    " November Dezember",
    "French": "janvier février mars avril mai juin juillet août septembre octobre"
    " novembre décembre",
    "Spanish": "enero febrero marzo abril mayo junio julio agosto septiembre octubre"
    " noviembre diciembre",
}
PATTERNS = {
    "English": ["{month} {day}, {year}", "{day} {month} {year}", "{number}/{day}/{year}"],
    "German": ["{day}. {month} {year}"],
    "French": ["{day} {month} {year}", "{day}/{number}/{year}"],
    "Spanish": ["{day} de {month} de {year}", "{day}/{number}/{year}"],
}

random = np.random.RandomState(0)
first, last = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
days = random.permutation((last - first).days + 1)[:5000]  # no day comes twice


def format_date(date):
    """Return a date as text in a random language and form."""
    language = random.choice(list(PATTERNS))
    return random.choice(PATTERNS[language]).format(
        day=date.day,
        month=MONTHS[language].split()[date.month - 1],
        number=date.month,
        year=date.year,
    )


dates = [first + datetime.timedelta(days=int(day)) for day in days]
X = [format_date(date) for date in dates]
y = [date.isoformat() for date in dates]
X_train, y_train, X_test, y_test = X[:4000], y[:4000], X[4000:], y[4000:]
for source, target in zip(X_train[:8], y_train[:8], strict=True):
    print(f"{source:>25} → {target}")

# %%
# Sources and targets are split into characters. The encoder reads the source in both directions; the
# decoder generates the target and attends to the source at each step. With ``attention=None`` it has
# the encoder's last state only.
from skrnn import Seq2SeqTransformer

models = {
    name: Seq2SeqTransformer(
        attention=attention,
        hidden_size=64,
        embedding_dim=32,
        dropout=0.1,
        label_smoothing=0.0,
        tokenizer="char",
        target_tokenizer="char",
        lr=0.01,
        batch_size=32,
        max_epochs=6,
        random_state=0,
    ).fit(X_train, y_train)
    for name, attention in [("attention", "general"), ("no attention", None)]
}

# %%
# Dates with the month in words, on days that do not occur in training. A date is correct if all ten
# characters are; ``score`` is 1 minus the rate of wrong, missing and extra characters.
from skrnn.metrics import exact_match_score

X_words, y_words = zip(
    *(
        (source, target)
        for source, target in zip(X_test, y_test, strict=True)
        if "/" not in source
    ),
    strict=True,
)
for name, model in models.items():
    right = exact_match_score(y_words, model.transform(X_words))
    score = model.score(X_words, y_words)
    print(
        f"{name:>12}: {right:.3f} of {len(X_words)} dates are correct, score {score:.3f}"
    )

# %%
# Some dates, the last two of them misspelled:
model = models["attention"]
shown = [
    "March 12, 2021",
    "1. Januar 2000",
    "14 juillet 1936",
    "31 de diciembre de 1999",
    "5 Septmber 1950",
    "12.Mäarz 2021",
]
for source, target in zip(shown, model.transform(shown), strict=True):
    print(f"{source:>25} → {target}")

# %%
# What is 3/4/2021? ``predict_n_best`` returns several outputs and their log-probabilities. The right
# probabilities are known here: all languages are equally frequent, and slashes are in one of three
# English forms and in one of two French and Spanish ones each. So the month comes first with
# probability
month_first = (1 / 3) / (1 / 3 + 1 / 2 + 1 / 2)
print(f"{month_first:.2f}")

# %%
# The network prefers the day first, if not with exactly that probability. As no month has the number
# 25, 25/4/2021 is not ambiguous.
unclear = ["3/4/2021", "25/4/2021"]
readings, log_probabilities = model.predict_n_best(unclear, n=3)
for source, targets, values in zip(unclear, readings, log_probabilities, strict=True):
    for target, value in zip(targets, values, strict=True):
        print(f"{source:>10} → {target:10}  {np.exp(value):.3f}")

# %%
# What does the decoder attend to? Rows are the characters of the target, columns those of the source.
import matplotlib.pyplot as plt

source = "24 de septiembre de 2021"
target, weights = model.transform([source])[0], model.predict_attention([source])[0]

figure, axis = plt.subplots(figsize=(8, 3.5), layout="constrained")
image = axis.imshow(weights, cmap="Blues", vmin=0, vmax=1)
axis.set_xticks(range(len(source)), source.replace(" ", "\N{OPEN BOX}"))
axis.set_yticks(range(len(target)), target)
axis.tick_params(
    top=True, bottom=False, labeltop=True, labelbottom=False, length=0, labelsize=12
)
axis.xaxis.set_label_position("top")
axis.set_xlabel("source", labelpad=8)
axis.set_ylabel("target")
axis.set_xticks(np.arange(len(source) - 1) + 0.5, minor=True)
axis.set_yticks(np.arange(len(target) - 1) + 0.5, minor=True)
axis.grid(which="minor", color="0.9", linewidth=0.5)
axis.tick_params(which="minor", length=0, top=False)
axis.spines[:].set_color("0.8")
figure.colorbar(image, label="weight", shrink=0.7)
plt.show()

# %%
# For the digits of the year and of the day the decoder attends to these digits or next to them. For the
# month it attends to some letters of the name or next to them, where the state of the bidirectional
# encoder contains the whole name. So attention weights show where the decoder read, not always which
# characters mattered. Without attention the whole date must fit into one vector, and after the same
# number of epochs fewer dates are correct.

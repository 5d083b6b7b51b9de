"""
What does attention add to a translator?
========================================

The verb is in the middle of an English sentence and at the end of a German one: "I have *seen*
the old dog in the garden" becomes "ich habe den alten Hund im Garten *gesehen*". An encoder reads
the English sentence, a decoder generates the German one. Without attention the decoder has only
the encoder's last state; with attention it reads the state of every word.
"""

# %%
# Sentences in two languages
# --------------------------
# German articles and adjectives depend on the noun's gender and on the case that the verb or
# preposition requires. Each sentence has an object and up to three places.

# sphinx_gallery_thumbnail_number = 2
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from skrnn import Seq2SeqTransformer
from skrnn.metrics import bleu_score, exact_match_score, token_error_rate

random = np.random.RandomState(0)
SUBJECTS = {"I": "ich habe", "we": "wir haben", "they": "sie haben", "she": "sie hat"}
VERBS = {
    "seen": "gesehen",
    "found": "gefunden",
    "painted": "gemalt",
    "sold": "verkauft",
}
NOUNS = {  # gender: masculine, feminine, neuter
    "dog": ("Hund", "m"),
    "cat": ("Katze", "f"),
    "horse": ("Pferd", "n"),
    "garden": ("Garten", "m"),
    "town": ("Stadt", "f"),
    "house": ("Haus", "n"),
    "tree": ("Baum", "m"),
    "church": ("Kirche", "f"),
    "village": ("Dorf", "n"),
}
ADJECTIVES = {"old": "alt", "small": "klein", "quiet": "still"}
PLACES = {"in": "in", "behind": "hinter", "beside": "neben"}
ARTICLES = {"accusative": {"m": "den", "f": "die", "n": "das"}}
ARTICLES["dative"] = {"m": "dem", "f": "der", "n": "dem"}
ENDINGS = {"accusative": {"m": "en", "f": "e", "n": "e"}}
ENDINGS["dative"] = {"m": "en", "f": "en", "n": "en"}


def draw_from(table):
    """Return an entry of a table, its key and value."""
    return list(table.items())[random.randint(len(table))]


def make_phrase(case):
    """Return a noun with its article, and perhaps an adjective, in both languages."""
    noun, (german_noun, gender) = draw_from(NOUNS)
    english, german = ["the"], [ARTICLES[case][gender]]
    if random.rand() < 0.6:
        adjective, german_adjective = draw_from(ADJECTIVES)
        english.append(adjective)
        german.append(german_adjective + ENDINGS[case][gender])
    return [*english, noun], [*german, german_noun]


def make_pair():
    """Return an English sentence and its German translation."""
    subject, german_subject = draw_from(SUBJECTS)
    verb, german_verb = draw_from(VERBS)
    english, german = make_phrase("accusative")
    english = [subject, "has" if subject == "she" else "have", verb, *english]
    german = [german_subject, *german]
    for _ in range(random.randint(4)):
        place, german_place = draw_from(PLACES)
        where, german_where = make_phrase("dative")
        english += [place, *where]
        german += [german_place, *german_where]
    return " ".join(english), " ".join([*german, german_verb])


pairs = dict(make_pair() for _ in range(3000))
sources, targets = list(pairs), list(pairs.values())
n_train = len(sources) - 400
print(f"{n_train} training sentences, for example")
print(f"  {sources[3]}\n  {targets[3]}")

# %%
# With attention and without
# --------------------------
# The two networks have the same size and the same training.

models = {
    name: Seq2SeqTransformer(
        attention=attention,
        embedding_dim=32,
        hidden_size=64,
        batch_size=64,
        dropout=0.0,
        lr=0.012,
        max_epochs=15,
        random_state=0,
    ).fit(sources[:n_train], targets[:n_train])
    for name, attention in [("attention", "general"), ("no attention", None)]
}
test_sources, test_targets = sources[n_train:], targets[n_train:]
predicted = {name: model.transform(test_sources) for name, model in models.items()}
for name, texts in predicted.items():
    print(
        f"{name:>12}: BLEU {bleu_score(test_targets, texts):.1f}, "
        f"{exact_match_score(test_targets, texts):.1%} exactly correct"
    )

# %%
# The longer the sentence, the more information the one state must hold. Wrong, missing and extra
# words, per word of the reference, by the length of the source:

lengths = np.array([len(text.split()) for text in test_sources])
edges = [5, 8, 11, 14, 18]
groups = np.digitize(lengths, edges) - 1
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, texts in predicted.items():
    rates = []
    for i in range(len(edges) - 1):
        chosen = np.flatnonzero(groups == i)
        true, pred = [test_targets[j] for j in chosen], [texts[j] for j in chosen]
        rates.append(token_error_rate(true, pred))
    axes.plot(rates, marker="o", label=name)
    print(f"{name:>12}: word error rate {', '.join(f'{rate:.2f}' for rate in rates)}")
axes.set_xticks(range(len(edges) - 1), [f"{a}–{b - 1}" for a, b in pairwise(edges)])
axes.set(
    xlabel="English words",
    ylabel="word error rate",
    ylim=(-0.03, None),
    title="One state does not hold a long sentence",
)
axes.legend()
plt.show()

# %%
# Attention weights
# -----------------
# ``predict_attention`` returns a matrix for each source, a row for each German token and a
# column for each English one. Most words attend to their translation: the participle, last in
# German, to the third word of the source, and the first article to its noun, whose gender it
# needs.

longest = int(np.argmax(lengths))
source = test_sources[longest]
weights = models["attention"].predict_attention([source])[0]
german = [*predicted["attention"][longest].split(), "(end)"][: len(weights)]
figure, axes = plt.subplots(figsize=(8, 7), layout="constrained")
image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
axes.set_xticks(range(weights.shape[1]), source.split(), rotation=60, ha="right")
axes.set_yticks(range(len(german)), german)
axes.set(xlabel="English", ylabel="German, as predicted")
figure.colorbar(image, label="attention", shrink=0.6)
plt.show()
print(f"source:    {source}\npredicted: {predicted['attention'][longest]}")
print(
    f"reference: {test_targets[longest]}\nwithout attention: {predicted['no attention'][longest]}"
)

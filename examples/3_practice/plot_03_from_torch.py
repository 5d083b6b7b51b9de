"""
From a loop in PyTorch to skrnn, and back
=========================================

Who knows `nn.LSTM` has written this loop: pad, pack, shuffle, mask, step, repeat. This page
writes it once more for spoken vowels, replaces it by `SequenceClassifier`, and then takes the
trained layers out again, as plain torch modules that need no skrnn.
"""

# %%
# The loop
# --------
#
# 270 utterances of 7 to 29 steps with 12 features, nine speakers. Without scaling, early
# stopping or a schedule the loop takes some thirty lines.
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from skrnn.datasets import load_japanese_vowels

X, y = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
classes, codes = np.unique(y, return_inverse=True)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(12, 32, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, len(classes))

    def forward(self, padded, lengths):
        packed = pack_padded_sequence(
            padded, lengths, batch_first=True, enforce_sorted=False
        )
        _, (h, _) = self.rnn(packed)
        return self.head(torch.cat([h[0], h[1]], dim=1))


def collate(sequences):
    lengths = torch.tensor([len(x) for x in sequences])
    tensors = [torch.as_tensor(x, dtype=torch.float32) for x in sequences]
    return pad_sequence(tensors, batch_first=True), lengths


torch.manual_seed(0)
rng = np.random.default_rng(0)
network = Network()
optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
for _ in range(15):
    for batch in np.array_split(rng.permutation(len(X)), len(X) // 32):
        logits = network(*collate([X[i] for i in batch]))
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(codes[batch]))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
network.eval()
with torch.inference_mode():
    predicted = classes[network(*collate(X_test)).argmax(dim=1).numpy()]
print(f"loop: test accuracy {np.mean(predicted == y_test):.3f}")

# %%
# The estimator
# -------------
#
# The parameters keep torch's names. Everything else that the loop did is inside, and so is
# what it did not do: scaling, buckets of similar length, a rate schedule, string labels.
from skrnn import SequenceClassifier

model = SequenceClassifier(
    cell="lstm",
    hidden_size=32,
    bidirectional=True,
    pooling="last",
    optimizer="adam",
    lr=1e-2,
    max_epochs=15,
    random_state=0,
).fit(X, y)
print(f"SequenceClassifier: test accuracy {model.score(X_test, y_test):.3f}")

# %%
# And it is a scikit-learn estimator: a search over its parameters is one call.
from sklearn.model_selection import GridSearchCV

search = GridSearchCV(
    model, {"cell": ["lstm", "gru"], "pooling": ["last", "mean"]}, cv=3, refit=False
)
search.fit(X, y)
for parameters, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{score:.3f}  {parameters}")

# %%
# And back
# --------
#
# The trained network is a torch module, `net_.module_`. Its layers are ordinary `nn.LSTM` and
# `nn.Linear` modules, one LSTM a direction.
print(model.net_.module_)

# %%
# Copied into the network above, its weights give the same predictions. torch names the weights of the
# second direction ``..._reverse``. The features must be scaled as in training.
weights = model.net_.module_.state_dict()
own = network.state_dict()
for name in own:
    if name.startswith("head"):
        own[name] = weights[name]
    elif name.endswith("_reverse"):
        inner = name.removeprefix("rnn.").removesuffix("_reverse")
        own[name] = weights[f"encoder.backward_layers.0.rnn.{inner}"]
    else:
        inner = name.removeprefix("rnn.")
        own[name] = weights[f"encoder.forward_layers.0.rnn.{inner}"]
network.load_state_dict(own)

steps = np.concatenate(X)
mean, deviation = steps.mean(axis=0), steps.std(axis=0)
with torch.inference_mode():
    scaled = [(x - mean) / deviation for x in X_test]
    probabilities = network(*collate(scaled)).softmax(dim=1).numpy()
difference = np.abs(probabilities - model.predict_proba(X_test)).max()
print(f"largest difference of the probabilities: {difference:.1e}")

# %%
# Each of the 3,330 probabilities by both ways: they lie on the diagonal.
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(5, 4.4), layout="constrained")
axis.plot([1e-4, 1], [1e-4, 1], color="0.7", zorder=0)
axis.loglog(
    model.predict_proba(X_test).ravel(), probabilities.ravel(), ".", color="C0", alpha=0.4
)
axis.set(
    xlabel="SequenceClassifier.predict_proba",
    ylabel="nn.LSTM with its weights",
    title=f"Largest difference: {difference:.0e}",
    xlim=(1e-4, 1.5),
    ylim=(1e-4, 1.5),
)
plt.show()

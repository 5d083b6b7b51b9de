"""The reference sides of the speed benchmarks, in plain PyTorch, without skrnn.

`PackedLoop` is the usual training loop of tutorials and competent users: a
Dataset, a DataLoader that pads each batch, packed sequences, Adam, gradient clipping; with
`PackedTagger` and `collate_steps` it learns a label for every step.
`PackedSeries` in the place of the classifier reads features instead of token ids, and a
`Padded` network reads the padding of a batch as if it were steps. `WindowClassifier`, `WindowSeries`,
`WindowTagger` and `WindowModel` are networks without recurrence in its place.
`TranslatorLoop` is the same for pairs of sequences, with a decoder of single steps.
`LanguageLoop` is the bare loop over prepared streams of a book, with a carried state.
These three loops run on any device.
`DenseLoop` is the bare loop over one prepared tensor of equal lengths. `kernel_pass` is the
cost of the recurrent layer alone.
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class TokenDataset(Dataset):
    """Tensors of token ids, one a sequence, and labels of sequences or of steps."""

    def __init__(self, sequences, labels):
        self.sequences = sequences
        self.labels = labels

    def __len__(self):
        return len(self.sequences)

    def __getitem__(self, index):
        return self.sequences[index], self.labels[index]


def collate(samples):
    """Pad the samples of a batch: ids (B, T), lengths (B,), labels (B,)."""
    sequences, labels = zip(*samples, strict=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return pad_sequence(sequences, batch_first=True), lengths, torch.stack(labels)


def collate_steps(samples):
    """Pad the samples of a batch: ids (B, T), lengths (B,), labels (B, T).

    Labels are padded with the index that `cross_entropy` ignores.
    """
    sequences, labels = zip(*samples, strict=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    inputs = pad_sequence(sequences, batch_first=True)
    return inputs, lengths, pad_sequence(labels, batch_first=True, padding_value=-100)


class PackedClassifier(nn.Module):
    """Embedding, a recurrent layer over packed sequences, a linear head."""

    def __init__(
        self, cell, n_tokens, n_classes, embedding_dim, hidden_size, bidirectional
    ):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, embedding_dim, padding_idx=0)
        self.recurrent = CELLS[cell](
            embedding_dim, hidden_size, batch_first=True, bidirectional=bidirectional
        )
        self.head = nn.Linear(hidden_size * (2 if bidirectional else 1), n_classes)

    def pack(self, inputs, lengths):
        embedded = self.embedding(inputs)  # (B, T, E)
        return pack_padded_sequence(
            embedded, lengths, batch_first=True, enforce_sorted=False
        )

    def forward(self, inputs, lengths):
        _, state = self.recurrent(self.pack(inputs, lengths))
        hidden = state[0] if isinstance(state, tuple) else state  # (directions, B, H)
        return self.head(torch.cat(list(hidden), dim=1))  # (B, C)


class PackedSeries(PackedClassifier):
    """The same layers over features, without an embedding."""

    def __init__(self, cell, n_features, n_classes, _, hidden_size, bidirectional):
        super().__init__(cell, 1, n_classes, n_features, hidden_size, bidirectional)
        self.embedding = nn.Identity()


class PackedTagger(PackedClassifier):
    """The same layers, with the head on every step."""

    def forward(self, inputs, lengths):
        outputs, _ = self.recurrent(self.pack(inputs, lengths))
        hidden, _ = pad_packed_sequence(outputs, batch_first=True)  # (B, T, H)
        return self.head(hidden).transpose(1, 2)  # (B, C, T)


class PaddedClassifier(PackedClassifier):
    """The same layers over padded sequences: the backward direction reads padding first."""

    def forward(self, inputs, lengths):
        outputs, _ = self.recurrent(self.embedding(inputs))  # (B, T, H)
        last = (lengths - 1).to(inputs.device)[:, None, None]
        return self.head(outputs.take_along_dim(last, dim=1)[:, 0])


class PaddedSeries(PackedSeries, PaddedClassifier):
    """Padded sequences of features."""


class PaddedTagger(PackedClassifier):
    """Padded sequences, with the head on every step."""

    def forward(self, inputs, lengths):
        outputs, _ = self.recurrent(self.embedding(inputs))  # (B, T, H)
        return self.head(outputs).transpose(1, 2)  # (B, C, T)


class WindowClassifier(nn.Module):
    """The last steps of each sequence through one hidden layer, zeros before a short one."""

    def __init__(self, n_tokens, n_classes, embedding_dim, hidden_size, window):
        super().__init__()
        self.window = window
        self.embedding = nn.Embedding(n_tokens, embedding_dim, padding_idx=0)
        self.layers = nn.Sequential(
            nn.Linear(window * embedding_dim, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, n_classes),
        )

    def forward(self, inputs, lengths):
        x = self.embedding(inputs)  # (B, T, E)
        lengths = lengths.to(x.device)
        places = (
            lengths[:, None] - self.window + torch.arange(self.window, device=x.device)
        )
        last = x.take_along_dim(places.clamp(min=0)[..., None], dim=1)  # (B, W, E)
        return self.layers(last.masked_fill((places < 0)[..., None], 0.0).flatten(1))


class WindowSeries(WindowClassifier):
    """The same layers over features, without an embedding."""

    def __init__(self, n_features, n_classes, _, hidden_size, window):
        super().__init__(1, n_classes, n_features, hidden_size, window)
        self.embedding = nn.Identity()


class WindowTagger(WindowClassifier):
    """The same layers over each step and its neighbours on both sides."""

    @property
    def before(self):
        """The steps of a window before the one that it is for."""
        return self.window // 2

    def forward(self, inputs, lengths):
        x = self.embedding(inputs)  # (B, T, E)
        ends = (self.before, self.window - 1 - self.before)
        x = nn.functional.pad(x, (0, 0, *ends))
        windows = x.unfold(1, self.window, 1).transpose(2, 3)  # (B, T, W, E)
        return self.layers(windows.flatten(2)).transpose(1, 2)  # (B, C, T)


class WindowModel(WindowTagger):
    """The same layers over each step and those before it."""

    @property
    def before(self):
        return self.window - 1


class PackedLoop:
    """The usual training and prediction loop over a `PackedClassifier`.

    `network=PackedTagger, collate=collate_steps` make it one for labels of steps,
    `network=PackedSeries` one for sequences of features, and `loss=mse_loss` one for
    numbers. Batches are moved to `device` one by one. A `window` makes it one for a network
    over so many steps, which has no cell.
    """

    def __init__(
        self,
        cell,
        n_tokens,
        n_classes,
        *,
        network=PackedClassifier,
        collate=collate,
        loss=nn.functional.cross_entropy,
        bidirectional=False,
        batch_size=32,
        fused=None,
        hidden_size=128,
        window=None,
        device="cpu",
    ):
        torch.manual_seed(0)
        self.device = device
        sizes = n_tokens, n_classes, 64, hidden_size
        if window is None:
            self.model = network(cell, *sizes, bidirectional)
        else:
            self.model = network(*sizes, window)
        self.model.to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused)
        self.collate = collate
        self.loss = loss
        self.batch_size = batch_size

    def fit(self, sequences, labels, n_epochs):
        """Train on prepared tensors of ids and labels: (n_sequences,), or (n_steps_i,) each."""
        dataset = TokenDataset(sequences, labels)
        loader = DataLoader(
            dataset, self.batch_size, shuffle=True, collate_fn=self.collate
        )
        self.model.train()
        for _ in range(n_epochs):
            for inputs, lengths, targets in loader:
                self.optimizer.zero_grad()
                logits = self.model(inputs.to(self.device), lengths)
                loss = self.loss(logits, targets.to(self.device))
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
        return self

    def predict(self, sequences, labels, batch_size=None):
        """Return the predicted class of every sequence, (n_sequences,)."""
        return torch.cat(self.outputs(sequences, labels, batch_size)).argmax(dim=1)

    @torch.no_grad()
    def outputs(self, sequences, labels, batch_size=None):
        """Return the outputs of every batch: (B, C), or (B, C, T) of labels of steps."""
        dataset = TokenDataset(sequences, labels)
        loader = DataLoader(
            dataset, batch_size or self.batch_size, collate_fn=self.collate
        )
        self.model.eval()
        return [
            self.model(inputs.to(self.device), lengths) for inputs, lengths, _ in loader
        ]


def collate_pairs(samples):
    """Pad the samples of a batch: ids (B, T), lengths (B,), target ids (B, U)."""
    sources, targets = zip(*samples, strict=True)
    lengths = torch.tensor([len(source) for source in sources])
    inputs = pad_sequence(sources, batch_first=True)
    return inputs, lengths, pad_sequence(targets, batch_first=True)


class PackedTranslator(nn.Module):
    """A packed bidirectional LSTM, and an LSTM with Luong's attention, step by step."""

    def __init__(self, n_sources, n_targets, embedding_dim, hidden_size):
        super().__init__()
        self.source = nn.Embedding(n_sources, embedding_dim, padding_idx=0)
        self.target = nn.Embedding(n_targets, embedding_dim, padding_idx=0)
        self.encoder = nn.LSTM(
            embedding_dim, hidden_size, batch_first=True, bidirectional=True
        )
        self.bridge = nn.Linear(2 * hidden_size, 2 * hidden_size)
        self.decoder = nn.LSTM(embedding_dim, hidden_size, batch_first=True)
        self.projection = nn.Linear(2 * hidden_size, hidden_size, bias=False)
        self.readout = nn.Linear(3 * hidden_size, hidden_size)
        self.head = nn.Linear(hidden_size, n_targets)

    def read(self, embedded, lengths):
        """Return the encoder's outputs (B, T, 2H) and last hidden states (2, B, H)."""
        packed = pack_padded_sequence(
            embedded, lengths, batch_first=True, enforce_sorted=False
        )
        packed_outputs, (hidden, _) = self.encoder(packed)
        return pad_packed_sequence(packed_outputs, batch_first=True)[0], hidden

    def encode(self, inputs, lengths):
        """Return the outputs (B, T, 2H), the decoder's first state, the padding (B, T)."""
        outputs, hidden = self.read(self.source(inputs), lengths)
        last = torch.cat([hidden[0], hidden[1]], dim=1)  # (B, 2H)
        start = torch.tanh(self.bridge(last)).chunk(2, dim=1)  # two (B, H)
        state = tuple(part[None].contiguous() for part in start)  # two (1, B, H)
        return outputs, state, inputs == 0

    def forward(self, inputs, lengths, targets):
        """Return logits (B, C, U); each step is fed the target before it, 0 first."""
        outputs, state, padding = self.encode(inputs, lengths)
        keys = self.projection(outputs)  # (B, T, H)
        previous = nn.functional.pad(targets[:, :-1], (1, 0))  # (B, U)
        steps = []
        for t in range(targets.shape[1]):
            embedded = self.target(previous[:, t : t + 1])  # (B, 1, E)
            output, state = self.decoder(embedded, state)  # (B, 1, H)
            scores = output @ keys.transpose(1, 2)  # (B, 1, T)
            weights = scores.masked_fill(padding[:, None], -torch.inf).softmax(2)
            seen = torch.cat([weights @ outputs, output], dim=2)  # (B, 1, 3H)
            steps.append(self.head(torch.tanh(self.readout(seen))))  # (B, 1, C)
        return torch.cat(steps, dim=1).transpose(1, 2)  # (B, C, U)


class PaddedTranslator(PackedTranslator):
    """The same layers over padded sources: the last states are those after the padding."""

    def read(self, embedded, lengths):
        outputs, (hidden, _) = self.encoder(embedded)
        return outputs, hidden


class TranslatorLoop:
    """The usual training loop over a `PackedTranslator`, with teacher forcing."""

    def __init__(
        self,
        n_sources,
        n_targets,
        sizes,
        *,
        batch_size,
        network=PackedTranslator,
        fused=None,
        device="cpu",
    ):
        torch.manual_seed(0)
        self.device = device
        self.model = network(n_sources, n_targets, *sizes).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused)
        self.batch_size = batch_size

    def fit(self, sources, targets, n_epochs):
        """Train on prepared tensors of ids; targets have the end as their last step."""
        loader = DataLoader(
            TokenDataset(sources, targets),
            self.batch_size,
            shuffle=True,
            collate_fn=collate_pairs,
        )
        self.model.train()
        for _ in range(n_epochs):
            for inputs, lengths, targets in loader:
                wanted = targets.to(self.device)
                self.optimizer.zero_grad()
                logits = self.model(inputs.to(self.device), lengths, wanted)
                loss = nn.functional.cross_entropy(logits, wanted, ignore_index=0)
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
        return self


class CharacterModel(nn.Module):
    """Embedding, an LSTM, a linear head on every step."""

    def __init__(self, n_tokens, embedding_dim, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, embedding_dim)
        self.recurrent = nn.LSTM(embedding_dim, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, n_tokens)

    def forward(self, inputs, state=None):
        """Return logits (B, T, C) of ids (B, T), and the state after them."""
        outputs, state = self.recurrent(self.embedding(inputs), state)
        return self.head(outputs), state


class LanguageLoop:
    """The bare loop of truncated back-propagation, over streams prepared on `device`."""

    def __init__(self, n_tokens, sizes, *, bptt, device="cpu"):
        torch.manual_seed(0)
        self.model = CharacterModel(n_tokens, *sizes).to(device)
        parameters = self.model.parameters()
        self.optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
        self.bptt = bptt

    def fit(self, inputs, targets, n_epochs):
        """Train on ids (n_streams, n_steps) and the ids that follow them."""
        self.model.train()
        for _ in range(n_epochs):
            state = None
            for start in range(0, inputs.shape[1], self.bptt):
                chunk = slice(start, start + self.bptt)
                self.optimizer.zero_grad()
                logits, state = self.model(inputs[:, chunk], state)
                loss = nn.functional.cross_entropy(
                    logits.flatten(0, 1), targets[:, chunk].flatten()
                )
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                state = tuple(part.detach() for part in state)
        return self

    @torch.inference_mode()
    def generate(self, prompts, n_steps):
        """Return ids (n_prompts, n_steps), the most probable each time.

        The whole prefix is read again for each step.
        """
        self.model.eval()
        for _ in range(n_steps):
            logits, _ = self.model(prompts)
            prompts = torch.cat([prompts, logits[:, -1:].argmax(2)], dim=1)
        return prompts[:, -n_steps:]


class DenseClassifier(nn.Module):
    """One LSTM over equal lengths, its last step, a linear head."""

    def __init__(self, n_features, hidden_size, n_classes):
        super().__init__()
        self.recurrent = nn.LSTM(n_features, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, n_classes)

    def forward(self, inputs):
        outputs, _ = self.recurrent(inputs)  # (B, T, H)
        return self.head(outputs[:, -1])  # (B, C)


class DenseLoop:
    """The bare training loop over one prepared tensor."""

    def __init__(self, n_features, hidden_size, n_classes, batch_size=32):
        torch.manual_seed(0)
        self.model = DenseClassifier(n_features, hidden_size, n_classes)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.batch_size = batch_size

    def fit(self, inputs, targets, n_epochs):
        """Train on inputs (n_sequences, n_steps, n_features) and their labels."""
        self.model.train()
        for _ in range(n_epochs):
            for batch in torch.randperm(len(inputs)).split(self.batch_size):
                self.optimizer.zero_grad()
                loss = nn.functional.cross_entropy(
                    self.model(inputs[batch]), targets[batch]
                )
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
        return self


def kernel_batches(lengths, batch_size, n_features, hidden_size):
    """Return prepared dense batches, shaped as sequences sorted by length would be.

    Returns
    -------
    list of (inputs (B, T, F), gradients of the outputs (B, T, H))
    """
    ordered = sorted(lengths)
    batches = [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    shapes = [(len(batch), max(batch)) for batch in batches]
    return [
        (
            torch.randn(*shape, n_features, requires_grad=True),
            torch.randn(*shape, hidden_size),
        )
        for shape in shapes
    ]


def kernel_pass(layers, batches):
    """Run each recurrent layer forward and backward over every prepared batch."""
    for inputs, gradients in batches:
        for layer in layers:
            outputs, _ = layer(inputs)  # (B, T, H)
            torch.autograd.grad(outputs, [inputs, *layer.parameters()], gradients)

"""The peer of training language models: a stateful LSTM of Keras, without skrnn.

The backend is TensorFlow, or the one that KERAS_BACKEND names.
"""

from ._report import import_peer


class KerasLanguageModel:
    """Embedding, a stateful LSTM, a dense head on every step, trained in chunks."""

    def __init__(self, n_tokens, sizes, *, n_streams, bptt):
        keras = import_peer("keras", "keras, and a backend, for example tensorflow-cpu")
        embedding_dim, hidden_size = sizes
        keras.utils.set_random_seed(0)
        self.backend = keras.backend.backend()
        self.model = keras.Sequential(
            [
                keras.Input(batch_shape=(n_streams, bptt), dtype="int32"),
                keras.layers.Embedding(n_tokens, embedding_dim),
                keras.layers.LSTM(hidden_size, return_sequences=True, stateful=True),
                keras.layers.Dense(n_tokens),
            ]
        )
        self.model.compile(
            keras.optimizers.Adam(1e-3, global_clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.n_streams, self.bptt = n_streams, bptt

    def fit(self, inputs, targets, n_epochs):
        """Train on ids (n_streams, n_steps), n_steps a multiple of `bptt`."""
        chunks = [self._in_chunks(ids) for ids in (inputs, targets)]
        for _ in range(n_epochs):
            self.model.fit(*chunks, batch_size=self.n_streams, shuffle=False, verbose=0)
        return self

    def _in_chunks(self, ids):
        """Return (n_chunks * n_streams, bptt): the first chunk of all streams, the second, ..."""
        return (
            ids.reshape(self.n_streams, -1, self.bptt)
            .swapaxes(0, 1)
            .reshape(-1, self.bptt)
        )

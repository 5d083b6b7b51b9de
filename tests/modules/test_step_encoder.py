"""Step encoders: each image alone has its vector."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skrnn.modules.initialization import materialize
from skrnn.modules.step_encoder import STEP_ENCODERS, FrameCNN


def make(kind="cnn", shape=(6, 9, 2), output_size=5):
    with torch.device("meta"):
        encoder = STEP_ENCODERS[kind](shape, output_size)
    return materialize(encoder, torch.Generator().manual_seed(0))


def images_of(shape, n=4):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", STEP_ENCODERS)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (2, 3, 1), (6, 9, 2), (16, 16, 1), (40, 7, 3)]
)
@torch.no_grad()
def test_every_image_has_a_vector_of_its_own(kind, shape):
    encoder, images = make(kind, shape), images_of(shape)
    vectors = encoder(images)
    assert vectors.shape == (4, 5)
    for image, vector in zip(images, vectors, strict=True):
        torch.testing.assert_close(encoder(image[None])[0], vector)


def convolved(x, weight, bias):
    """Return a convolution ``(H, W, C')`` of 3 × 3 pixels of x ``(H, W, C)``, by hand."""
    height, width, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    windows = [
        padded[i : i + height, j : j + width] @ weight[:, :, i, j].T
        for i in range(3)
        for j in range(3)
    ]
    return sum(windows) + bias


def pooled(x):
    """Return the largest value of each 2 × 2 pixels, fewer at the edges, at least 0."""
    rows, columns = range(0, x.shape[0], 2), range(0, x.shape[1], 2)
    return np.array(
        [[x[i : i + 2, j : j + 2].max((0, 1)) for j in columns] for i in rows]
    ).clip(0)


@torch.no_grad()
def test_the_cnn_convolves_and_pools_as_numpy_does():
    encoder, images = make(), images_of((6, 9, 2))
    for layer in encoder.convolutions:
        layer.bias.uniform_(-0.5, 0.5)
    for image, vector in zip(images.numpy(), encoder(images).numpy(), strict=True):
        x = image
        for layer in encoder.convolutions:
            x = pooled(convolved(x, layer.weight.numpy(), layer.bias.numpy()))
        expected = encoder.linear.weight.numpy() @ x.ravel() + encoder.linear.bias.numpy()
        assert_allclose(vector, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("side", "n_layers"), [(1, 2), (32, 2), (33, 3), (64, 3), (100, 4)]
)
def test_a_larger_image_has_more_convolutions_and_a_small_last_map(side, n_layers):
    with torch.device("meta"):
        encoder = FrameCNN((side, 4, 1), 3)
    assert len(encoder.convolutions) == n_layers
    assert encoder.linear.in_features <= 8 * FrameCNN.MAX_FILTERS


def test_initial_weights_come_from_the_generator_alone():
    state = torch.random.get_rng_state()
    first, second = make().state_dict(), make().state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in first.items():
        assert torch.equal(value, second[name])

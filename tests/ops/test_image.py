"""Pictures of any size."""

import jax
import numpy as np
import pytest

from jaxlife.ops import image


def test_whole_multiples_repeat_the_cells():
    picture = jax.random.uniform(jax.random.key(0), (2, 3, 3))
    expected = np.repeat(np.repeat(picture, 4, axis=0), 5, axis=1)
    np.testing.assert_array_equal(image.resize(picture, (8, 15)), expected)


@pytest.mark.parametrize("size", [5, 24, (7, 40)])
def test_any_size_stays_in_range_and_keeps_the_mean(size):
    picture = jax.random.uniform(jax.random.key(0), (16, 16, 3))
    small = np.asarray(image.resize(picture, size))
    assert small.shape == ((size, size, 3) if isinstance(size, int) else (*size, 3))
    assert small.min() >= 0
    assert small.max() <= 1
    np.testing.assert_allclose(small.mean(), np.mean(picture), atol=0.03)


def test_no_size_is_the_picture_itself():
    picture = jax.random.uniform(jax.random.key(0), (4, 4, 3))
    assert image.resize(picture, None) is picture


def test_empty_pictures_are_refused():
    with pytest.raises(ValueError, match="image_size: expected sides of at least 1"):
        image.resize(jax.numpy.zeros((4, 4, 3)), 0)

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.viz import frames


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_floats_of_any_width_round_to_the_nearest_byte(dtype):
    values = jnp.array([0.0, 0.25, 0.5, 1.0], dtype)[:, None, None, None] * jnp.ones((1, 2, 3, 3), dtype)
    assert frames.to_pixels(values)[:, 0, 0, 0].tolist() == [0, 64, 128, 255]


def test_bytes_pass_unchanged():
    pixels = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    np.testing.assert_array_equal(frames.to_pixels(pixels), pixels)


def test_rounding_of_a_renderer_is_forgiven():
    assert frames.to_pixels(np.full((1, 1, 1, 3), 1 + 1e-4)).max() == 255
    assert frames.to_pixels(np.full((1, 1, 1, 3), -1e-4)).max() == 0


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (np.zeros((4, 4, 3)), r"\[T, H, W, 3\], got \[4, 4, 3\]"),
        (np.zeros((2, 4, 4, 1)), r"got \[2, 4, 4, 1\]"),
        (np.zeros((0, 4, 4, 3)), "at least one frame"),
        (np.zeros((1, 0, 4, 3)), "at least one frame of one pixel"),
        (np.zeros((1, 4, 4, 3), np.int32), "got int32"),
        (np.full((1, 1, 1, 3), np.nan), "3 of 3 NaN"),
        (np.full((1, 1, 1, 3), np.inf), "3 of 3 NaN"),
        (np.full((1, 1, 1, 3), 2.0), r"in \[0, 1\], got \[2, 2\]"),
        (np.full((1, 1, 1, 3), -0.5), r"in \[0, 1\]"),
    ],
)
def test_bad_frames_are_refused_with_what_was_got(bad, says):
    with pytest.raises(ValueError, match=says):
        frames.to_pixels(bad)


def test_cells_stay_squares_and_fields_are_smoothed_unless_told_otherwise(film):
    cells = np.random.default_rng(0).integers(0, 2, (3, 24, 24, 1)) * np.array([1.0, 0.5, 0.2])
    assert len(np.unique(frames.fit(cells).reshape(-1, 3), axis=0)) == 2
    assert len(np.unique(frames.fit(cells, smooth=True).reshape(-1, 3), axis=0)) > 10
    assert (frames.fit(film) == frames.fit(film, smooth=True)).all()
    assert (frames.fit(film) != frames.fit(film, smooth=False)).any()


@pytest.mark.parametrize(("height", "width", "low"), [(7, 5, 64), (64, 64, 256), (96, 30, 256), (256, 256, 256)])
def test_enlarging_repeats_each_cell_as_a_square(height, width, low):
    pixels = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    large = frames.fit(pixels, low=low, smooth=False)
    factor = large.shape[1] // height
    assert low <= max(large.shape[1:3]) < low + max(height, width)
    for row in range(factor):
        for column in range(factor):
            np.testing.assert_array_equal(large[:, row::factor, column::factor], pixels)


def test_smooth_enlarging_has_no_squares_and_keeps_the_mean(film):
    large = frames.fit(film, low=96, smooth=True)
    blocky = frames.fit(film, low=96, smooth=False)
    assert large.shape == blocky.shape
    step = lambda pixels: np.abs(np.diff(pixels.astype(int), axis=2)).max()  # noqa: E731
    assert step(large) < step(blocky) / 2
    assert abs(large.mean() - blocky.mean()) < 1


def test_reducing_takes_means_over_squares():
    cells = np.zeros((1, 8, 12, 3))
    cells[:, ::2] = 1.0
    small = frames.fit(cells, low=4, high=6)
    assert small.shape == (1, 4, 6, 3)
    assert set(small.ravel().tolist()) == {128}


def test_a_sliver_is_not_reduced_to_nothing():
    assert frames.fit(np.zeros((1, 2, 4000, 3)), high=512).shape == (1, 1, 2000, 3)


@pytest.mark.parametrize("shape", [(3, 5), (4, 6), (1, 1)])
def test_even_adds_at_most_one_row_and_column_and_moves_nothing(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    padded = frames.even(pixels)
    assert padded.shape[1] % 2 == padded.shape[2] % 2 == 0
    np.testing.assert_array_equal(padded[:, : shape[0], : shape[1]], pixels)
    np.testing.assert_array_equal(padded[:, -1, -1], pixels[:, -1, -1])


def test_rest_repeats_only_the_last_frame(film):
    held = frames.rest(film, 3)
    np.testing.assert_array_equal(held[:6], frames.to_pixels(film))
    assert (held[6:] == held[5]).all()
    assert not (held[4] == held[5]).all()
    with pytest.raises(ValueError, match="got -1"):
        frames.rest(film, -1)


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, "12", 61])
def test_positive_refuses(bad):
    with pytest.raises(ValueError, match="fps: expected a positive number of at most 60"):
        frames.positive("fps", bad, most=60)


def test_sizes_out_of_order_are_refused(film):
    with pytest.raises(ValueError, match="low=9, high=3"):
        frames.fit(film, low=9, high=3)

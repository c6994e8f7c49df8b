import io

import numpy as np
import pytest

from jaxlife.viz import extras
from jaxlife.viz.atlas import pictures


def opened(content):
    return np.asarray(extras.require("PIL.Image").open(io.BytesIO(content)).convert("RGB"))


def test_thumbnails_stand_on_their_sheets_in_reading_order():
    shades = np.arange(1030)
    tiles = np.broadcast_to((shades % 256).astype(np.uint8)[:, None, None, None], (1030, 4, 4, 3))
    first, second = map(opened, pictures.sheets(tiles, exact=True))
    assert first.shape == (128, 128, 3)
    np.testing.assert_array_equal(first[::4, ::4, 0].ravel(), shades[:1024] % 256)
    np.testing.assert_array_equal(second[0, ::4, 0], shades[1024:] % 256)


def test_a_strip_holds_every_frame_at_the_size_that_was_asked_for():
    film = np.linspace(0, 1, 7)[:, None, None, None] * np.ones((7, 16, 8, 3))
    made = pictures.strip(film, side=8, exact=True)
    assert made[1:] == (3, 7, 4, 8)
    seen = opened(made.content)
    for t in range(7):
        row, column = divmod(t, 3)
        frame = seen[row * 8 : (row + 1) * 8, column * 4 : (column + 1) * 4]
        np.testing.assert_array_equal(frame, np.full((8, 4, 3), round(255 * t / 6)))


def test_cells_stay_squares_and_fields_are_smoothed():
    board = np.zeros((1, 2, 2, 3), np.uint8)
    board[0, 0, 0] = 255
    assert set(np.unique(pictures.thumbnails(board, 16))) == {0, 255}
    field = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    assert pictures.is_cells([board])
    assert not pictures.is_cells([board, field])
    assert pictures.thumbnails(field, 32).shape == (1, 32, 32, 3)


def test_bad_frames_are_refused():
    with pytest.raises(ValueError, match="frames"):
        pictures.strip(np.zeros((2, 8, 8)), side=8)

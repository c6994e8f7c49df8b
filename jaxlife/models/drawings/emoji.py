"""Emoji of the Noto font as pictures, named by the Unicode standard."""

import unicodedata
from pathlib import Path

import numpy as np

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
_SIZE = 109  # the one size this bitmap font has
_SKIP = ("FITZPATRICK", "REGIONAL", "TAG ", "VARIATION", "KEYCAP", "COMBINING", "DIGIT")


def names() -> list[tuple[str, str]]:
    """Lists (character, lower-case Unicode name) of every single-character emoji that could be in the font."""
    ranges = ((0x2600, 0x27C0), (0x1F300, 0x1FB00))
    found = []
    for code in (c for low, high in ranges for c in range(low, high)):
        name = unicodedata.name(chr(code), "")
        if name and not name.startswith(_SKIP):
            found.append((chr(code), name.lower()))
    return found


def load(font: Path = FONT) -> tuple[list[str], np.ndarray]:
    """Draws every emoji the font has.

    Args:
        font: the Noto Color Emoji font.

    Returns:
        (names, rgba uint8[E, 128, 128, 4]).

    Raises:
        FileNotFoundError: no such font; the message names the package.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not font.is_file():
        raise FileNotFoundError(f"expected the emoji font at {font}: install Debian's fonts-noto-color-emoji")
    face = ImageFont.truetype(str(font), _SIZE)
    kept, pictures = [], []
    for character, name in names():
        canvas = Image.new("RGBA", (160, 160))
        ImageDraw.Draw(canvas).text((12, 16), character, font=face, embedded_color=True)
        pixels = np.asarray(canvas)
        if (pixels[..., 3] > 0).sum() < 400 or pixels[..., :3][pixels[..., 3] > 128].std() < 1:
            continue
        kept.append(name)
        pictures.append(np.asarray(canvas.crop(canvas.getbbox()).resize((128, 128), Image.Resampling.BILINEAR)))
    return kept, np.stack(pictures)


def scatter(rng: np.random.Generator, rgba: np.ndarray, size: int, ground: np.ndarray) -> np.ndarray:
    """Puts one emoji on a ground: random scale, place, quarter turns, flip, or tiled.

    Args:
        rng: random numbers.
        rgba: uint8[128, 128, 4].
        size: of the picture.
        ground: [3] RGB.

    Returns:
        [size, size, 3] in [0, 1].
    """
    from PIL import Image

    tiles = int(rng.choice([1, 1, 1, 1, 2, 3]))
    figure = Image.fromarray(rgba)
    if rng.random() < 0.5:
        figure = figure.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    figure = figure.rotate(float(rng.normal() * 15 * (rng.random() < 0.6)), Image.Resampling.BILINEAR)
    side = max(int(size / tiles * rng.uniform(0.6, 1.0)), 8)
    small = np.asarray(figure.resize((side, side), Image.Resampling.BOX), np.float32) / 255
    cell = size // tiles
    canvas = np.broadcast_to(ground, (size, size, 3)).astype(np.float32).copy()
    y, x = rng.integers(0, max(cell - side, 0) + 1, 2)
    for i in range(tiles):
        for j in range(tiles):
            part = canvas[i * cell + y : i * cell + y + side, j * cell + x : j * cell + x + side]
            alpha = small[: part.shape[0], : part.shape[1], 3:]
            part[:] = part * (1 - alpha) + small[: part.shape[0], : part.shape[1], :3] * alpha
    return canvas

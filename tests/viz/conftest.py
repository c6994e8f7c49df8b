"""A moving picture to draw, and a real browser to look at pages with."""

import re
import shutil
import subprocess
from typing import NamedTuple

import numpy as np
import pytest

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=60000"
)


class Visit(NamedTuple):
    """What the browser made of a page: its document after scripts ran, and the console's messages."""

    dom: str
    console: list[str]


@pytest.fixture(scope="session")
def browse(tmp_path_factory):
    """Opens a page from disk in headless Chromium: `browse(path, *flags) -> Visit`."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(_BROWSERS)} on PATH")

    def visit(path, *flags):
        profile = tmp_path_factory.mktemp("profile")
        command = [found, *_QUIET.split(), f"--user-data-dir={profile}", *flags, "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return Visit(done.stdout, re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr))

    return visit


@pytest.fixture(scope="session")
def film():
    """A ring that grows, red on black: [6, 24, 24, 3]."""
    y, x = np.mgrid[:24, :24] - 11.5
    radius = np.hypot(y, x)
    rings = np.stack([np.exp(-((radius - 2 - t) ** 2) / 3) for t in range(6)])
    return rings[..., None] * np.array([1.0, 0.1, 0.05])

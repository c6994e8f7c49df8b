import importlib.util
import subprocess
import sys

import pytest

from jaxlife.viz import extras


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ModuleNotFoundError, match=r"Pillow.*pip install 'jaxlife\[viz\]'"):
        extras.require("PIL.Image")


def test_the_room_can_be_entered_without_its_extras():
    """Nothing but numpy and jax is imported until a picture is made."""
    code = "import jaxlife.viz, sys; print({'PIL', 'matplotlib', 'imageio', 'imageio_ffmpeg'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_font_needs_no_matplotlib(monkeypatch):
    plotted_before = "matplotlib.pyplot" in sys.modules  # by another test of this process
    with_it = extras.font(20)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    without = extras.font(20)
    assert with_it.size == without.size == 20
    assert without.getlength("a red ring") > 0
    assert ("matplotlib.pyplot" in sys.modules) == plotted_before
    with pytest.raises(ValueError, match="at least 1 pixel"):
        extras.font(0)

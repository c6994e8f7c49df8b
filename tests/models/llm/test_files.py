"""Files: what is written is read back, here and by the peers; what is broken is named and never half-loaded."""

import json
import pathlib
import struct

import gguf as peer
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy as peer_safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlife.models import llm, safetensors
from jaxlife.models.llm import checkpoint, gguf, layout
from jaxlife.models.llm import config as configs
from jaxlife.models.tensor import BrokenFile

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tiny, tmp_path):
    checkpoint.write_folder(tmp_path, *tiny)
    return tmp_path


def gguf_file(path, tiny, kind="F32", family="llama", **drop):
    """Writes a tiny model with the gguf package: another's writer, our reader."""
    config, params = tiny
    writer = peer.GGUFWriter(str(path), family)
    for name, value in (
        ("block_count", config.n_layers), ("context_length", config.context), ("embedding_length", config.width),
        ("feed_forward_length", config.hidden), ("head_count", config.n_heads), ("head_count_kv", config.n_kv_heads),
        ("layer_norm_rms_eps", config.eps), ("vocab_size", config.vocab),
    ):  # fmt: skip
        if name not in drop:
            getattr(writer, f"add_{name}")(value)
    for entry in layout.table(config):
        leaf = params
        for step in entry.path:
            leaf = leaf[step]
        layers = np.asarray(leaf) if entry.stacked else np.asarray(leaf)[None]
        for name, array in zip(entry.names("gguf", config.n_layers), layers, strict=True):
            if entry.pairs:
                heads = array.reshape(entry.pairs, 2, -1, *array.shape[1:])
                array = np.ascontiguousarray(heads.swapaxes(1, 2)).reshape(array.shape)
            if name in drop:
                continue
            qtype = peer.GGMLQuantizationType[kind if array.ndim == 2 and array.shape[1] % 32 == 0 else "F32"]
            writer.add_tensor(name, peer.quants.quantize(array, qtype), raw_dtype=qtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def same(a, b):
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, a, b)))


@pytest.mark.parametrize("shard_bytes", [10**9, 20_000])
def test_a_written_folder_is_read_back(tiny, tmp_path, shard_bytes):
    checkpoint.write_folder(tmp_path, *tiny, shard_bytes=shard_bytes)
    config, params = checkpoint.read_folder(tmp_path)
    assert config == tiny[0]
    assert same(params, tiny[1])
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (shard_bytes < 10**6)


def test_the_safetensors_package_reads_what_we_write_and_we_read_what_it_writes(tmp_path):
    arrays = {"a": RNG.normal(size=(3, 4)).astype(np.float32), "b": np.arange(5), "empty": np.zeros((0, 2), np.float16)}
    safetensors.write(tmp_path / "ours", arrays.items())
    peer_safetensors.save_file(arrays, tmp_path / "theirs")
    theirs = peer_safetensors.load_file(tmp_path / "ours")
    ours = {name: t.read() for name, t in safetensors.read(tmp_path / "theirs").items()}
    for name, array in arrays.items():
        np.testing.assert_array_equal(theirs[name], array)
        np.testing.assert_array_equal(ours[name], array)


def test_every_family_is_written_as_it_was_read(family, tmp_path):
    _, config, params, _ = family
    checkpoint.write_folder(tmp_path, config, params)
    again, weights = checkpoint.read_folder(tmp_path)
    assert again == config
    assert same(weights, params)


def test_every_device_holds_its_own_rows(tiny, folder):
    mesh = jax.make_mesh((2,), ("model",), axis_types=(jax.sharding.AxisType.Auto,))

    def rows(path, shape):
        axis = {"embed": 0, "up": 1, "down": 2}.get(path[-2] if path[-1] == "weight" else path[-1])
        spec = [None] * len(shape)
        if axis is not None:
            spec[axis] = "model"
        return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec))

    _, params = checkpoint.read_folder(folder, shardings=rows)
    assert same(params, tiny[1])
    assert params["embed"].addressable_shards[0].data.shape == (48, 32)
    assert params["layers"]["mlp"]["down"]["weight"].addressable_shards[1].data.shape == (3, 32, 24)


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
def test_gguf_of_every_type(tiny, tmp_path, kind):
    config, params, _ = checkpoint.read_gguf(gguf_file(tmp_path / "m.gguf", tiny, kind))
    assert (config.n_layers, config.n_heads, config.tied) == (3, 4, True)
    error = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max() / jnp.abs(b).max()), params, tiny[1])
    limit = {"F32": 0.0, "F16": 1e-3, "BF16": 1e-2, "Q8_0": 1e-2, "Q4_0": 0.15, "Q4_1": 0.15}[kind]
    assert max(jax.tree.leaves(error)) <= limit


@pytest.mark.parametrize("kind", ["Q4_K", "Q6_K"])
def test_super_blocks_are_decoded_like_the_gguf_package_does(tmp_path, kind):
    qtype = peer.GGMLQuantizationType[kind]
    rows = RNG.integers(0, 60, (2, 2 * peer.GGML_QUANT_SIZES[qtype][1]), np.uint8)  # small bytes: finite half scales
    writer = peer.GGUFWriter(str(tmp_path / "m.gguf"), "llama")
    writer.add_tensor("t", rows, raw_dtype=qtype)
    for write in (
        writer.write_header_to_file,
        writer.write_kv_data_to_file,
        writer.write_tensors_to_file,
        writer.close,
    ):
        write()
    read = gguf.read(tmp_path / "m.gguf").tensors["t"]
    assert read.shape == (2, 512)
    np.testing.assert_array_equal(read.read(), peer.quants.dequantize(rows, qtype))


def test_missing_extra_and_misshaped_tensors_are_named(tiny, tmp_path):
    config = tiny[0]
    checkpoint.write_folder(tmp_path, *tiny)
    tensors = safetensors.read_folder(tmp_path)
    name = "model.layers.1.mlp.up_proj.weight"
    with pytest.raises(BrokenFile, match=f"missing tensors: {name}"):
        checkpoint.assemble({k: v for k, v in tensors.items() if k != name}, config, "hf")
    with pytest.raises(BrokenFile, match=r"model\.extra"):
        checkpoint.assemble({**tensors, "model.extra": tensors[name]}, config, "hf")
    with pytest.raises(BrokenFile, match=f"'{name}': expected shape .48, 32., got .32."):
        checkpoint.assemble({**tensors, name: tensors["model.norm.weight"]}, config, "hf")
    with pytest.raises(BrokenFile, match="missing tensors"):
        checkpoint.read_gguf(gguf_file(tmp_path / "m.gguf", tiny, **{"blk.2.ffn_up.weight": True}))
    with pytest.raises(ValueError, match=r"llama\.block_count"):
        checkpoint.read_gguf(gguf_file(tmp_path / "n.gguf", tiny, block_count=True))


def test_broken_folders_are_named(tiny, tmp_path):
    checkpoint.write_folder(tmp_path, *tiny, shard_bytes=20_000)
    shard = sorted(tmp_path.glob("*.safetensors"))[1]
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-10])
    with pytest.raises(BrokenFile, match="truncated"):
        checkpoint.read_folder(tmp_path)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=shard.name):
        checkpoint.read_folder(tmp_path)
    raw = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**raw, "model_type": "mamba"}))
    with pytest.raises(ValueError, match="mamba"):
        checkpoint.read_folder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BrokenFile, match="not JSON"):
        checkpoint.read_folder(tmp_path)


@pytest.mark.parametrize("shard", ["", ".", "..", "../model.safetensors", "/model.safetensors"])
def test_an_index_names_files_of_its_own_folder_alone(tmp_path, shard):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": shard}}))
    with pytest.raises(BrokenFile, match="not a file name in this folder"):
        safetensors.read_folder(tmp_path)


def test_a_folder_in_the_place_of_a_shard_is_a_missing_shard(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "a.safetensors"}}))
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(FileNotFoundError, match=r"missing shard a\.safetensors"):
        safetensors.read_folder(tmp_path)


def test_unknown_architecture_and_truncated_gguf(tiny, tmp_path):
    with pytest.raises(ValueError, match="falcon"):
        checkpoint.read_gguf(gguf_file(tmp_path / "f.gguf", tiny, family="falcon"))
    data = gguf_file(tmp_path / "m.gguf", tiny).read_bytes()
    for keep in (0, 3, 20, 100, len(data) // 2, len(data) - 40):
        (tmp_path / "cut.gguf").write_bytes(data[:keep])
        with pytest.raises(BrokenFile):
            checkpoint.read_gguf(tmp_path / "cut.gguf")


def test_names_that_lead_nowhere_say_what_was_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a \.gguf file"):
        llm.load(tmp_path / "nothing.gguf")
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        llm.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": ["llama"]}, "architecture"),
        ({"rms_norm_eps": None}, "rms_norm_eps"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"num_hidden_layers": 10**9}, "layers"),  # would be a tuple of 10^9 windows
        ({"head_dim": 2**31 - 2}, "head_dim"),  # 8 GB of frequencies
        ({"sliding_window": "all", "model_type": "mistral"}, "sliding_window"),
        ({"rope_theta": -1.0}, "rope_theta"),
        ({"rope_scaling": [1]}, "rope_scaling"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "not finite"),
        ({"rope_scaling": {"rope_type": "linear", "factor": {}}}, "factor"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_by_name(change, message, tiny):
    with pytest.raises(ValueError, match=message):
        configs.from_hf({**configs.to_hf(tiny[0]), **change})


def test_empty_tensors_are_read_and_impossible_ones_refused(tmp_path):
    def stored(kind, shape):
        return gguf._stored("t", shape, kind, 0, memoryview(b""))  # GGML types 8 and 12: Q8_0, Q4_K

    for kind in (8, 12):
        assert stored(kind, (0, 256)).read().shape == (0, 256)
        with pytest.raises(BrokenFile, match="no array"):
            stored(kind, (0, 2**62))
    header = json.dumps({"t": {"dtype": "F32", "shape": [0, 2**61], "data_offsets": [0, 0]}}).encode()
    (tmp_path / "s").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(BrokenFile, match="no array"):
        safetensors.read(tmp_path / "s")


@pytest.mark.parametrize("scaling", ["yarn", "longrope"])
def test_rotary_scaling_that_is_not_covered_is_refused(scaling, tiny):
    raw = {**configs.to_hf(tiny[0]), "rope_scaling": {"rope_type": scaling, "factor": 2.0}}
    with pytest.raises(ValueError, match=scaling):
        configs.from_hf(raw)


@pytest.fixture(scope="module")
def seeds(tiny, tmp_path_factory):
    """A small valid file of each kind, to be damaged."""
    root = tmp_path_factory.mktemp("seeds")
    safetensors.write(root / "s", [("a", np.ones((2, 3), np.float32)), ("b", np.arange(4))])
    return (root / "s").read_bytes(), gguf_file(root / "g", tiny).read_bytes()[:4000], root


def damaged(draw, data):
    data = bytearray(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)
    for _ in range(draw(st.integers(0, 4))):
        if data:
            at = draw(st.integers(0, min(len(data), 600) - 1))
            blow = draw(st.sampled_from([b"\xff" * 8, b"\x00" * 8, struct.pack("<Q", 2**62), b"[", b"-"]))
            blow = draw(st.one_of(st.binary(max_size=9), st.just(blow)))
            data[at : at + len(blow)] = blow
    return bytes(data)


@pytest.mark.parametrize("examples", [150, pytest.param(50_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("which", [0, 1])
def test_damaged_files_are_refused_or_read_and_nothing_else(seeds, which, examples):
    path: pathlib.Path = seeds[2] / f"damaged{which}"

    @settings(max_examples=examples, deadline=None)
    @given(st.data())
    def check(data):
        path.unlink(missing_ok=True)  # a new inode: mapped views of the last one stay valid
        path.write_bytes(damaged(data.draw, seeds[which]))
        try:
            tensors = safetensors.read(path) if which == 0 else gguf.read(path).tensors
            for stored in tensors.values():
                assert stored.read().shape == stored.shape
        except BrokenFile:
            pass

    check()

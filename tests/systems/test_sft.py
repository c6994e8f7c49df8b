"""Fine-tuning: packing changes nothing, accumulation changes nothing, resuming changes nothing, and the loss falls."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlife.models.adapters import lora
from jaxlife.models.llm import decoder, packing, score
from jaxlife.models.llm.config import Config
from jaxlife.systems import sft, sft_sorting

CONFIG = Config(n_layers=2, width=16, hidden=24, n_heads=2, n_kv_heads=1, head_dim=8, vocab=32, context=64, tied=True)
RNG = np.random.default_rng(0)
EXAMPLES = [
    packing.Example(RNG.integers(0, 32, n).tolist(), [False] * (n // 2) + [True] * (n - n // 2))
    for n in (3, 9, 5, 7, 4, 8, 6, 2)
]


@pytest.fixture(scope="module")
def weights():
    params = decoder.Decoder(CONFIG).init(jax.random.key(0), jnp.zeros((1, 2), jnp.int32))["params"]
    return jax.tree.map(lambda w: 8 * w if w.ndim > 2 else w, params)


def trainer(weights, **options):
    rows = packing.pack(EXAMPLES, 12)
    return sft.sft(CONFIG, weights, rows, **{"batch": 4, "rank": 2, "warmup": 1, "learning_rate": 1e-2, **options})


def test_packed_texts_do_not_see_each_other(weights):
    rows, network = packing.pack(EXAMPLES, 12), decoder.Decoder(CONFIG)
    together = score.log_prob(
        network, weights, jnp.asarray(rows.ids), jnp.asarray(rows.mask), reach=jnp.asarray(rows.reach)
    )
    one_a_row = packing.pack(EXAMPLES, 9)  # the longest has nine tokens: fewer share a row
    apart = [
        score.log_prob(network, weights, jnp.asarray([e.ids]), jnp.asarray([[0, *e.learn[1:]]], jnp.float32))[0]
        for e in EXAMPLES
    ]
    assert len(rows.ids) < len(EXAMPLES)
    np.testing.assert_allclose(jnp.sum(together), sum(apart), rtol=1e-5)
    assert rows.mask.sum() == one_a_row.mask.sum() == sum(sum(e.learn[1:]) for e in EXAMPLES)


def test_accumulation_and_remat_change_no_gradient(weights, key):
    outs = []
    for options in ({}, {"accumulate": 2}, {"remat": False}):
        system = trainer(weights, **options)
        state, out = jax.jit(system.step)(key, system.init(key, system.params), system.params, ())
        outs.append((state.learned, out["loss"], out["grad_norm"]))
    for other in outs[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), outs[0], other)


@pytest.mark.parametrize("full", [False, True])
def test_the_loss_falls_and_resuming_changes_nothing(weights, key, full):
    system = trainer(weights, full=full, learning_rate=1e-2 if full else 5e-2)
    step = jax.jit(system.step)

    def train(state, start, stop):
        losses = []
        for i in range(start, stop):
            state, out = step(jax.random.fold_in(key, i), state, system.params, ())
            losses.append(float(out["loss"]))
        return state, losses

    start = system.init(key, system.params)
    once, losses = train(start, 0, 30)
    twice, _ = train(train(start, 0, 12)[0], 12, 30)
    assert np.mean(losses[-5:]) < (0.7 if full else 0.98) * losses[0]  # LoRA is fed by random weights here
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, once, twice)))


def test_lora_leaves_its_scale_and_the_weights_alone(weights, key):
    system = trainer(weights)
    state, _ = jax.jit(system.step)(key, system.init(key, system.params), system.params, ())
    before, after = system.init(key, system.params).learned, state.learned
    is_lora = lambda n: isinstance(n, lora.LoRA)  # noqa: E731
    for a, b in zip(jax.tree.leaves(before, is_leaf=is_lora), jax.tree.leaves(after, is_leaf=is_lora), strict=True):
        np.testing.assert_array_equal(a.scale, b.scale)
        assert float(jnp.abs(b.b).max()) > 0


def test_two_devices_equal_one(weights, key):
    alone = trainer(weights)
    mesh = jax.make_mesh((2,), ("pop",), axis_types=(jax.sharding.AxisType.Auto,))
    spread = trainer(weights, mesh=mesh)
    one = jax.jit(alone.step)(key, alone.init(key, alone.params), alone.params, ())[1]
    two = jax.jit(spread.step)(key, spread.init(key, spread.params), spread.params, ())[1]
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-4)


def test_learning_rates_are_a_vmap(weights, key):
    system = trainer(weights)
    start = system.init(key, system.params)

    def after(rate):
        return system.step(key, start, dataclasses.replace(system.params, learning_rate=rate), ())[0].learned

    both = jax.vmap(after)(jnp.array([0.0, 1e-2]))
    still = jax.tree.map(lambda a, b: np.allclose(a[0], b), both, start.learned)
    assert all(jax.tree.leaves(still))


def test_no_multiset_is_both_learnt_and_held_out():
    task = sft_sorting.sorting(train=500, held_out=50, n_digits=4)
    learnt, held = ({answer for _, answer in pairs} for pairs in task)
    assert not learnt & held
    assert len(held) == 50
    assert all(sorted(turns[-1]["content"].split()) == a.split() for turns, a in task.train)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: trainer(w, batch=99), "batch"),
        (lambda w: trainer(w, accumulate=3), "accumulate"),
        (lambda w: packing.pack(EXAMPLES, 8), "at least 9"),
        (lambda w: packing.pack([], 8), "none"),
        (lambda w: sft_sorting.sorting(train=1, held_out=99, n_digits=2), "held out"),
        (lambda w: sft_sorting.sorting(train=1, held_out=1, n_digits=1), "n_digits"),
    ],
)
def test_wrong_arguments_are_named(weights, call, message):
    with pytest.raises(ValueError, match=message):
        call(weights)

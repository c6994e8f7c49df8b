"""A neural automaton learns to grow a butterfly from one cell, to keep it, and to mend it.

jaxlife run --config=configs/growing_nca/butterfly.py --workdir=runs/butterfly
jaxlife run --config=configs/growing_nca/butterfly.py --config.picture=emoji:lizard --workdir=runs/lizard

3,200 generations: 19 min on two busy CPU cores. Recovery, 1 - (healed - grown) / (hurt - grown) of the squared error,
mean of 8 runs and 95 % interval: a disc .82 [.73, .92], the right half .86 [.81, .90], the lower half .93 [.90, .97].
docs/images/growing_nca.gif is its grown.gif.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.config(
        arg,
        {
            "system": "growing_nca",
            "picture": "butterfly",
            "side": 16,
            "margin": 3,
            "units": 64,
            "pool": 256,
            "batch": 4,
            "wounded": 2,
            "growth": (32, 48),
            "drop": 2400,
            "shown": 96,
            "learning_rate": 3e-3,
            "generations": 3200,
            "runner": {"chunk": 10, "checkpoint_every": 100, "headline": "loss"},
        },
        smoke={
            "side": 8,
            "margin": 2,
            "wounded": 1,
            "units": 8,
            "pool": 8,
            "growth": (3, 4),
            "shown": 24,
            "generations": 3,
            "runner.chunk": 2,
        },
    )

"""Strategies race over BBOB: medians with 95 % intervals over 16 seeds, and empirical distributions of running times.

jaxlife run --config=configs/evolution/bbob.py --workdir=runs/bbob
jaxlife run --config=configs/evolution/bbob.py --workdir=runs/bbob --config.seeds=32 --config.length=500

SNES (fast sigma) is the control: what the released checkpoint of Evolution Transformer amounts to. Seen and unseen are
the functions that our checkpoints of it were trained on, and others. The folder gets race.md (the tables), race.npz
(every curve), profile-SIZE.png and .svg.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    base = {
        "system": "race",
        "strategies": settings.RACERS,
        "sizes": ((8, 16), (20, 32)),
        "seen": (1, 3, 8, 10),
        "unseen": (6, 11, 14, 17),
        "seeds": 16,
        "length": 64,
        "generations": 64,
        "sigma": 1.0,
        "runner": {"chunk": 16, "checkpoint_every": 32, "log_every": 4},
    }
    if arg == "smoke":
        base["strategies"] = {name: settings.RACERS[name] for name in ("SNES", "random search")}
    return settings.config(
        arg,
        base,
        smoke={
            "sizes": ((3, 4),),
            "seen": (1,),
            "unseen": (8,),
            "seeds": 3,
            "length": 4,
            "generations": 4,
            "runner.chunk": 2,
        },
    )

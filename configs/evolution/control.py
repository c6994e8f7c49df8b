"""Evolution Transformer and the others search policies for a control task of gymnax: returns over 16 seeds.

jaxlife run --config=configs/evolution/control.py --workdir=runs/cartpole
jaxlife run --config=configs/evolution/control.py:acrobot --workdir=runs/acrobot
jaxlife run --config=configs/evolution/control.py:pendulum --workdir=runs/pendulum

Nothing was trained on control. SNES (fast sigma) is the control: what the released checkpoint amounts to. The folder
gets race.md, medians with 95 % intervals half way and at the end, and race.npz.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.control_race(
        arg,
        strategies=settings.RACERS,
        smoke={name: settings.RACERS[name] for name in ("SNES", "random search")},
        variants={
            "acrobot": {"task": "acrobot", "length": 8, "generations": 8},
            "pendulum": {"task": "pendulum", "hidden": (8,), "length": 32, "generations": 32},
        },
        population=16,
        seeds=16,
        length=12,
        generations=12,
        runner={"chunk": 4, "checkpoint_every": 4, "log_every": 4},
    )

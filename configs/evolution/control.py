"""Evolution Transformer and the others search policies for a control task of gymnax: returns over 16 seeds.

jaxlife run --config=configs/evolution/control.py --workdir=runs/cartpole
jaxlife run --config=configs/evolution/control.py:acrobot --workdir=runs/acrobot
jaxlife run --config=configs/evolution/control.py:pendulum --workdir=runs/pendulum

Nothing was trained on control. SNES (fast sigma) is the control: what the released checkpoint amounts to. The folder
gets race.md, medians with 95 % intervals half way and at the end, and race.npz.
"""

from jaxlife.bin import settings

RACERS = {
    "evotf ead_sep_cma_es": {"name": "evotf", "checkpoint": "ead_sep_cma_es"},
    "evotf ead_snes": {"name": "evotf", "checkpoint": "ead_snes"},
    "evotf released": {"name": "evotf", "checkpoint": "released", "legacy_weights": True},
    "SNES (fast sigma)": {"name": "snes", "lr_sigma": 0.2065},
    "SNES": {"name": "snes"},
    "Sep-CMA-ES": {"name": "sep_cma_es"},
    "CMA-ES": {"name": "cma_es"},
    "OpenAI-ES": {"name": "open_es"},
    "LES (evosax)": {"name": "evosax/LES"},
    "random search": {"name": "random_search"},
}


def get_config(arg=None):  # noqa: ANN001, ANN201
    base = {
        "system": "control_race",
        "task": "cartpole",
        "strategies": RACERS,
        "population": 16,
        "seeds": 16,
        "length": 12,
        "generations": 12,
        "episodes": 4,
        "hidden": (),
        "limit": 0,
        "sigma": 0.5,
        "runner": {"chunk": 4, "checkpoint_every": 4, "log_every": 4},
    }
    if arg == "smoke":
        base["strategies"] = {"SNES": RACERS["SNES"], "random search": RACERS["random search"]}
    smoke = {"seeds": 2, "length": 2, "generations": 2, "episodes": 1, "limit": 20, "runner.chunk": 2}
    pendulum = {"task": "pendulum", "hidden": (8,), "length": 32, "generations": 32}
    return settings.config(
        arg, base, smoke=smoke, acrobot={"task": "acrobot", "length": 8, "generations": 8}, pendulum=pendulum
    )

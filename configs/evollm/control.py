"""EvoLLM searches linear policies for CartPole or Acrobot, beside the others at equal evaluations.

jaxlife run --config=configs/evollm/control.py --workdir=runs/evollm-cartpole
jaxlife run --config=configs/evollm/control.py:acrobot --workdir=runs/evollm-acrobot

With :taught (:acrobot_taught) the taught model runs alone, with :controls (:acrobot_controls) all others, from the same
seeds. A generation of ten searches asks 100 queries of 38 tokens for CartPole, 210 for Acrobot: some 20 and 40 seconds
of processor time. CartPole after 40 evaluations: taught 106.0 [45.8, 212.5], stopped there; SNES 86.9 [60.8, 187.6],
hill climbing 254.1 [93.2, 447.6]. Acrobot was not run.
"""

from jaxlife.bin import settings

RACERS = {
    "EvoLLM, tuned": {"name": "evollm", "adapter": "teachers"},
    "EvoLLM, copy of the best": {"name": "evollm", "model": "copy_best"},
    "EvoLLM, mean of the better half": {"name": "evollm", "model": "recombine"},
    "EvoLLM, random answers": {"name": "evollm", "model": "uniform"},
    "SNES": {"name": "snes"},
    "Sep-CMA-ES": {"name": "sep_cma_es"},
    "hill climbing": {"name": "gaussian_ga", "elites": 1},
    "random search": {"name": "random_search"},
}


def get_config(arg=None):  # noqa: ANN001, ANN201
    taught = "EvoLLM, tuned"
    who = RACERS
    if arg and arg.endswith("taught"):
        who = {taught: RACERS[taught]}
    if arg and arg.endswith("controls"):
        who = {name: how for name, how in RACERS.items() if name != taught}
    acrobot = {"task": "acrobot"}
    return settings.control_race(
        arg,
        strategies=who,
        smoke={"EvoLLM, tiny": {"name": "evollm", "model": "untrained"}, "SNES": RACERS["SNES"]},
        variants={
            "taught": {},
            "controls": {},
            **dict.fromkeys(("acrobot", "acrobot_taught", "acrobot_controls"), acrobot),
        },
        population=8,
        seeds=10,
        length=8,
        generations=8,
        runner={"chunk": 1, "checkpoint_every": 1, "log_every": 1},
    )

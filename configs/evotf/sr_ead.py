"""Evolution Transformer learns from random weights and no teacher, by imitating the best of its perturbed copies.

jaxlife run --config=configs/evotf/sr_ead.py --workdir=runs/sr-ead

At the end it prints, and writes to judged.json, the median log10 of the best value on tasks that were neither learnt on
nor used by its gate, beside SNES, Sep-CMA-ES, the released checkpoint and random weights; curve.png is the gate's
median against iterations. evotf.npz is the checkpoint.

1,110 iterations took 13 min on two cores shared with other work (.7 s each; .15 s alone with 12 tasks; compiling takes
a minute). They end at a median of 1.45 on new instances (SNES 1.33, random weights 3.17), D = 4, N = 8, and at .40 on
functions that it never saw (SNES .39, random weights 2.54). The result is the shipped checkpoint `sr_ead`. The
search is luck in part: other settings and larger networks stayed between 1.65 and 2.2 in some hundred iterations.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    base = {
        "system": "sr_ead",
        "seed": 1,
        "network": {
            "width": 8,
            "n_heads": 1,
            "n_latents": 1,
            "latent_width": 4,
            "n_layers": 1,
            "fitness": False,
            "moments": True,
            "cross": False,
        },
        "relative": True,
        "drop": "",
        "training": {
            "functions": (1, 2, 3, 8, 10, 12, 15),
            "dim": 4,
            "population": 8,
            "generations": 32,
            "instances": 12,
            "tasks": 16,
            "copies": 16,
            "imitations": 4,
            "sigma": 0.15,
            "sigma_range": (0.05, 0.3),
            "pace": 0.02,
            "learning_rate": 8e-3,
            "trust": 3.0,
            "memory": 0.9,
            "gate_tasks": 128,
            "gate_every": 10,
            "patience": 10,
        },
        "judged": {"tasks": 128, "sizes": ((4, 8), (8, 16))},
        "steps": 1110,
        "runner": {"chunk": 10, "checkpoint_every": 50, "log_every": 10, "headline": "best"},
    }
    return settings.config(
        arg,
        base,
        smoke={
            "network": {
                "width": 4,
                "n_heads": 1,
                "n_latents": 1,
                "latent_width": 2,
                "fitness": False,
                "moments": False,
            },
            "training.functions": (1,),
            "training.dim": 2,
            "training.population": 4,
            "training.generations": 4,
            "training.instances": 1,
            "training.tasks": 2,
            "training.copies": 2,
            "training.imitations": 1,
            "training.gate_tasks": 2,
            "training.gate_every": 2,
            "judged.sizes": (),
            "steps": 4,
            "runner.chunk": 2,
            "runner.log_every": 1,
        },
    )

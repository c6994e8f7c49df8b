"""Evolution Transformer learns from random weights and no teacher, by imitating the best of its perturbed copies.

jaxlife run --config=configs/evotf/sr_ead.py --workdir=runs/sr-ead

At the end it prints, and writes to judged.json, the median log10 of the best value on tasks that were neither learnt on
nor used by its gate, beside SNES, Sep-CMA-ES, the released checkpoint and random weights; curve.png is the gate's
median against iterations. evotf.npz is the checkpoint.

The full run was not made. Compiling takes about 90 s of processor time, an iteration .37 s on two shared cores. A trial
of 180 iterations, with a score by the mean of the members in place of the best value so far, took the gate's median
from 2.61 at its first gate to 1.81 at iteration 70 and then wandered.
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
        "steps": 4000,
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

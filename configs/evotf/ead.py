"""Evolution Transformer learns from teachers: SNES by default, Sep-CMA-ES (whose update is not an input), or a mixture.

jaxlife run --config=configs/evotf/ead.py --workdir=runs/ead
jaxlife run --config=configs/evotf/ead.py:sep_cma_es --workdir=runs/ead-sep
jaxlife run --config=configs/evotf/ead.py:mixture --workdir=runs/ead-mixture

At the end it prints, and writes to judged.json, the KL from the teachers on searches that were held out, beside that of
the released checkpoint, and how far both teacher and student get on the sphere. evotf.npz is the checkpoint:
`jl.strategies.evotf(x, checkpoint="runs/ead/evotf.npz")`; evotf.json is its config, curve and table.

900 updates took nine minutes on two busy cores (4 min 50 s of processor time with what is judged at the end).
With SNES as the teacher: KL .00020 on D = 5, N = 12 (released .0056), on the sphere -4.92 where SNES reaches -4.96.
"""

from jaxlife.bin import settings

SEP = {"teachers": {"sep_cma_es": {}}}
MIXTURE = {"teachers": {"snes": {}, "sep_cma_es": {}, "open_es": {"learning_rate": 0.05}, "gaussian_ga": {}}}


def get_config(arg=None):  # noqa: ANN001, ANN201
    base = {
        "system": "ead",
        "sizes": ((3, 8), (8, 16)),
        "searches": 256,
        "length": 48,
        "instances": 12,
        "network": {
            "width": 16,
            "n_heads": 2,
            "n_latents": 4,
            "latent_width": 16,
            "n_layers": 1,
            "fitness": True,
            "cross": True,
        },
        "relative": True,
        "drop": "",
        "batch": 16,
        "window": 32,
        "learning_rate": 3e-3,
        "decay": 900,
        "judged": {"searches": 64, "generations": 64, "seeds": 16, "sizes": ((5, 12), (8, 24))},
        "steps": 900,
        "runner": {"chunk": 50, "checkpoint_every": 400, "log_every": 5, "headline": "loss"},
    }
    teachers = {"sep_cma_es": SEP, "mixture": MIXTURE}.get(arg, {"teachers": {"snes": {}}})
    return settings.config(
        arg,
        {**base, **teachers},
        sep_cma_es={},
        mixture={},
        smoke={
            "sizes": ((2, 4),),
            "searches": 4,
            "length": 5,
            "instances": 1,
            "network.width": 4,
            "network.latent_width": 4,
            "network.n_latents": 2,
            "network.fitness": False,
            "network.cross": False,
            "batch": 2,
            "window": 4,
            "judged.sizes": (),
            "steps": 4,
            "runner.chunk": 2,
            "runner.log_every": 1,
        },
    )

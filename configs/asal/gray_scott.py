"""Gray-Scott searched for a text prompt.

jaxlife run --config=configs/asal/gray_scott.py --config.prompts="a red ring" --workdir=runs/ring
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.config(
        arg,
        {
            "system": "asal",
            "prompts": "a red ring",
            "world": "gray_scott",
            "world_args": {"size": 64},
            "encoder": "lite",
            "objective": "target",
            "strategy": {"name": "sep_cma_es", "population": 16, "sigma": 0.5},
            "frames": 1,
            "stride": 512,
            "n_inits": 2,
            "keep": 4,
            "devices": 1,
            "generations": 90,
            "runner": {"checkpoint_every": 30},
            "report": {"seeds": 16, "validation": 4, "shown": 4, "pictures": 48, "sheet": 12},
        },
        smoke={
            "world_args.size": 32,
            "stride": 16,
            "n_inits": 1,
            "keep": 1,
            "generations": 3,
            "strategy.population": 4,
            "runner.chunk": 2,
            "report": {"seeds": 2, "validation": 2, "shown": 2, "pictures": 4, "sheet": 4},
        },
    )

"""SmolLM2-135M-Instruct is taught to search: LoRA on what SNES and Sep-CMA-ES did on other functions.

jaxlife run --config=configs/evollm/tune.py --workdir=runs/evollm-tune

A lesson is one dimension of one generation of a teacher's search, told as EvoLLM tells it; the answer is the teacher's
next mean. The folder gets evollm.npz (the adapter, 2.3 MB), judged.json and the recorded searches.

Measured on two busy cores: 60 updates (31,000 tokens, a quarter of the lessons) in 11 minutes of processor time, loss
1.84 to 1.0 a token. Mean error of the greedy answers in cells of 100, on functions (f1, f8, f10, f15), dimensions (5,
10) and instances that were never learnt on: 19.3 before, 4.5 after; copying the best member 7.5, standing still 7.7. It
ships as the adapter "teachers". The schedule was made for 240 updates; the loss had not fallen since update 30.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.config(
        arg,
        {
            "system": "evollm_tune",
            "model": "smollm2-135m-instruct",
            "layout": {"resolution": 100, "generations": 1, "members": 6, "block": 1, "frame": 3.0, "form": "terse"},
            "teachers": {"snes": {}, "sep_cma_es": {}},
            "functions": (6, 7, 12, 13, 14, 17, 20),
            "unseen": (1, 8, 10, 15),
            "sizes": ((2, 6), (3, 8), (4, 6)),
            "unseen_sizes": ((5, 6), (10, 8)),
            "searches": 128,
            "generations_told": 24,
            "lessons": 3000,
            "judged": 256,
            "length": 256,
            "batch": 2,
            "learning_rate": 2e-3,
            "decay": 240,
            "rank": 4,
            "steps": 60,
            "runner": {"chunk": 5, "checkpoint_every": 20, "headline": "loss"},
        },
        smoke={
            "model": "untrained",
            "sizes": ((2, 6),),
            "unseen_sizes": ((3, 6),),
            "functions": (6,),
            "unseen": (1,),
            "searches": 2,
            "generations_told": 3,
            "lessons": 8,
            "judged": 4,
            "batch": 1,
            "rank": 1,
            "steps": 2,
            "runner.chunk": 2,
        },
    )

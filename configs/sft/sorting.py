"""SmolLM2-135M-Instruct learns to sort six digits, by LoRA on every matrix.

jaxlife run --config=configs/sft/sorting.py --workdir=runs/sorting

At the end it prints, and writes to accuracy.json, how many greedy answers are right before and after: on questions of
the training set, and on multisets of digits that were held out. Measured on two cores: 0 of 200 right before and 200 of
200 after, on both sets (95 % interval .98 to 1), in 39 minutes of processor time.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.config(
        arg,
        {
            "system": "sft",
            "model": "smollm2-135m-instruct",
            "task": {"train": 3000, "held_out": 200, "n_digits": 6},
            "length": 128,
            "batch": 4,
            "accumulate": 1,
            "learning_rate": 2e-3,
            "decay": 250,
            "rank": 8,
            "remat": False,
            "judged": 200,
            "steps": 250,
            "runner": {"chunk": 10, "headline": "loss"},
        },
        smoke={
            "model": "untrained",
            "task.train": 16,
            "task.held_out": 2,
            "length": 128,
            "batch": 2,
            "rank": 1,
            "judged": 2,
            "steps": 2,
            "runner.chunk": 2,
        },
    )

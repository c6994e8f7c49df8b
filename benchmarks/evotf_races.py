"""How far does Evolution Transformer get, beside its teachers and the control that the released one amounts to?

python benchmarks/evotf_races.py [--sizes 8x16 20x32] [--seeds 16] [--generations 64]

Median over seeds of log10 of the best f - f_opt, with a 95 % interval (bootstrap of the median), over BBOB functions
that our checkpoints were trained on and others. Every strategy has the same starts and instances (none trained on), and
sigma = 1.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

from jaxlife import objectives, strategies
from jaxlife.models import evotf
from jaxlife.systems import evotf_judge

SEEN, UNSEEN = (1, 3, 8, 10), (6, 11, 14, 17)


def racers(dim, population):
    x, n = jnp.zeros(dim), {"population": population}
    found = {f"evotf {name}": strategies.evotf(x, checkpoint=name, **n) for name in evotf.names() if name != "released"}
    return {
        **found,
        "evotf released": strategies.evotf(x, checkpoint="released", legacy_weights=True, **n),
        "SNES, lr_std .2065": strategies.snes(x, lr_sigma=0.2065, **n),
        "SNES": strategies.snes(x, **n),
        "Sep-CMA-ES": strategies.sep_cma_es(x, **n),
        "CMA-ES": strategies.cma_es(x, **n),
        "OpenAI-ES": strategies.open_es(x, **n),
        "LES (evosax)": strategies.evosax("LES", x, sigma=1.0, **n),
        "random search": strategies.random_search(x, **n),
    }


def interval(values):
    draws = np.random.default_rng(0).choice(values, (2000, len(values)))
    return np.percentile(np.median(draws, axis=1), [2.5, 97.5])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["8x16", "20x32"])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--generations", type=int, default=64)
    args = parser.parse_args()
    functions = sorted((*SEEN, *UNSEEN))
    for size in args.sizes:
        dim, population = (int(v) for v in size.split("x"))
        suite = objectives.bbob_suite(functions=functions, instances=tuple(range(1001, 1001 + args.seeds)), dim=dim)
        print(f"\nD = {dim}, N = {population}, {args.generations} generations, {args.seeds} seeds\n")
        print("| strategy |", " | ".join(f"f{f}{'' if f in SEEN else ' (unseen)'}" for f in functions), "|")
        print("|---|", "---:|" * len(functions), sep="")
        for name, strategy in racers(dim, population).items():
            run = jax.jit(evotf_judge.race(strategy, suite, generations=args.generations))
            best = np.log10(np.maximum(run(jax.random.key(5)), 1e-12))
            cells = [f"{np.median(row):.2f} [{interval(row)[0]:.2f}, {interval(row)[1]:.2f}]" for row in best]
            print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()

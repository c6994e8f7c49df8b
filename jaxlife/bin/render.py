"""Plays a world again: `jaxlife render FILE.json [--out=FILE.mp4]` or `jaxlife render WORKDIR --index=I`.

FILE.json is what an atlas saves. --out ends in .mp4, .gif or .png (the last moment); --pictures=48, --fps=12,
--size=512 (pixels at least), --steps=N (as many as the world was seen for), --stride=N (steps between pictures),
--seed=N (the one it was seen from).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxlife.bin import arguments, cli

KINDS = (".mp4", ".gif", ".png")


def main(argv: Sequence[str] | None = None) -> int:
    """Writes one film or picture; returns the exit status."""
    return cli.guarded("jaxlife render", __doc__, _run, argv)


def _run(argv: Sequence[str]) -> int:
    given = arguments.parse(
        argv, "source", out="", index=-1, pictures=48, fps=12.0, steps=0, stride=0, seed=-1, size=512
    )
    out = Path(given.out) if given.out else None
    if out and out.suffix not in KINDS:
        raise ValueError(f"--out: expected a name that ends in {', '.join(KINDS)}, got {given.out}")
    if given.pictures < 1 or given.steps < 0 or given.size < 1:
        raise ValueError("--pictures and --size: expected at least 1, --steps at least 0")
    from jaxlife.bin import rendering  # jax takes a moment: refuse first

    source = Path(given.source)
    found = rendering.find(source, given.index if given.index >= 0 else None)
    film = rendering.shoot(found, pictures=given.pictures, steps=given.steps, stride=given.stride, seed=given.seed)
    print(rendering.write(film, out, source, fps=given.fps, size=given.size), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

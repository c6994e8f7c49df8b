"""Makes a map of found worlds: `jaxlife atlas WORKDIR [--pictures=24] [--stride=N] [--size=128]`.

WORKDIR is what an illumination or a sweep wrote (archive.npz). It gets atlas.html, a page that needs no server, and the
folder atlas/ with films. Stopped, the same command goes on. `jaxlife view WORKDIR` serves it and understands any text.
A film spans the time for which a world was seen, or the last pictures x stride steps of it; --title is the headline.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxlife.bin import arguments, cli


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the atlas of a folder; returns the exit status."""
    return cli.guarded("jaxlife atlas", __doc__, _run, argv)


def _run(argv: Sequence[str]) -> int:
    given = arguments.parse(argv, "workdir", pictures=24, stride=0, size=128, title="")
    from jaxlife.bin import atlas_making  # jax takes a moment: refuse first

    for name in ("pictures", "size"):
        if getattr(given, name) < 1:
            raise ValueError(f"--{name}: expected at least 1, got {getattr(given, name)}")
    options = atlas_making.Options(given.pictures, given.stride, given.size, given.title)
    print(f"atlas: {atlas_making.make(Path(given.workdir), options)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

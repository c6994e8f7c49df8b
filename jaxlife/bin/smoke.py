"""Runs every config at its :smoke size, one a core: `jaxlife smoke [configs/asal ...]`; each should take under 20 s."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent import futures
from pathlib import Path

LIMIT = 20.0  # seconds
FLAGS = "--xla_backend_optimization_level=0"  # a few small steps run sooner than XLA optimises them


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the configs below the given files and folders, all of configs/ by default; returns how many failed."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "-help", "--help"} & set(arguments):
        print(__doc__)
        return 0
    files = [file for root in map(Path, arguments or ["configs"]) for file in _configs(root)]
    if not files:
        print(f"jaxlife smoke: no configs in {', '.join(arguments) or 'configs/'} (from {Path.cwd()})", file=sys.stderr)
        return 2
    # What takes time is compiling, which uses one core; what two configs have in common is compiled once.
    with tempfile.TemporaryDirectory() as cache, futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = pool.map(_passes, files, [cache] * len(files))
        failed = [str(file) for file, passes in zip(files, passed, strict=True) if not passes]
    print(f"{len(files) - len(failed)} of {len(files)} configs ran" + "".join(f"\nfailed: {name}" for name in failed))
    return int(bool(failed))


def _configs(root: Path) -> list[Path]:
    return [root] if root.is_file() else sorted(root.rglob("*.py"))


def _passes(file: Path, cache: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        command = [sys.executable, "-m", "jaxlife.bin.run", f"--config={file}:smoke", f"--workdir={folder}/run"]
        environment = {
            **os.environ,
            "XLA_FLAGS": f"{FLAGS} {os.environ.get('XLA_FLAGS', '')}",
            "JAX_COMPILATION_CACHE_DIR": cache,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        seconds = time.monotonic() - begun
    note = "FAILED" if done.returncode else f"over {LIMIT:.0f} s" if seconds > LIMIT else "ok"
    print(f"{file}:smoke  {seconds:.1f} s  {note}", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

"""Two real processes that share one search."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

from jaxlife.core import search
from jaxlife.experiment import chunks

WORKER = Path(__file__).with_name("worker.py")


def run_two(workdir, steps):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}  # one device each
    command = [sys.executable, str(WORKER), "sphere", str(workdir), str(steps), str(port)]
    both = [
        subprocess.Popen([*command, str(i)], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for i in range(2)
    ]
    try:
        said = [process.communicate(timeout=120)[1] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    return said


def test_two_processes_compute_one_search_and_one_of_them_writes(worker, tmp_path):
    run_two(tmp_path, 4)
    chief, other = run_two(tmp_path, 6)  # goes on from the checkpoint at 4
    assert "going on from step 4 of 6" in chief
    assert "results:" in chief
    assert "results:" not in other
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 7))

    alone = chunks.compile_program(
        worker.sphere(devices=0), search.Params(), jax.random.key(1), observe=worker.pick, size=6
    )
    _, seen = alone.advance(alone.start(), 0, 6)
    np.testing.assert_allclose([row["fitness"] for row in rows], seen["fitness"], rtol=1e-5)

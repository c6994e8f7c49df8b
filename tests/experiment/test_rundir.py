import json
import subprocess
import sys

import pytest

from jaxlife.experiment import rundir
from jaxlife.experiment.rundir import WorkdirError

CONFIG = {"config": {"prompts": ["a red ring"], "strategy": {"sigma": 0.1, "name": "cma"}, "generations": 10}}


def test_a_folder_of_another_config_is_refused_with_the_difference(tmp_path):
    rundir.claim(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_bytes()
    other = {"config": {"prompts": ["a blue maze"], "strategy": {"sigma": 0.1}, "generations": 10, "seed": 1}}
    with pytest.raises(WorkdirError) as error:
        rundir.claim(tmp_path, other)
    lines = [line for line in str(error.value).splitlines() if line.startswith("  ")]
    assert lines == [
        '  config.prompts: ["a red ring"] | ["a blue maze"]',
        "  config.seed: (absent) | 1",
        "  config.strategy.name: cma | (absent)",
    ]
    assert (tmp_path / "config.json").read_bytes() == before


def test_what_is_free_may_change_and_is_recorded(tmp_path):
    rundir.claim(tmp_path, CONFIG)
    longer = {"config": {**CONFIG["config"], "generations": 20}}
    rundir.claim(tmp_path, longer, free=frozenset({"config.generations"}))
    assert rundir.load(tmp_path)["config"]["generations"] == 20


def test_true_is_not_one(tmp_path):
    assert rundir.difference({"a": True}, {"a": 1}) == ["  a: true | 1"]


def test_a_run_without_its_config_is_refused(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(WorkdirError, match="holds a run"):
        rundir.claim(tmp_path, CONFIG)


def test_a_torn_config_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WorkdirError, match="cannot be read"):
        rundir.claim(tmp_path, CONFIG)


def test_a_folder_that_cannot_be_made_or_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkdirError, match="Not a directory"):
        rundir.create(tmp_path / "file" / "run")
    with pytest.raises(WorkdirError, match="expected a folder that can be written"):
        rundir.create("/proc/run")


def test_unfinished_work_of_a_killed_process_is_swept(tmp_path):
    part = tmp_path / "checkpoints" / ".part-step_00000003"
    part.mkdir(parents=True)
    rundir.create(tmp_path)
    assert not part.exists()


def test_a_second_process_is_refused_and_told_who_runs(tmp_path):
    code = (
        "from pathlib import Path; from jaxlife.experiment import rundir\n"
        f"with rundir.locked(Path({str(tmp_path)!r})): input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as other:
        try:
            while not (tmp_path / ".lock").exists() or not (tmp_path / ".lock").read_text():
                assert other.poll() is None
            with pytest.raises(WorkdirError, match=f"process {other.pid} is running here"), rundir.locked(tmp_path):
                pass
        finally:
            other.kill()
    with rundir.locked(tmp_path):  # the lock died with its process
        pass


def test_sessions_accumulate(tmp_path):
    rundir.claim(tmp_path, CONFIG)
    rundir.begin_session(tmp_path, {"from_step": 0, "git": {"commit": "a"}})
    assert rundir.begin_session(tmp_path, {"from_step": 5, "git": {"commit": "b"}}) == ["  git.commit: a | b"]
    sessions = json.loads((tmp_path / "config.json").read_text())["sessions"]
    assert [session["from_step"] for session in sessions] == [0, 5]

"""evotf.json, written from what a run left."""

import json
from pathlib import Path

import pytest

from jaxlife.bin import evotf_history


@pytest.mark.parametrize(("lines", "kept"), [(0, 0), (3, 3), (200, 60)])
def test_the_curve_is_as_long_as_the_log_and_at_most_sixty_lines(tmp_path: Path, lines: int, kept: int):
    (tmp_path / "config.json").write_text(json.dumps({"config": {"steps": lines}}))
    (tmp_path / "metrics.jsonl").write_text("".join(f'{{"step": {i}, "loss": {1 / (i + 1)}}}\n' for i in range(lines)))
    evotf_history.write(tmp_path, {"sphere": {"ours": -1.0}})
    written = json.loads((tmp_path / "evotf.json").read_text())
    assert written["config"] == {"steps": lines}
    assert written["table"] == {"sphere": {"ours": -1.0}}
    assert len(written["curve"].get("loss", ())) == kept
    if lines:
        assert (written["curve"]["step"][0], written["curve"]["step"][-1]) == (0, lines - 1)

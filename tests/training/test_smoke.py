"""Every stage of the training runs on a handful of faces, and its loss falls."""

from __future__ import annotations

import subprocess
import sys


def test_smoke() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stylefaceuv.training", "--smoke"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count("->") == 10


def test_an_unknown_stage_is_wrong_use() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stylefaceuv.training", "uv-hot"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "uv-warm" in done.stderr

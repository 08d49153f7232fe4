"""Every example runs and leaves files that open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trimesh
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
ARGUMENTS = {"crowd": ["2"], "interpolation": ["2"], "turntable": ["3"], "one_head": [], "own_weights": []}
FILES = {
    "crowd": ["000000.glb", "000001.glb"],
    "interpolation": ["morph.webp"],
    "turntable": ["turntable.webp"],
    "one_head": ["one_head.png", "one_head.glb", "one_head.obj"],
    "own_weights": ["bundle/config.json", "bundle/manifest.json", "bundle/generator.safetensors"],
}


def test_every_example_is_known() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} - {"attach_to_makehuman_body"} == set(ARGUMENTS)


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_example(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), str(tmp_path), *ARGUMENTS[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
    for file in FILES[name]:
        path = tmp_path / file
        assert path.is_file()
        if path.suffix == ".glb":
            assert trimesh.load(path, force="scene").geometry
        elif path.suffix in (".png", ".webp"):
            with Image.open(path) as picture:
                assert min(picture.size) >= 256
                assert getattr(picture, "n_frames", 1) >= (2 if path.suffix == ".webp" else 1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("attach_to_makehuman_body", []),
        ("attach_to_makehuman_body", ["out", "no-such.obj"]),
        ("crowd", ["out", "abc"]),
        ("interpolation", ["out", "abc"]),
        ("turntable", ["out", "abc"]),
    ],
)
def test_wrong_arguments_end_in_the_usage(name: str, arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())

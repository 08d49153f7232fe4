"""Every example runs and leaves files that open."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import trimesh
from PIL import Image

from stylefaceuv import StyleFaceUV

EXAMPLES = Path(__file__).parents[1] / "examples"
ARGUMENTS = {"crowd": ["2"], "interpolation": ["2"], "turntable": ["3"], "one_head": [], "own_weights": []}
FILES = {
    "crowd": ["000000.glb", "000001.glb"],
    "interpolation": ["morph.webp"],
    "turntable": ["turntable.webp"],
    "one_head": ["one_head.png", "one_head.glb", "one_head.obj"],
    "own_weights": ["bundle/config.json", "bundle/manifest.json", "bundle/generator.safetensors"],
}
IN_ITS_OWN_PROCESS = "own_weights"


def run_here(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a script in this process, which has imported torch already."""
    script = str(EXAMPLES / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(script, run_name="__main__")


@pytest.fixture
def loaded_once(model: StyleFaceUV, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded weights are loaded already where a script asks for them, and for nothing else."""
    monkeypatch.setattr(StyleFaceUV, "from_pretrained", lambda: model)


def test_every_example_is_known() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} - {"attach_to_makehuman_body"} == set(ARGUMENTS)


@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - {IN_ITS_OWN_PROCESS}))
@pytest.mark.usefixtures("loaded_once")
def test_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_here(name, [str(tmp_path), *ARGUMENTS[name]], monkeypatch)
    assert capsys.readouterr().out.strip()
    check_files(name, tmp_path)


def test_example_in_a_process_of_its_own(tmp_path: Path) -> None:
    name = IN_ITS_OWN_PROCESS
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), str(tmp_path), *ARGUMENTS[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
    check_files(name, tmp_path)


def check_files(name: str, folder: Path) -> None:
    """Fail unless all that the example promises is there and opens."""
    for file in FILES[name]:
        path = folder / file
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
def test_wrong_arguments_end_in_the_usage(
    name: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run_here(name, arguments, monkeypatch)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")
    assert not list(tmp_path.iterdir())

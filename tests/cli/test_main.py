"""The command: every verb, exit codes, one-line errors, results on stdout and progress on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylefaceuv import __version__
from stylefaceuv.cli.generate import _workers
from stylefaceuv.cli.main import main
from stylefaceuv.control import DirectionalLight, View
from stylefaceuv.errors import DeviceError, WeightsError
from tests.bundles import make_bundle
from tests.fakes.heads import FakeModel

VERBS = ("generate", "render", "turntable", "morph", "sheet", "export", "info")
SMALL = {
    "generate": ["--count", "2"],
    "render": ["--size", "16"],
    "turntable": ["--size", "16", "--frames", "3"],
    "morph": ["--size", "16", "--frames", "2", "--index", "0", "--index", "4"],
    "sheet": ["--count", "2", "--cell", "32"],
    "export": [],
    "info": ["--head"],
}
OUT = {
    "generate": "heads",
    "render": "head.png",
    "turntable": "turn.webp",
    "morph": "morph.gif",
    "sheet": "sheet.png",
    "export": "head.glb",
    "info": "info.json",
}


class Loader:
    """Stands in for the real one and remembers how it was called."""

    def __init__(self, model: FakeModel | None = None, error: Exception | None = None) -> None:
        self.model = model or FakeModel()
        self.error = error
        self.calls: list[tuple[str | None, str | None, str | None, str]] = []

    def __call__(self, source: str | None, revision: str | None, device: str | None, hair: str) -> FakeModel:
        self.calls.append((source, revision, device, hair))
        if self.error is not None:
            raise self.error
        return self.model


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_seed_device_out_and_json(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loader, bundle = Loader(), make_bundle(tmp_path / "bundle")
    out = tmp_path / OUT[verb]
    common = ["--seed", "7", "--device", "cpu", "--out", str(out), "--json", "--weights", str(bundle.directory)]
    assert main([verb, *common, *SMALL[verb]], loader) == 0
    assert out.exists()
    assert loader.calls == [(str(bundle.directory), None, "cpu", "clean")]
    result = json.loads(capsys.readouterr().out)
    assert isinstance(result, dict)
    assert verb == "info" or result["out"] == str(out)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_prints_a_line_for_people_and_keeps_stdout_free_of_progress(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(make_bundle(tmp_path / "bundle").directory)
    assert main([verb, "--out", str(tmp_path / OUT[verb]), "--weights", weights, *SMALL[verb]], Loader()) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1 or verb == "info"
    assert ("head/s" in captured.err or "frame/s" in captured.err) == (
        verb in ("generate", "turntable", "morph", "sheet")
    )


def test_generate_writes_heads_sheet_and_manifest_and_resumes(tmp_path: Path) -> None:
    out = tmp_path / "heads"
    arguments = ["generate", "--seed", "7", "--count", "3", "--out", str(out), "--quiet"]
    loader = Loader()
    assert main(arguments, loader) == 0
    names = ["000000.glb", "000001.glb", "000002.glb", "contact_sheet.png", "manifest.json"]
    assert [path.name for path in sorted(out.iterdir())] == names
    assert main(arguments, loader) == 0
    assert loader.model.made == [0, 1, 2]


def test_generate_with_changed_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "heads")
    assert main(["generate", "--seed", "7", "--out", out, "--quiet"], Loader()) == 0
    capsys.readouterr()
    assert main(["generate", "--seed", "8", "--out", out, "--quiet"], Loader()) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: out: ")
    assert "seed 7 (now 8)" in error
    assert main(["generate", "--seed", "8", "--out", out, "--quiet", "--overwrite"], Loader()) == 0


def test_generate_passes_export_options_on(tmp_path: Path) -> None:
    options = [
        "--level",
        "2",
        "--no-morphs",
        "--texture-size",
        "256",
        "--texture-format",
        "png",
        "--truncation",
        "0.5",
        "--start",
        "9",
    ]
    assert main(["generate", "--count", "1", "--out", str(tmp_path), "--quiet", *options], Loader()) == 0
    content = json.loads((tmp_path / "000009.glb").read_text())
    assert content["options"] == {"level": 2, "morphs": False, "texture_size": 256, "texture_format": "png"}
    assert content["provenance"]["truncation"] == 0.5


def test_render_passes_the_view_on(tmp_path: Path) -> None:
    loader = Loader()
    arguments = ["--yaw", "-30", "--pitch", "5", "--size", "32x16", "--lighting", "studio", "--clay"]
    arguments += ["--no-self-shadow"]
    arguments += ["--expression", "jawOpen=0.6", "--expression", "tongueOut=1", "--background", "#ff0080"]
    assert main(["render", "--out", str(tmp_path / "a.png"), *arguments], loader) == 0
    (view,) = loader.model.studio.renders
    assert view.pop("background") == pytest.approx((1, 0, 128 / 255))
    assert view == {
        "yaw": -30.0,
        "pitch": 5.0,
        "size": (16, 32),
        "lighting": "studio",
        "expression": {"jawOpen": 0.6, "tongueOut": 1.0},
        "shading": "clay",
        "self_shadow": False,
    }
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (32, 16)


def test_render_passes_camera_lamp_and_eyes_on(tmp_path: Path) -> None:
    loader = Loader()
    arguments = ["--expression", "smile", "--add", "jawOpen=-0.05", "--gaze", "-20,10", "--orbit", "40,-15"]
    arguments += ["--distance", "0.8", "--dolly", "1.5", "--fov", "30"]
    arguments += ["--light-direction", "-1,0,1", "--light-color", "1,0.5,0.25", "--size", "16"]
    assert main(["render", "--out", str(tmp_path / "a.png"), *arguments], loader) == 0
    assert loader.model.studio.renders == [
        {
            "size": 16,
            "expression": "smile",
            "add": {"jawOpen": -0.05},
            "gaze": (-20.0, 10.0),
            "lighting": DirectionalLight((-1.0, 0.0, 1.0), color=(1.0, 0.5, 0.25)),
            "view": View(yaw=40.0, pitch=-15.0, distance=0.8, dolly=1.5, field_of_view=30.0),
        }
    ]


@pytest.mark.parametrize("verb", ["render", "turntable"])
def test_light_of_another_head_is_that_head(verb: str, tmp_path: Path) -> None:
    loader = Loader()
    arguments = [verb, "--out", str(tmp_path / OUT[verb]), "--seed", "7", "--index", "1", "--light-of", "5"]
    assert main([*arguments, *SMALL[verb]], loader) == 0
    assert loader.model.made == [5, 1]
    for options in loader.model.studio.renders:
        assert options["lighting"].provenance.index == 5


def test_every_picture_takes_the_same_control(tmp_path: Path) -> None:
    for verb, frames in (("turntable", 3), ("morph", 4)):
        loader = Loader()
        arguments = [*SMALL[verb], "--quiet", "--orbit", "0,20", "--expression", "viseme_aa"]
        assert main([verb, "--out", str(tmp_path / "a.webp"), *arguments], loader) == 0
        views = loader.model.studio.renders
        assert len(views) == frames
        assert all(view["view"] == View(pitch=20.0) and view["expression"] == "viseme_aa" for view in views)


def test_render_asks_for_the_heads_own_values_by_default(tmp_path: Path) -> None:
    loader = Loader()
    assert main(["render", "--out", str(tmp_path / "a.png"), "--expression", "neutral"], loader) == 0
    assert loader.model.studio.renders == [{"size": 512, "expression": "neutral"}]


def test_transparent_render_has_alpha(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert main(["render", "--out", str(path), "--size", "8", "--background", "transparent"], Loader()) == 0
    with Image.open(path) as picture:
        assert picture.mode == "RGBA"


def test_stylecode_file(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.full(512, 0.25, np.float32))
    arguments = ["export", "--stylecode", str(tmp_path / "w.npy"), "--out", str(tmp_path / "a.glb")]
    assert main(arguments, Loader()) == 0
    content = json.loads((tmp_path / "a.glb").read_text())
    assert content["w"] == 128
    assert content["provenance"]["seed"] is None


@pytest.mark.parametrize("array", [np.zeros(512), np.zeros(511, np.float32), np.array([{}], object)])
def test_stylecode_file_with_something_else(
    array: np.ndarray[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "w.npy", array, allow_pickle=True)
    assert main(["export", "--stylecode", str(tmp_path / "w.npy"), "--out", str(tmp_path / "a.glb")], Loader()) == 2
    assert capsys.readouterr().err.startswith("error: stylecode: expected")
    assert not (tmp_path / "a.glb").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "--count", "0"],
        ["generate", "--count", "x"],
        ["generate", "--seed", "-1"],
        ["generate", "--truncation", "3"],
        ["generate", "--format", "fbx"],
        ["generate", "--nonsense"],
        ["render", "--size", "big"],
        ["render", "--size", "0"],
        ["render", "--out", "a.bmp"],
        ["render", "--out", "a.jpg", "--background", "transparent"],
        ["render", "--background", "red"],
        ["render", "--expression", "jawOpen"],
        ["render", "--expression", "neutral", "--expression", "jawOpen=1"],
        ["render", "--expression", "jawopen=0.5"],
        ["render", "--expression", "jawOpen=1.5"],
        ["render", "--lighting", "disco"],
        ["render", "--stylecode", "no-such.npy"],
        ["turntable", "--out", "a.avi"],
        ["turntable", "--frames", "1"],
        ["morph", "--index", "3"],
        ["sheet", "--out", "sheet.pdf"],
        ["export", "--out", "head.fbx"],
        ["export", "--level", "3"],
        ["export", "--texture-size", "1000"],
        ["export", "--texture-format", "bmp"],
        ["render", "--size", "8193"],
        ["render", "--size", "0x64"],
        ["render", "--expression", "hapy"],
        ["render", "--expression", "jawOpen=0.5", "--expression", "jawOpen=0.6"],
        ["render", "--expression", "smile", "--expression", "jawOpen=0.6"],
        ["render", "--gaze", "10"],
        ["render", "--gaze", "10,up"],
        ["render", "--orbit", "0,90"],
        ["render", "--orbit", "nan,0"],
        ["render", "--dolly", "0"],
        ["render", "--fov", "180"],
        ["render", "--distance", "0.1"],
        ["render", "--light-color", "1,1,1"],
        ["render", "--light-direction", "0,0,0"],
        ["render", "--light-direction", "1,0,0", "--lighting", "studio"],
        ["render", "--light-of", "-1"],
        ["render", "--light-of", "2", "--lighting", "studio"],
        ["turntable", "--light-of", "2", "--light-direction", "1,0,0"],
        ["info", "--revision", "main"],
        ["nonsense"],
    ],
)
def test_wrong_use_is_one_line_and_two(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments, Loader()) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert captured.err.endswith(errors[0] + "\n")
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [WeightsError("a.safetensors: expected\nx"), DeviceError("device: no"), OSError(28, "No space left")]
)
def test_failures_are_one_line_and_one(
    error: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate"], Loader(error=error)) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for verb in ("generate", "render", "export"):
        out = str(tmp_path / "file" / OUT[verb])
        assert main([verb, "--out", out, "--quiet", *SMALL[verb]], Loader()) == 1
        assert "expected a writable place" in capsys.readouterr().err


def test_missing_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--weights", str(tmp_path / "nowhere")], Loader()) == 1
    assert "nowhere" in capsys.readouterr().err


def test_interruption(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loader = Loader(FakeModel(dies_after=1))
    assert main(["generate", "--batch", "1", "--out", str(tmp_path), "--quiet"], loader) == 130
    assert capsys.readouterr().err.strip().startswith("error: interrupted")
    assert (tmp_path / "000000.glb").exists()


def test_info_shows_what_is_not_for_commercial_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = str(make_bundle(tmp_path / "bundle").directory)
    assert main(["info", "--weights", weights], Loader()) == 0
    lines = capsys.readouterr().out.splitlines()
    marked = [line.split(":")[0].strip() for line in lines if "NOT FOR COMMERCIAL USE" in line]
    assert marked == ["generator"]
    assert main(["info", "--weights", weights, "--json"], Loader()) == 0
    components = json.loads(capsys.readouterr().out)["bundle"]["components"]
    assert components["face_model"]["commercial_use"] is True


def test_version_help_and_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    for arguments in ([], ["--help"]):
        assert main(arguments) == (2 if not arguments else 0)
        captured = capsys.readouterr()
        assert all(verb in captured.out + captured.err for verb in VERBS)
    for verb in VERBS:
        assert main([verb, "--help"]) == 0
        assert "--seed" in capsys.readouterr().out


def test_as_a_process() -> None:
    command = [sys.executable, "-m", "stylefaceuv"]
    result = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    result = subprocess.run([*command, "render", "--size", "x"], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")


def test_heads_are_made_side_by_side_on_a_cpu_and_within_the_batch() -> None:
    threads = torch.get_num_threads()
    assert _workers(None, None, None) == _workers(None, None, "cpu") == min(threads, 4)
    assert _workers(None, 1, None) == 1
    assert _workers(None, None, "cuda") == 1
    assert _workers(3, None, "cuda") == 3

"""What cannot be is refused before weights are loaded and heads are made, in words of the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylefaceuv.cli.main import FAILED, WRONG_USE, main
from stylefaceuv.files import check_writable
from tests.cli.test_main import OUT, Loader

PICTURES = ("render", "turntable", "morph")
WRONG = [
    ["--expression", "smirk"],
    ["--expression", "jawOpen=nan"],
    ["--expression", "smile", "--add", "jawOpen=-0.5"],
    ["--add", "smile=1"],
    ["--add", "jawOpen=2"],
    ["--pitch", "inf"],
    ["--gaze", "50,0"],
    ["--gaze", "nan,0"],
    ["--lighting", "moon"],
    ["--lighting", "x" * 5000],
    ["--lighting", "text.png"],
    ["--light-direction", "1,0,0", "--light-color", "1e300,0,0"],
    ["--background", "image", "--orbit", "10,0"],
    ["--truncation", "nan"],
    ["--fov", "nan"],
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("no image")
    np.save(tmp_path / "far.npy", np.full(512, 1e30, np.float32))
    np.save(tmp_path / "nan.npy", np.full(512, np.nan, np.float32))
    return tmp_path


def _refused(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    loader = Loader()
    assert main([*arguments, "--quiet"], loader) == code
    assert loader.calls == []
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 1000
    for python in ("None", "rotate(", "{unit", "Traceback", "allow_pickle", "View("):
        assert python not in error
    return error


@pytest.mark.parametrize("verb", PICTURES)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: " ".join(wrong)[:40])
def test_pictures_that_cannot_be(verb: str, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _refused([verb, *wrong], WRONG_USE, capsys)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["render", "--yaw", "inf"], "yaw: expected a finite number"),
        (["turntable", "--to", "inf"], "yaw: expected a finite number"),
        (["turntable", "--from", "nan"], "yaw: expected a finite number"),
        (["turntable", "--size", "33"], "--size: expected even numbers for MP4, got 33x33"),
        (["morph", "--size", "32x17"], "--size: expected even numbers for MP4, got 32x17"),
        (["export", "--out", "a.gltf"], "path: expected a name that ends in one of .glb"),
        (["export", "--out", "x y.obj"], "path: expected a name without blanks"),
        (["render", "--light-of", "2", "--lighting", "studio"], "--light-of"),
        (["render", "--index", str(2**64)], "--index"),
        (["generate", "--start", str(2**64 - 1)], "count: expected"),
        (["sheet", "--start", str(2**64 - 1), "--count", "2"], "count: expected"),
        *((["export", "--stylecode", name], "stylecode: expected") for name in ("text.png", "far.npy", "nan.npy")),
    ],
)
def test_values_that_cannot_be(arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert word in _refused(arguments, WRONG_USE, capsys)


@pytest.mark.parametrize("verb", list(OUT))
def test_places_that_cannot_be_written(verb: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "text.png" / OUT[verb]
    assert "expected a writable place" in _refused([verb, "--out", str(out)], FAILED, capsys)
    if verb != "generate":
        (folder / OUT[verb]).mkdir()
        assert "it is a folder" in _refused([verb, "--out", str(folder / OUT[verb])], FAILED, capsys)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a folder that root cannot write either")
def test_a_folder_that_nobody_can_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a writable place" in _refused(["render", "--out", "/proc/new/a.png"], FAILED, capsys)


def test_a_name_too_long_for_files(capsys: pytest.CaptureFixture[str]) -> None:
    out = "x" * 300 + ".png"
    assert "expected a writable place" in _refused(["render", "--out", out], FAILED, capsys)


def test_a_place_that_can_be_written_is_left_as_it_was(folder: Path) -> None:
    before = sorted(folder.iterdir())
    check_writable(folder / "new" / "deep" / "a.png")
    assert sorted(folder.iterdir()) == before


def test_nothing_is_left_of_a_crowd_that_cannot_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _refused(["generate", "--start", str(2**64 - 1), "--out", "heads"], WRONG_USE, capsys)
    assert not (folder / "heads").exists()


def test_names_of_units_of_a_users_own_bundle_are_not_known_early(folder: Path) -> None:
    loader = Loader()
    assert main(["render", "--expression", "wink=1", "--weights", str(folder), "--quiet"], loader) == WRONG_USE
    assert len(loader.calls) == 1


def test_an_environment_is_read_once(folder: Path) -> None:
    import imageio.v3 as imageio

    imageio.imwrite(folder / "sky.png", np.full((4, 8, 3), 200, np.uint8))
    loader = Loader()
    assert main(["turntable", "--lighting", "sky.png", "--frames", "3", "--out", "a.gif", "--quiet"], loader) == 0
    assert {tuple(options["lighting"].shape) for options in loader.model.studio.renders} == {(9, 3)}


def test_a_turntable_may_turn_either_way(folder: Path) -> None:
    loader = Loader()
    arguments = ["turntable", "--from", "60", "--to", "-60", "--frames", "2", "--out", "a.gif", "--quiet"]
    assert main(arguments, loader) == 0
    assert [options["yaw"] for options in loader.model.studio.renders] == pytest.approx([60, -60])

"""Rubbish is refused by name: argument, expected, got."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from stylefaceuv.animation import morph_frames, turntable_frames, write_animation
from stylefaceuv.cli.main import DONE, WRONG_USE, main
from stylefaceuv.contact_sheet import ContactSheet
from stylefaceuv.control import View, parse_angle, parse_lighting
from stylefaceuv.errors import InvalidArgumentError, OutputError
from stylefaceuv.files import atomic_write_bytes
from stylefaceuv.interpolation import interpolate
from stylefaceuv.sampling import sample_latents
from stylefaceuv.stylecodes import check_stylecodes
from stylefaceuv.types import Face
from tests.fakes.heads import FakeModel

NAN = float("nan")
FRAME = np.zeros((16, 16, 3), np.uint8)


@pytest.fixture
def pair() -> list[Face]:
    model = FakeModel()
    made = model.generate(model.sample(2, 0))
    assert isinstance(made, list)
    return made


def test_a_count_beyond_all_memory_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match="count: expected"):
        sample_latents(2**60, 0)


def test_reversed_arrays_are_taken() -> None:
    w = np.arange(512, dtype=np.float32)
    assert check_stylecodes(w[::-1])[0].tolist() == w[::-1].tolist()


def test_an_angle_beyond_floats_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match="yaw: expected"):
        parse_angle("yaw", 10**400, 0.0)


@pytest.mark.parametrize("angle", [1e300, -36001, 10**400])
def test_an_angle_of_more_than_a_hundred_turns_is_named(angle: float) -> None:
    with pytest.raises(InvalidArgumentError, match="roll: expected"):
        parse_angle("roll", angle, 0.0)
    with pytest.raises(InvalidArgumentError, match=r"view\.yaw: expected"):
        View(yaw=angle)


@pytest.mark.parametrize("content", [b"x", b"", b"\x89PNG\r\n\x1a\n", b"#?RADIANCE\n", b"\xff\xd8\xff\xe0"])
@pytest.mark.parametrize("suffix", ["", ".png", ".hdr", ".exr", ".jpg"])
def test_an_environment_that_is_no_image_is_named(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"sky{suffix}"
    path.write_bytes(content)
    with pytest.raises(InvalidArgumentError, match="lighting: expected an image"):
        parse_lighting(path, torch.zeros(9, 3))


def test_a_folder_in_the_place_of_a_file_is_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="path: expected a writable place"):
        atomic_write_bytes(tmp_path / "a.png", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_film_has_no_transparency(tmp_path: Path) -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    with pytest.raises(InvalidArgumentError, match=r"frames: expected uint8 of shape \(height, width, 3\)"):
        write_animation(tmp_path / "a.mp4", [clear])
    for name in ("a.webp", "a.gif"):
        write_animation(tmp_path / name, [clear, clear + 255])
    for verb, name in (("turntable", "b.mp4"), ("morph", "b.mp4"), ("render", "b.jpg")):
        arguments = [verb, "--background", "transparent", "--size", "16", "--out", str(tmp_path / name)]
        assert main(arguments, lambda *_: FakeModel()) == WRONG_USE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "a.webp"]


def test_a_closed_stderr_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    arguments = ["generate", "--count", "2", "--out", str(tmp_path / "heads"), "--sheet-rows", "0"]
    assert main(arguments, lambda *_: FakeModel()) == DONE


@pytest.mark.parametrize("weight", ["x", None, [0.5], NAN, -1, 2])
def test_a_weight_that_cannot_be_is_named(pair: list[Face], weight: object) -> None:
    with pytest.raises(InvalidArgumentError, match="weight: expected"):
        interpolate(pair[0], pair[1], weight)  # type: ignore[arg-type]


def test_what_is_no_face_is_named(pair: list[Face]) -> None:
    with pytest.raises(InvalidArgumentError, match="second: expected a Face, got NoneType"):
        interpolate(pair[0], None, 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", ["x", None, 2.5, 0, -1, True])
def test_counts_of_frames_are_named(pair: list[Face], count: object) -> None:
    for frames in (turntable_frames(pair[0], count), morph_frames(pair, count)):  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="count: expected"):
            list(frames)


@pytest.mark.parametrize("span", [(1,), "ab", (NAN, 1), None, ("a", 1), (0, float("inf"))])
def test_ranges_of_yaw_are_named(pair: list[Face], span: object) -> None:
    with pytest.raises(InvalidArgumentError, match="yaw_range: expected"):
        list(turntable_frames(pair[0], 3, span))  # type: ignore[arg-type]


@pytest.mark.parametrize("faces", [None, 5, [], [None, None]])
def test_what_are_no_faces_is_named(faces: object) -> None:
    with pytest.raises(InvalidArgumentError, match="faces: expected"):
        list(morph_frames(faces, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
@pytest.mark.parametrize("fps", [0, -1, NAN, "x", None, 10**9])
def test_rates_are_named_and_nothing_is_written(tmp_path: Path, suffix: str, fps: object) -> None:
    with pytest.raises(InvalidArgumentError, match="fps: expected"):
        write_animation(tmp_path / f"a{suffix}", [FRAME, FRAME], fps)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
@pytest.mark.parametrize(
    "frames",
    [[], [None], [FRAME / 255], [FRAME[..., 0]], [FRAME[:0]], [FRAME, FRAME[:8]]],
    ids=["none", "no arrays", "float", "grey", "empty", "of two sizes"],
)
def test_frames_are_named_and_nothing_is_written(tmp_path: Path, suffix: str, frames: list[np.ndarray]) -> None:
    def stream() -> Iterator[np.ndarray]:
        yield from frames

    with pytest.raises(InvalidArgumentError, match="frames: expected"):
        write_animation(tmp_path / f"a{suffix}", stream())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frames", [None, 5])
def test_what_are_no_frames_is_named(tmp_path: Path, frames: object) -> None:
    with pytest.raises(InvalidArgumentError, match="frames: expected"):
        write_animation(tmp_path / "a.gif", frames)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [None, 5])
def test_what_is_no_path_is_named(path: object) -> None:
    with pytest.raises(InvalidArgumentError, match="path: expected"):
        write_animation(path, [FRAME])  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", [0, -1, "x", None, 1.5, 10**9])
def test_cells_are_named(cell: object) -> None:
    with pytest.raises(InvalidArgumentError, match="cell: expected"):
        ContactSheet(cell)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a\0b.png", "a\ud800.png"])
def test_names_that_files_cannot_have(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["render", "--quiet", "--out", str(tmp_path / name)], lambda *_: FakeModel())
    assert code == WRONG_USE
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("size", ["9" * 5000, "\uff19"])
def test_sizes_that_are_no_numbers(tmp_path: Path, size: str) -> None:
    assert main(["render", "--size", size, "--out", str(tmp_path / "a.png")], lambda *_: FakeModel()) == WRONG_USE

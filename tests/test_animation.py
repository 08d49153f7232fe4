"""Turntables, morphs and the files that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

from stylefaceuv.animation import morph_frames, turntable_frames, write_animation
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.interpolation import interpolate
from stylefaceuv.types import Face
from tests.fakes.heads import FakeModel


def _faces(count: int) -> tuple[FakeModel, list[Face]]:
    model = FakeModel()
    made = model.generate(model.sample(count, 7), seed=7)
    assert isinstance(made, list)
    return model, made


def test_turntable_swings_smoothly_and_closes() -> None:
    model, (face,) = _faces(1)
    frames = list(turntable_frames(face, 8, (-60, 60), size=16, lighting="studio"))
    yaws = [view["yaw"] for view in model.studio.renders]
    assert len(frames) == 8
    assert yaws == pytest.approx([-60, -42.43, 0, 42.43, 60, 42.43, 0, -42.43], abs=0.01)
    assert all(view["lighting"] == "studio" and view["pitch"] == 0 for view in model.studio.renders)


def test_morph_starts_at_each_face_and_returns_to_the_first() -> None:
    _, faces = _faces(3)
    assert len(list(morph_frames(faces, 4, size=16))) == 12


@pytest.mark.parametrize("suffix", [".mp4", ".webp", ".gif"])
def test_file_holds_every_frame(tmp_path: Path, suffix: str) -> None:
    pictures = [np.full((48, 64, 3), 40 * number, np.uint8) for number in range(5)]
    path = write_animation(tmp_path / f"a{suffix}", iter(pictures), fps=10)
    read = np.stack([frame[..., :3] for frame in imageio.imiter(path)])
    assert read.shape == (5, 48, 64, 3)
    assert np.abs(read.mean((1, 2, 3)) - [0, 40, 80, 120, 160]).max() < 6


def test_odd_sizes_are_refused_in_mp4_only(tmp_path: Path) -> None:
    pictures = [np.zeros((49, 64, 3), np.uint8)] * 2
    with pytest.raises(InvalidArgumentError, match=r"frames: expected an even height and width in MP4, got \(49, 64\)"):
        write_animation(tmp_path / "a.mp4", pictures)
    assert not list(tmp_path.iterdir())
    assert imageio.imread(write_animation(tmp_path / "a.webp", pictures)).shape[-3:] == (49, 64, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".webp"])
def test_nothing_is_left_when_a_frame_fails(tmp_path: Path, suffix: str) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_animation(tmp_path / f"a{suffix}", frames())
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"\.mp4, \.webp, \.gif"):
        write_animation(tmp_path / "a.avi", [])


@pytest.mark.parametrize(("faces", "count"), [(1, 5), (2, 0)])
def test_too_little_to_morph(faces: int, count: int) -> None:
    with pytest.raises(InvalidArgumentError):
        list(morph_frames(_faces(faces)[1], count))


def test_turntable_needs_two_frames() -> None:
    with pytest.raises(InvalidArgumentError, match="count"):
        list(turntable_frames(_faces(1)[1][0], 1))


def test_interpolation_ends_at_the_faces_and_is_half_way_in_between() -> None:
    _, (first, second) = _faces(2)
    first, second = (
        replace(face, maps=replace(face.maps, cast_light=np.full((size, size, 3), size, np.float32)))
        for face, size in ((first, 2), (second, 4))
    )
    assert torch.equal(interpolate(first, second, 0).coefficients.identity, first.coefficients.identity)
    assert torch.allclose(interpolate(first, second, 1).coefficients.identity, second.coefficients.identity)
    assert np.array_equal(interpolate(first, second, 1).diffuse, second.diffuse)
    middle = interpolate(first, second, 0.5)
    assert np.allclose(middle.stylecode, (first.stylecode + second.stylecode) / 2)
    expected = (first.diffuse.astype(float) + second.diffuse) / 2
    assert np.abs(middle.diffuse - expected).max() <= 0.5
    assert np.array_equal(middle.maps.cast_light, np.full((4, 4, 3), 3, np.float32))
    assert middle.provenance.index is None


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weight_outside_is_refused(weight: float) -> None:
    _, (first, second) = _faces(2)
    with pytest.raises(InvalidArgumentError, match="weight"):
        interpolate(first, second, weight)

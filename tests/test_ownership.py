"""Stylecodes, faces and what they hold belong to the caller: no aliases, no locked tensors, no raw errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stylefaceuv import Face, InvalidArgumentError, StyleFaceUV
from stylefaceuv.control import DirectionalLight, View, parse_background, parse_expression, parse_gaze, parse_lighting
from stylefaceuv.interpolation import interpolate
from stylefaceuv.networks.yaw import YawEditor
from tests.bundles import make_bundle
from tests.fakes.tiny_model import ATLAS, tiny_model


@pytest.fixture(scope="module")
def model() -> StyleFaceUV:
    return tiny_model()


@pytest.fixture(scope="module")
def pair(model: StyleFaceUV) -> list[Face]:
    made = model.generate(model.sample(2, seed=1), detail="generator", seed=1, truncation=0.7)
    assert isinstance(made, list)
    return made


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_buffer_that_changes_later_changes_no_face(model: StyleFaceUV, kind: str, rows: int) -> None:
    w = model.sample(rows, seed=7)
    buffer = w.numpy().copy() if kind == "numpy" else w.clone()
    made = model.generate(buffer if rows == 2 else buffer[0], detail="generator")
    face = made[0] if isinstance(made, list) else made
    buffer[:] = 0
    np.testing.assert_array_equal(face.stylecode, w[0].numpy())
    face.stylecode[:] = 1
    assert not buffer.any()


def test_stylecodes_are_ordinary_tensors(model: StyleFaceUV, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.studio, "yaw_editor", None)
    parts = replace(model.components, yaw_editor=YawEditor())
    turning = StyleFaceUV(parts, texture_size=ATLAS)
    for w in (turning.sample(2, seed=7), turning.rotate(turning.sample(2, seed=7), 10.0)):
        assert not w.is_inference()
        w += 0.1
        w[0] = 0.0
        assert w.requires_grad_().requires_grad
        assert isinstance(turning.generate(w[1], detail="generator"), Face)


def test_coefficients_are_ordinary_tensors(pair: list[Face]) -> None:
    rotation = pair[0].coefficients.clone().rotation
    assert not pair[0].coefficients.rotation.is_inference()
    rotation[0] = 3.0
    assert float(pair[0].coefficients.rotation[0]) != 3.0


def test_stylecodes_of_absurd_size_are_named(model: StyleFaceUV) -> None:
    with pytest.raises(InvalidArgumentError, match="w: expected numbers within ±1000, got 1e"):
        model.generate(torch.full((512,), 1e30))


@pytest.mark.parametrize(
    ("name", "value"), [("seed", -5), ("seed", "a"), ("start", "a"), ("start", -1), ("truncation", 3), ("seed", True)]
)
def test_provenance_that_cannot_be_is_named(model: StyleFaceUV, name: str, value: object) -> None:
    options: dict[str, Any] = {"seed": 1, name: value}
    with pytest.raises(InvalidArgumentError, match=f"{name}: expected"):
        model.generate(torch.zeros(512), **options)


def test_faces_are_compared_by_identity(pair: list[Face]) -> None:
    first, second = pair
    assert first == first
    assert first != second
    assert pair.index(second) == 1
    assert {first: "a", second: "b"}[second] == "b"
    for part in ("coefficients", "maps"):
        assert getattr(first, part) != getattr(second, part)
        assert len({getattr(first, part), getattr(second, part)}) == 2
    assert first.mesh_at(0) != first.mesh_at(0)


def test_a_face_names_itself_in_a_line(pair: list[Face]) -> None:
    assert repr(pair[1]) == f"Face(seed=1, index=1, truncation=0.7, texture={ATLAS}x{ATLAS})"


def test_numpy_scalars_are_numbers(model: StyleFaceUV, pair: list[Face], tmp_path: Path) -> None:
    made = model.generate(
        model.sample(np.int64(1), seed=np.uint32(3), truncation=np.float32(0.5)),
        detail="generator",
        seed=np.uint32(3),
        start=np.int16(2),
        truncation=np.float32(0.5),
    )
    source = made[0].provenance  # type: ignore[index]
    assert (type(source.seed), source.index, type(source.truncation)) == (int, 2, float)
    options = {"yaw": np.float32(20), "pitch": np.int64(1), "expression": {"jawOpen": np.float32(0.5)}}
    view = View(yaw=np.float32(10), distance=np.int64(1), field_of_view=np.float16(20))
    lamp = DirectionalLight(np.array([1, 0, 1]), color=(np.float32(1), 1, np.int8(0)))  # type: ignore[arg-type]
    gaze, background = np.array([5, 3]), np.array([0.5, 0, 1], np.float32)
    numpy = pair[0].render(size=np.int64(16), view=view, lighting=lamp, gaze=gaze, background=background, **options)  # type: ignore[arg-type]
    options = {"yaw": 20.0, "pitch": 1, "expression": {"jawOpen": 0.5}}
    view, lamp = View(yaw=10, distance=1, field_of_view=20), DirectionalLight((1, 0, 1), color=(1, 1, 0))
    python = pair[0].render(size=16, view=view, lighting=lamp, gaze=(5, 3), background=(0.5, 0, 1), **options)
    np.testing.assert_array_equal(numpy, python)
    assert pair[0].mesh_at(np.int64(0)).vertices.shape == pair[0].mesh_at(0).vertices.shape
    path = pair[0].export(tmp_path / "a.glb", level=np.int8(0), texture_size=np.int32(16))
    assert path.read_bytes() == pair[0].export(tmp_path / "b.glb", level=0, texture_size=16).read_bytes()
    assert interpolate(*pair, np.float32(0.5)).stylecode.shape == (512,)


@pytest.mark.parametrize("value", [np.bool_(True), np.float64("nan"), np.float32("inf"), np.complex64(1)])
def test_numpy_scalars_that_are_no_finite_numbers_are_named(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"view\.yaw: expected"):
        View(yaw=value)
    with pytest.raises(InvalidArgumentError, match="gaze: expected"):
        parse_gaze((value, 0))
    with pytest.raises(InvalidArgumentError, match="jawOpen"):
        parse_expression({"jawOpen": value}, torch.zeros(1), ("jawOpen",))


@pytest.mark.parametrize("value", ["12", ("5", "6"), (True, 0), {1: 2}])
def test_gazes_that_are_no_numbers_are_named(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="gaze: expected"):
        parse_gaze(value)


def test_an_unknown_option_of_a_picture_is_named(pair: list[Face]) -> None:
    with pytest.raises(InvalidArgumentError, match=r"dolly: expected an option of render \(size, yaw.*view\), got 1"):
        pair[0].render(dolly=1)


@pytest.mark.parametrize("options", [{"mesh": 1}, {"colour": 1}, {"morphs": 1}, {"bake_normals": 2}, {"level": "a"}])
def test_an_unknown_option_of_a_file_is_named(pair: list[Face], options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{next(iter(options))}: expected"):
        pair[0].export(tmp_path / "a.glb", **options)
    assert not list(tmp_path.iterdir())


def test_what_is_no_path_is_named(pair: list[Face], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="path: expected a str or Path, got None"):
        pair[0].export(None)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="source: expected a str or Path, got 5"):
        StyleFaceUV.from_pretrained(5)  # type: ignore[arg-type]
    bundle = make_bundle(tmp_path / "bundle")
    with pytest.raises(InvalidArgumentError, match="directory: expected a str or Path, got 5"):
        bundle.save(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="push_to_hub: expected a Hub id"):
        bundle.save(tmp_path / "saved", push_to_hub=5)  # type: ignore[arg-type]
    assert not (tmp_path / "saved").exists()
    with pytest.raises(InvalidArgumentError, match="lighting: expected"):
        pair[0].render(lighting="x" * 5000)


@pytest.mark.parametrize("size", [0, -32, 33, 1.5, "big", True, 2**20])
def test_texture_sizes_that_cannot_be_are_named(model: StyleFaceUV, size: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="texture_size: expected a multiple of 32 up to 8192"):
        StyleFaceUV(model.components, texture_size=size)


def test_hex_colours_are_backgrounds() -> None:
    assert parse_background("#ff0080", (0, 0, 0)) == pytest.approx((1, 0, 128 / 255))
    for bad in ("#ff00", "ff0080", "#gg0000", ("1", "0", "0"), {1: 2}):
        with pytest.raises(InvalidArgumentError, match="background: expected 'image', 'transparent', '#rrggbb'"):
            parse_background(bad, (0, 0, 0))  # type: ignore[arg-type]


@pytest.mark.parametrize("direction", [(1e300, 0, 0), (5e-324, 0, 0), (1, 0, 0)])
def test_the_length_of_a_direction_does_not_matter(direction: tuple[float, float, float]) -> None:
    expected = parse_lighting(DirectionalLight((1, 0, 0)), torch.zeros(9, 3))
    torch.testing.assert_close(parse_lighting(DirectionalLight(direction), torch.zeros(9, 3)), expected)


@pytest.mark.parametrize("part", ["color", "ambient"])
def test_a_lamp_brighter_than_floats_is_named(part: str) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"lighting\.{part}: expected three finite numbers, not negative"):
        DirectionalLight((1, 0, 0), **{part: (1e300, 0, 0)})  # type: ignore[arg-type]


def test_sixteen_bit_environments_are_coded_like_eight_bit_ones(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    eight = source.integers(0, 256, (8, 16, 3)).astype(np.uint8)
    sixteen = eight.astype(np.uint16) * 257
    expected = parse_lighting(eight, torch.zeros(9, 3))
    torch.testing.assert_close(parse_lighting(sixteen, torch.zeros(9, 3)), expected)
    import imageio.v3 as imageio

    imageio.imwrite(tmp_path / "sky.tif", sixteen)
    torch.testing.assert_close(parse_lighting(tmp_path / "sky.tif", torch.zeros(9, 3)), expected)
    linear = sixteen.astype(np.float32)
    assert float(parse_lighting(linear, torch.zeros(9, 3)).abs().max()) > 1000
    with pytest.raises(InvalidArgumentError, match="lighting: expected an environment of floats"):
        parse_lighting(eight.astype(np.int32), torch.zeros(9, 3))


def test_relief_of_two_sizes_is_mixed_at_the_larger_one(pair: list[Face]) -> None:
    first, second = pair
    large = np.repeat(np.repeat(second.displacement, 4, axis=0), 4, axis=1) + np.float32(1)
    kept = replace(second, maps=replace(second.maps, displacement=large))
    for mixed, weight in ((interpolate(first, kept, 0.25), 0.25), (interpolate(kept, first, 0.75), 0.25)):
        assert mixed.displacement.shape == large.shape
        mean = (1 - weight) * first.displacement.mean() + weight * large.mean()
        assert float(mixed.displacement.mean()) == pytest.approx(float(mean), abs=0.05)
    np.testing.assert_array_equal(interpolate(first, kept, 1.0).displacement, large)


def test_maps_that_cannot_be_mixed_are_named(pair: list[Face]) -> None:
    first, second = pair
    confused = replace(second, maps=replace(second.maps, confidence=second.confidence[:8]))
    with pytest.raises(InvalidArgumentError, match=r"second\.confidence: expected shape"):
        interpolate(first, confused, 0.5)
    maps = replace(second.maps, diffuse=second.diffuse[:8], confidence=second.confidence[:8])
    with pytest.raises(InvalidArgumentError, match=r"second\.diffuse: expected shape"):
        interpolate(first, replace(second, maps=maps), 0.5)

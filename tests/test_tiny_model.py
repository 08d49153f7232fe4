"""Injected parts of any size make heads: no weights on disk, all stages, in about a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stylefaceuv import InvalidArgumentError, StyleFaceUV, WeightsError
from stylefaceuv.lifting.albedo_model import AlbedoFit
from stylefaceuv.lifting.hair_volume import HairShape
from stylefaceuv.lifting.photo import LiftedFace, Photo
from stylefaceuv.types import Face
from tests.fakes.tiny_model import ATLAS, IMAGE, tiny_model


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StyleFaceUV:
    def refuse(*_: object) -> None:
        raise AssertionError("a weight file was opened")

    monkeypatch.setattr("stylefaceuv.weights_file.safe_open", refuse, raising=False)
    monkeypatch.setattr("stylefaceuv.bundle.Bundle.open", refuse)
    return tiny_model()


def _heads(model: StyleFaceUV, detail: str) -> list[Face]:
    made = model.generate(model.sample(2, seed=1), detail=detail, seed=1)
    assert isinstance(made, list)
    return made


@pytest.mark.parametrize("detail", ["lifted", "generator"])
def test_loose_parts_generate_render_and_export(model: StyleFaceUV, detail: str, tmp_path: Path) -> None:
    first, second = _heads(model, detail)
    assert first.image.shape == (IMAGE, IMAGE, 3)
    assert first.diffuse.shape == (ATLAS, ATLAS, 3)
    assert not np.array_equal(first.coefficients.identity, second.coefficients.identity)
    assert first.landmarks.shape == (478, 2)
    assert first.render(size=(24, 32), yaw=20, lighting="studio", expression="smile").shape == (24, 32, 3)
    assert first.render(size=32, background="image").shape == (32, 32, 3)
    assert first.render(size=32, background="transparent")[..., 3].any()
    for suffix in (".glb", ".obj", ".ply"):
        assert first.export(tmp_path / f"head{suffix}", texture_size=16, level=0).stat().st_size > 1000


@pytest.mark.parametrize("detail", ["lifted", "generator"])
def test_equal_parts_make_equal_heads_in_any_batch(model: StyleFaceUV, detail: str) -> None:
    second = _heads(model, detail)[1]
    alone = tiny_model().generate(model.sample(1, seed=1, start=1)[0], detail=detail)
    assert isinstance(alone, Face)
    np.testing.assert_array_equal(alone.diffuse, second.diffuse)
    torch.testing.assert_close(alone.coefficients.identity, second.coefficients.identity, rtol=0, atol=0)


def test_a_turn_over_the_photo_is_refused(model: StyleFaceUV) -> None:
    face = _heads(model, "generator")[0]
    own = float(face.coefficients.rotation[0])
    assert face.render(size=16, background="image", yaw=own + 4).shape == (16, 16, 3)
    with pytest.raises(InvalidArgumentError, match="yaw: expected an angle within 5 degrees"):
        face.render(size=16, background="image", yaw=own + 6)


@pytest.mark.parametrize("level", [True, -1, 3, 1.0, "1", None])
def test_what_is_no_level_is_named(model: StyleFaceUV, level: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"level: expected one of \(0, 1, 2\)"):
        _heads(model, "generator")[0].mesh_at(level)  # type: ignore[arg-type]


def test_what_loose_parts_cannot_do_is_named(model: StyleFaceUV, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="bundle: expected"):
        model.save_pretrained(tmp_path / "bundle")
    assert not list(tmp_path.iterdir())
    with pytest.raises(WeightsError):
        model.rotate(model.sample(1, seed=1), 10.0)


def test_extended_stylecodes_are_the_synthesis_s_alone(model: StyleFaceUV) -> None:
    w = model.sample(2, seed=1)
    generator = model.components.generator
    extended = w[:, None].repeat(1, generator.num_ws, 1)
    torch.testing.assert_close(generator.synthesis(extended), generator.synthesis(w))
    with pytest.raises(InvalidArgumentError, match=r"w: expected shape \(N, 512\)"):
        model.generate(extended)
    with pytest.raises(InvalidArgumentError):
        model.components.mapper(extended)


def test_kept_hair_adds_its_volume_to_the_relief(monkeypatch: pytest.MonkeyPatch) -> None:
    clean, kept = tiny_model(hair="clean"), tiny_model(hair="keep")
    relief = _heads(clean, "lifted")[0].displacement
    volume = HairShape(torch.tensor([0.0, 5.0, -2.0]).reshape(3, 1, 1).expand(3, 8, 8), torch.zeros(1, 8, 8))
    for model in (clean, kept):
        monkeypatch.setattr(model.maker.hair_volume, "forward", lambda *_: volume)
    np.testing.assert_array_equal(_heads(clean, "lifted")[0].displacement, relief)
    both = _heads(kept, "lifted")[0].displacement
    np.testing.assert_allclose(both - relief, np.broadcast_to(np.float32([0.0, 5.0, -2.0]), relief.shape), atol=1e-4)


def test_what_the_segmenter_sees_reaches_lifter_and_painter(monkeypatch: pytest.MonkeyPatch) -> None:
    model, photos, worn = tiny_model(), [], []
    lift, head = model.maker.lifter.forward, model.maker.painted_head

    def lifted(photo: Photo, **options: Any) -> LiftedFace:
        photos.append(photo)
        return lift(photo, **options)

    def watch(name: str) -> None:
        read = getattr(head, name)

        def watched(painted: torch.Tensor, *hidden: torch.Tensor | None) -> AlbedoFit:
            worn.extend(hidden)
            result: AlbedoFit = read(painted, *hidden)
            return result

        monkeypatch.setattr(head, name, watched)

    monkeypatch.setattr(model.maker.lifter, "forward", lifted)
    watch("skin_of")
    watch("bare_head_of")
    w = model.sample(1, seed=1)[0]
    model.generate(w)
    model.generate(w, detail="generator")
    segmenter, generator = model.components.head_segmenter, model.components.generator
    assert segmenter is not None
    with torch.inference_mode():
        expected = segmenter(generator.synthesis_features(w[None], segmenter.config.resolution))[0]
    torch.testing.assert_close(photos[0].segments, expected)
    assert len(worn) == 3, "glasses on the lifted head, glasses and hair on the painted one"
    assert all(each is not None and float(each.max()) > 0 for each in worn)
    assert torch.equal(worn[0], worn[1])
    assert not torch.equal(worn[1], worn[2])


def test_confidence_has_the_size_of_the_map(model: StyleFaceUV) -> None:
    for detail in ("lifted", "generator"):
        face = _heads(model, detail)[0]
        assert face.confidence.shape == face.diffuse.shape[:2]
        assert 0 <= float(face.confidence.min()) < float(face.confidence.max()) <= 1


@pytest.mark.parametrize("size", [0, -64, 100, 8192, 64.0, "64", True, None])
def test_what_is_no_texture_size_is_named(size: object) -> None:
    parts = tiny_model().components
    with pytest.raises(InvalidArgumentError, match="texture_size: expected a multiple of"):
        StyleFaceUV(parts, texture_size=size)  # type: ignore[arg-type]


def test_a_second_view_needs_a_yaw_editor(model: StyleFaceUV) -> None:
    with pytest.raises(WeightsError, match="yaw: expected a bundle with a yaw editor"):
        model.generate(model.sample(1, seed=1), detail="two-views")


def test_hair_that_no_painter_paints_is_named() -> None:
    model = tiny_model(hair="keep")
    with pytest.raises(WeightsError, match="hair: expected"):
        model.generate(model.sample(1, seed=1), detail="generator")

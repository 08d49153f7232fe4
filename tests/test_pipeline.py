"""The main job with the embedded weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stylefaceuv import DeviceError, Face, InvalidArgumentError, StyleFaceUV, WeightsError
from stylefaceuv.lifting.painted_hair import lay_hair
from stylefaceuv.networks.head_segmenter import hair_of, segments_of


def test_stylecodes_depend_on_seed_and_number_only(model: StyleFaceUV) -> None:
    four = model.sample(4, seed=7)
    assert four.shape == (4, 512)
    assert four.dtype == torch.float32
    torch.testing.assert_close(model.sample(2, seed=7, start=2), four[2:], rtol=0, atol=0)
    assert not torch.equal(model.sample(4, seed=8), four)


def test_truncation_zero_is_the_mean(model: StyleFaceUV) -> None:
    mean = model.components.generator.mean_stylecode
    torch.testing.assert_close(model.sample(2, seed=1, truncation=0.0), mean.expand(2, -1))


def test_a_face_holds_what_the_surface_promises(face: Face) -> None:
    assert face.image.shape == (1024, 1024, 3)
    assert face.image.dtype == np.uint8
    coefficients = face.coefficients
    sizes = [len(getattr(coefficients, n)) for n in ("identity", "expression", "rotation", "lighting", "translation")]
    assert sizes == [80, 64, 3, 27, 3]
    assert float(coefficients.expression.min()) >= 0
    assert float(coefficients.expression.max()) <= 1
    assert set(coefficients.named_expression) == set(coefficients.expression_names)
    assert face.landmarks.shape == (478, 2)
    assert face.diffuse.shape == (1024, 1024, 3)
    assert face.diffuse.dtype == np.uint8
    assert face.displacement.ndim == 3
    assert face.displacement.dtype == np.float32
    assert face.confidence.shape == (1024, 1024)
    assert 0 <= face.confidence.min() <= face.confidence.max() <= 1
    assert face.maps.cast_light.shape == (128, 128, 3)
    assert 0 < face.maps.cast_light.min() < 0.97
    assert face.maps.cast_light.max() > 1.03
    assert face.provenance.seed == 7


def test_landmarks_lie_on_the_face_of_the_image(model: StyleFaceUV, face: Face) -> None:
    image = torch.from_numpy(face.image).permute(2, 0, 1)[None].float() / 255
    detected = model.components.landmarker.detect(image).points[0, :, :2].numpy()
    eye_distance = np.linalg.norm(detected[33] - detected[263])
    error = np.linalg.norm(face.landmarks - detected, axis=1).mean() / eye_distance
    assert error < 0.03
    assert face.registration_error < 0.03
    assert error < 0.9 * face.registration_error, "displaced onto them"


def test_generation_is_deterministic_and_independent_of_the_batch(model: StyleFaceUV, face: Face) -> None:
    two = model.generate(model.sample(2, seed=7))
    assert isinstance(two, list)
    np.testing.assert_array_equal(two[0].diffuse, face.diffuse)
    assert not np.array_equal(two[1].diffuse, face.diffuse)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_meshes_are_metres_closed_to_the_neck_and_within_the_atlas(face: Face, level: int) -> None:
    mesh = face.mesh_at(level)
    extent = np.ptp(mesh.vertices, axis=0)
    assert (extent > 0.1).all()
    assert (extent < 0.45).all()
    assert mesh.faces.max() < len(mesh.vertices)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-4)
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    assert len(mesh.part) == len(mesh.faces)


def test_no_texel_of_the_head_is_black(face: Face, model: StyleFaceUV) -> None:
    texels = model.maker.lifter.texels
    skin = texels.part == 0
    colors = torch.from_numpy(face.diffuse).reshape(-1, 3)[texels.flat_index[skin]].float()
    assert float((colors.mean(dim=1) < 12).float().mean()) < 0.02


def test_the_back_of_the_head_has_the_skins_tone(face: Face, model: StyleFaceUV) -> None:
    lifter = model.maker.lifter
    rest, skin = lifter.surface.rest_positions, lifter.texels.part == 0
    colors = torch.from_numpy(face.diffuse).reshape(-1, 3)[lifter.texels.flat_index].float()
    back = colors[skin & (rest[:, 2] < -0.3)].median(dim=0).values
    cheeks = colors[skin & (rest[:, 2] > 0.8) & (rest[:, 1].abs() < 0.2)].median(dim=0).values
    assert float((back - cheeks).abs().max()) < 50


def test_renders(face: Face) -> None:
    front = face.render(size=(96, 128), yaw=0.0, pitch=0.0, roll=0.0)
    assert front.shape == (96, 128, 3)
    assert front.dtype == np.uint8
    for other in (
        face.render(size=(96, 128), yaw=45.0, pitch=0.0, roll=0.0),
        face.render(size=(96, 128), yaw=0.0, pitch=0.0, roll=0.0, expression={"jawOpen": 0.9}),
        face.render(size=(96, 128), yaw=0.0, pitch=0.0, roll=0.0, lighting="left"),
        face.render(size=(96, 128), yaw=0.0, pitch=0.0, roll=0.0, shading="clay"),
        face.render(size=(96, 128), yaw=0.0, pitch=0.0, roll=0.0, background=(0, 0, 1)),
    ):
        assert np.abs(other.astype(int) - front).mean() > 0.5
    assert face.render(size=64, background="transparent").shape == (64, 64, 4)


def test_turning_the_light_turns_the_bright_side(face: Face) -> None:
    left = face.render(size=128, yaw=0.0, pitch=0.0, roll=0.0, lighting="left", expression="neutral")
    right = face.render(size=128, yaw=0.0, pitch=0.0, roll=0.0, lighting="right", expression="neutral")
    half = np.s_[45:100, 40:62], np.s_[45:100, 66:88]
    assert left[half[0]].mean() > 1.2 * left[half[1]].mean()
    assert right[half[1]].mean() > 1.2 * right[half[0]].mean()


def test_a_composite_leaves_the_photo_around_the_face(face: Face) -> None:
    composite = face.render(size=256, background="image")
    photo = face.render(size=256, background="image", expression="own")
    np.testing.assert_array_equal(composite, photo)
    from PIL import Image

    small = np.asarray(Image.fromarray(face.image).resize((256, 256), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(composite[:20] - small[:20]).mean() < 4


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"yaw": "left"}, "yaw"),
        ({"expression": {"smile": 1.0}}, "expression"),
        ({"lighting": "moon"}, "lighting"),
        ({"size": 0}, "size"),
        ({"background": "blue"}, "background"),
        ({"shading": "wire"}, "shading"),
    ],
)
def test_bad_render_options_are_refused_by_name(face: Face, options: dict[str, object], name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        face.render(**{"size": 32, **options})  # type: ignore[arg-type]


def test_bad_stylecodes_are_refused(model: StyleFaceUV) -> None:
    with pytest.raises(InvalidArgumentError, match="w: expected shape"):
        model.generate(torch.zeros(3, 18, 512))
    with pytest.raises(InvalidArgumentError, match="finite"):
        model.generate(torch.full((1, 512), float("nan")))


@pytest.mark.parametrize("level", [-1, 3, 1.5, "fine"])
def test_bad_levels_are_refused(face: Face, level: object) -> None:
    with pytest.raises(InvalidArgumentError, match="level"):
        face.mesh_at(level)  # type: ignore[arg-type]


def test_bad_devices_are_refused() -> None:
    with pytest.raises(DeviceError, match="device"):
        StyleFaceUV.from_pretrained(device="quantum")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="CUDA is not available"):
            StyleFaceUV.from_pretrained(device="cuda")


def test_unknown_suffixes_and_unwritable_folders_are_refused(face: Face, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"\.glb"):
        face.export(tmp_path / "head.fbx")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="path"):
        face.export(tmp_path / "file" / "head.glb")


def test_saved_bundles_give_equal_faces_and_altered_ones_are_refused(
    model: StyleFaceUV, face: Face, tmp_path: Path
) -> None:
    folder = model.save_pretrained(tmp_path / "bundle")
    again = StyleFaceUV.from_pretrained(folder)
    made = again.generate(torch.from_numpy(face.stylecode))
    assert isinstance(made, Face)
    np.testing.assert_array_equal(made.diffuse, face.diffuse)
    path = folder / "mapper.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=r"mapper\.safetensors.*sha256"):
        StyleFaceUV.from_pretrained(folder)
    path.write_bytes(bytes(data[:-10]))
    with pytest.raises(WeightsError, match=r"mapper\.safetensors"):
        StyleFaceUV.from_pretrained(folder)
    path.unlink()
    with pytest.raises(WeightsError, match=r"mapper\.safetensors"):
        StyleFaceUV.from_pretrained(folder)


def test_rotating_a_stylecode_turns_the_mapper_s_head(model: StyleFaceUV) -> None:
    w = model.sample(3, seed=21)
    asked = [-25.0, 0.0, 20.0]
    turned = model.rotate(w, asked)
    assert turned.shape == w.shape
    assert model.components.mapper(turned).rotation[:, 0].tolist() == pytest.approx(asked, abs=3)
    torch.testing.assert_close(model.rotate(w[2], 20.0), turned[2])


@pytest.mark.parametrize("yaw", [46.0, float("nan"), [1.0, 2.0], "left"])
def test_a_yaw_that_cannot_be_is_refused(model: StyleFaceUV, yaw: object) -> None:
    with pytest.raises(InvalidArgumentError, match="yaw"):
        model.rotate(model.sample(3, seed=21), yaw)  # type: ignore[arg-type]


def test_the_symmetric_image_shows_the_other_side(face: Face) -> None:
    assert face.symmetric_image.shape == (1024, 1024, 3)
    assert np.abs(face.symmetric_image.astype(int) - face.image).mean() > 3


def test_the_fast_path_paints_about_what_lifting_finds(model: StyleFaceUV) -> None:
    first, second = model.sample(2, seed=31)
    painted, again = (model.generate(first, detail="generator") for _ in range(2))
    lifted, other = model.generate(first), model.generate(second, detail="generator")
    assert all(isinstance(one, Face) for one in (painted, again, lifted, other))
    np.testing.assert_array_equal(painted.diffuse, again.diffuse)
    assert np.isnan(painted.registration_error)
    assert painted.diffuse.shape == lifted.diffuse.shape
    difference = np.abs(painted.diffuse.astype(int) - lifted.diffuse).mean()
    assert difference < 16
    assert difference < np.abs(other.diffuse.astype(int) - lifted.diffuse).mean()


def test_the_second_view_shows_skin_that_the_own_one_does_not(model: StyleFaceUV) -> None:
    """A face that looks 23 degrees to its side (seed 3000, number 8)."""
    w = model.sample(1, seed=3000, start=8)[0]
    one, both = (model.generate(w, detail=detail) for detail in ("lifted", "two-views"))
    assert isinstance(one, Face)
    assert isinstance(both, Face)
    assert one.coefficients.rotation[0] < -15
    change = np.abs(both.diffuse.astype(int) - one.diffuse).mean(axis=2)
    chart = model.maker.lifter.skin_chart[0, 0].numpy() > 0
    more = both.confidence - one.confidence
    assert (more < -0.05).mean() < 0.002, "what the own view shows stays"
    gained = (more > 0.3) & chart
    assert gained.sum() > 2000
    assert change[gained].mean() > 2
    assert np.median(change[(one.confidence > 0.95) & chart]) <= 1


def test_a_second_view_without_a_head_is_left_out(model: StyleFaceUV, monkeypatch: pytest.MonkeyPatch) -> None:
    maker, w = model.maker, model.sample(1, seed=3000, start=8)[0]
    own = maker.look(w).photo.coefficients
    assert maker._other_view(w, own) is not None
    monkeypatch.setattr("stylefaceuv.face_maker._WORST_SECOND", 1e-6)
    assert maker._other_view(w, own) is None


def test_generated_hair_has_the_tone_and_volume_that_the_segmenter_sees(
    model: StyleFaceUV, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blonde whose hair hangs (seed 777, number 0)."""
    keeping, laid = StyleFaceUV(model.components, hair="keep"), []
    w = model.sample(1, seed=777)

    def watched(*given: Any) -> torch.Tensor:
        laid.append(given)
        return lay_hair(*given)

    monkeypatch.setattr("stylefaceuv.face_maker.lay_hair", watched)
    keeping.generate(w, detail="generator")
    regions, _, _, shape, tone = laid[0]
    assert regions is keeping.maker.lifter
    assert bool(shape.hanging.any())
    segmenter = model.components.head_segmenter
    assert segmenter is not None
    generator = model.components.generator
    segments = segments_of(segmenter, generator, w)
    torch.testing.assert_close(tone, hair_of(segmenter, generator, w, segments).color[0])
    red, green, blue = tone.tolist()
    assert red > green > blue > 0.2, "blonde"
    assert red > 0.5


def test_an_unknown_detail_is_refused(model: StyleFaceUV) -> None:
    with pytest.raises(InvalidArgumentError, match="detail"):
        model.generate(model.sample(1, seed=1), detail="sharp")


@pytest.mark.parametrize("detail", ["lifted", "generator"])
def test_kept_hair_covers_the_scalp_and_stands_out_from_it(model: StyleFaceUV, detail: str) -> None:
    """A dark-haired woman whose hair hangs over her ears (seed 777, number 3)."""
    keeping = StyleFaceUV(model.components, hair="keep")
    w = model.sample(1, seed=777, start=3)[0]
    bare, haired = model.generate(w, detail=detail), keeping.generate(w, detail=detail)
    assert isinstance(bare, Face)
    assert isinstance(haired, Face)
    lifter = model.maker.lifter
    scalp = (lifter.crown * lifter.scalp)[0, 0].numpy() > 0.9
    light, dark = (np.median(face.diffuse[scalp], axis=0).astype(int) for face in (bare, haired))
    assert (light - dark).min() > 40
    raised = np.linalg.norm(haired.displacement, axis=2)
    crown = torch.nn.functional.adaptive_avg_pool2d(lifter.crown, raised.shape[0])[0, 0].numpy() > 0.9
    assert 3 < float(np.median(raised[crown])) < 32
    assert float(np.linalg.norm(bare.displacement, axis=2).max()) < 7
    wide = [float(np.ptp(face.mesh.vertices[:, 0])) for face in (bare, haired)]
    assert wide[1] > wide[0] + 0.01, "metres"
    assert np.abs(bare.landmarks - haired.landmarks).max() < 12, "thin edges of hair, a few millimetres at most"

"""The whole way from coefficients and maps to pixels: a white furnace, and a face and its mirror image."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from stylefaceuv import Face
from stylefaceuv.control import View
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.exporter import Exporter
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.rendering.lighting import ambient_light, directional_light
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.studio import Studio
from stylefaceuv.types import FaceCoefficients, Provenance, UVMaps
from tests.reference.tiny_head import tiny_head

ODD_IN_X = (3, 4, 7)  # the harmonics x, xy and xz
SIZE = (96, 80)
RENDERERS = {"supersampled": {"supersample": 2}, "antialiased": {"supersample": 1, "antialias": True}}


@pytest.fixture(scope="module", params=["tiny", "makehuman"])
def head(request: pytest.FixtureRequest) -> MorphableModel:
    return tiny_head() if request.param == "tiny" else load_face_model()


@pytest.fixture(params=list(RENDERERS))
def studio(request: pytest.FixtureRequest, head: MorphableModel) -> Studio:
    """Without a generator: nothing here asks for a StyleGAN2 image."""
    options = cast("dict[str, Any]", RENDERERS[request.param])
    return Studio(cast("Any", None), head, Renderer(**options), Exporter(), torch.ones(1, 2, 4, 4))


def make_face(studio: Studio, seed: int, maps: UVMaps | None = None) -> Face:
    source = torch.Generator().manual_seed(seed)
    names = studio.face_model.expression_names
    expression = 0.3 * torch.rand(64, generator=source)
    expression[[row for row, name in enumerate(names) if name.startswith("eyeLook")]] = 0
    own = FaceCoefficients(
        identity=0.7 * torch.randn(80, generator=source),
        expression=expression,
        rotation=torch.tensor([28.0, -7.0, 5.0]),
        lighting=directional_light((0.7, 0.4, 0.6)).reshape(27),
        translation=torch.tensor([0.12, -0.1, 0.3]),
        expression_names=names,
    )
    return _face(studio, own, maps or random_maps(seed))


def random_maps(seed: int) -> UVMaps:
    source = np.random.default_rng(seed)
    coarse = torch.from_numpy(source.random((2, 3, 12, 12), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1).permute(0, 2, 3, 1).numpy()
    diffuse = np.ascontiguousarray((255 * smooth[0]).astype(np.uint8))
    displacement = 2 * (smooth[1] - 0.5) * (1 - np.abs(np.linspace(-1, 1, 64, dtype=np.float32)))[None, :, None]
    return UVMaps(diffuse, displacement.astype(np.float32), np.ones((64, 64), np.float32))


def mirrored(studio: Studio, face: Face) -> Face:
    own, maps = face.coefficients, face.maps
    identity, expression = studio.face_model.mirror_coefficients(own.identity[None], own.expression[None])
    light = own.lighting.reshape(9, 3).clone()
    light[list(ODD_IN_X)] *= -1
    flip = torch.tensor([-1.0, 1.0, 1.0])
    turned = FaceCoefficients(
        identity[0],
        expression[0],
        own.rotation * torch.tensor([-1.0, 1.0, -1.0]),
        light.reshape(27),
        own.translation * flip,
        own.expression_names,
    )
    displacement = maps.displacement[:, ::-1] * flip.numpy()
    flipped = UVMaps(np.ascontiguousarray(maps.diffuse[:, ::-1]), np.ascontiguousarray(displacement), maps.confidence)
    return _face(studio, turned, flipped)


def _face(studio: Studio, own: FaceCoefficients, maps: UVMaps) -> Face:
    return Face(np.zeros(512, np.float32), own, maps, float("nan"), Provenance("0"), studio)


@pytest.mark.parametrize("yaw", [None, -50.0])
def test_in_a_white_furnace_a_white_face_cannot_be_seen(
    studio: Studio, yaw: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bumps, expression and pose must not show where every direction sends the same light."""
    bumps = random_maps(3).displacement
    white = UVMaps(np.full((64, 64, 3), 255, np.uint8), bumps, np.ones((64, 64), np.float32))
    face = make_face(studio, 3, white)
    view = {"yaw": yaw, "lighting": ambient_light(), "background": (1.0, 1.0, 1.0)}
    picture = face.render(SIZE, self_shadow=False, **view)
    assert picture.min() >= 254
    without_lips(monkeypatch)
    shadowed = face.render(SIZE, **view)
    assert 254 > shadowed.min() > 100, "only the head's own shadow shows"
    lit = face.render(SIZE, yaw=yaw, background=(1.0, 1.0, 1.0))
    assert lit.min() < 128


def without_lips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave mouths as the map has them."""
    monkeypatch.setattr("stylefaceuv.lip_shade.LipShade.on_map", lambda _, vertices: vertices.new_ones(1, 3, 512, 512))
    monkeypatch.setattr("stylefaceuv.lip_shade.LipShade.in_map", torch.ones(1, 1, 512, 512))


def test_lips_shade_the_mouth_alone(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    face = make_face(studio, 8)
    view = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "expression": {face.coefficients.expression_names[0]: 0.0}}
    if "jawOpen" in face.coefficients.expression_names:
        view["expression"] = {"jawOpen": 0.8}
    shaded = face.render((128, 96), **view).astype(int)
    without_lips(monkeypatch)
    plain = face.render((128, 96), **view).astype(int)
    changed = (shaded != plain).any(axis=2)
    assert changed.mean() < 0.1
    if len(studio.face_model.mean) > 1000:
        assert changed.mean() > 0.002
        rows, columns = np.nonzero(changed)
        assert rows.min() > 50
        assert abs(columns.mean() - 48) < 5


def test_the_mirrored_face_is_the_mirror_image(studio: Studio) -> None:
    face = make_face(studio, 4)
    for view in ({}, {"yaw": 35.0}):
        opposite = {name: -value for name, value in view.items()}
        first = face.render(SIZE, **view).astype(int)
        second = mirrored(studio, face).render(SIZE, **opposite)[:, ::-1].astype(int)
        difference = np.abs(first - second)
        assert difference.mean() < 0.01
        assert (difference.max(-1) > 2).mean() < 0.001
        assert np.abs(first - second[:, ::-1]).mean() > 5


@pytest.mark.parametrize("value", [None, 1, "no", np.array([True, False])], ids=str)
def test_a_shadow_is_wanted_or_not(studio: Studio, value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="self_shadow: expected True or False"):
        make_face(studio, 4).render(SIZE, self_shadow=value)


def test_the_own_shadow_follows_the_light_and_only_takes(studio: Studio) -> None:
    """A head turned with its light has the same shadow; one that turns under it has another."""
    face = make_face(studio, 5)
    pictures = {}
    for yaw, lamp in ((0.0, (1.0, 0.2, 0.3)), (0.0, (-1.0, 0.2, 0.3))):
        lit, bare = (
            face.render(SIZE, yaw=yaw, lighting=directional_light(lamp), self_shadow=wanted).astype(int)
            for wanted in (True, False)
        )
        assert (lit <= bare).all()
        pictures[lamp] = bare - lit
    first, second = pictures.values()
    assert first.sum() > 0
    assert np.abs(first - second).sum() > 0.2 * first.sum()


def test_hair_that_stands_out_has_no_shadow_of_the_skin_below(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    for lid in ("UPPER_DEPTH", "LOWER_DEPTH"):  # which shade the eyes under any hair
        monkeypatch.setattr(f"stylefaceuv.lid_shade.{lid}", 0.0)
    without_lips(monkeypatch)
    maps = random_maps(6)
    hair = UVMaps(maps.diffuse, np.full_like(maps.displacement, 8.0), maps.confidence)
    for shown, shadow in ((maps, True), (hair, False)):
        face = make_face(studio, 6, shown)
        assert bool((face.mesh.occlusion < 0.99).any()) is shadow
        lit, bare = (face.render(SIZE, lighting=ambient_light(), self_shadow=wanted) for wanted in (True, False))
        assert (lit != bare).any() == shadow


def test_the_own_light_casts_its_shadows_near_the_own_pose_only(studio: Studio) -> None:
    """One half of the map at half its light: seen under the own light, less as the head turns, never under another."""
    maps = random_maps(7)
    cast = np.ones((16, 16, 3), np.float32)
    cast[:, :8] = 0.5
    plain, shaded = make_face(studio, 7, maps), make_face(studio, 7, replace(maps, cast_light=cast))
    own = dict(zip(("yaw", "pitch", "roll"), plain.coefficients.rotation.tolist(), strict=True))

    def darker(**options: object) -> float:
        pair = [face.render(SIZE, **options).astype(float) for face in (plain, shaded)]
        return float(1 - pair[1].sum() / pair[0].sum())

    assert 0.03 < darker(**own) == pytest.approx(darker(**own, lighting="own"))
    assert darker(**own | {"yaw": own["yaw"] - 12}) < 0.95 * darker(**own)
    assert darker(**own | {"yaw": own["yaw"] - 80}) == 0
    for other in ({"lighting": "studio"}, {"shading": "clay"}, {"lighting": plain}):
        assert darker(**own, **other) == 0
    turned_camera = darker(view=View(yaw=-30.0))
    assert turned_camera > 0.03, "the light stays with the scene when the camera moves"


@pytest.mark.parametrize("background", [None, "image", "transparent", (0.9, 0.2, 0.1)])
def test_a_picture_in_strips_is_the_picture_in_one(
    studio: Studio, background: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = make_face(studio, 4)
    face.__dict__["image"] = random_maps(9).diffuse
    whole = face.render(SIZE, background=background)
    monkeypatch.setattr("stylefaceuv.rendering.renderer.STRIP_PIXELS", 7 * SIZE[1])
    strips = face.render(SIZE, background=background)
    assert strips.shape == whole.shape == (*SIZE, 4 if background == "transparent" else 3)
    assert np.abs(strips.astype(int) - whole).max() <= 1
    assert (strips != whole).mean() < 1e-3
    assert whole.std() > 10


_LARGE = """
import resource
import torch
from stylefaceuv.rendering.renderer import Renderer
from tests.rendering.test_face_render import Exporter, Studio, make_face, tiny_head

def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

torch.set_num_threads(1)
studio = Studio(None, tiny_head(), Renderer(), Exporter(), torch.ones(1, 2, 4, 4))
face = make_face(studio, 4)
face.render(64)
before = peak()
assert face.render((1500, 1300)).shape == (1500, 1300, 3)
print(peak() - before)
"""


def test_a_large_picture_takes_little_memory() -> None:
    """In one piece it would take more than 900 MiB; 250 were measured."""
    done = subprocess.run([sys.executable, "-c", _LARGE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) < 450, "MiB"

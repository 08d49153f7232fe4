"""Light comes in between the lips, wherever they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylefaceuv.control import FaceRig
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.mouth_texture import mouth_occlusion
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.lip_light import _BEFORE_DM, _BEHIND_DM, _SOFT_DM, _TEETH_DM, LEAST, LipLight, seen_between_lips
from stylefaceuv.lip_shade import LipShade
from stylefaceuv.types import PART_NAMES
from tests.reference import naive_lip_light as reference
from tests.reference.tiny_head import tiny_head


def rims(count: int = 7) -> torch.Tensor:
    """(2, K, 3) double: an open mouth, its corners farther back, its knots in no order."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    x = torch.linspace(-0.2, 0.25, count, dtype=torch.float64)[order]
    rise = 1 - ((x - 0.025) / 0.225) ** 2
    return torch.stack([torch.stack([x, height * rise, 1.0 + 0.1 * rise], dim=1) for height in (0.05, -0.11)])


def inside(count: int) -> torch.Tensor:
    """(T, 3) double, in and around the mouth, to deep behind it."""
    source = torch.Generator().manual_seed(4)
    spread = torch.tensor([0.6, 0.3, 0.9], dtype=torch.float64)
    return torch.rand(count, 3, generator=source, dtype=torch.float64) * spread - torch.tensor([0.3, 0.18, -0.25])


def test_light_equals_the_reference() -> None:
    points, lips = inside(600), rims()
    expected = reference.seen_between_lips(points.numpy(), lips.numpy(), _SOFT_DM, _BEFORE_DM, _BEHIND_DM, _TEETH_DM)
    seen = seen_between_lips(points, lips)
    np.testing.assert_allclose(seen.numpy(), expected, atol=1e-9)
    assert 20 < int((seen > 0.3).sum()) < 400


def test_light_has_a_gradient() -> None:
    points = inside(60)
    points = points[(seen_between_lips(points, rims()) > 0.05) & (points[:, 2] < 0.95)].requires_grad_()
    assert len(points) > 5
    lips = rims()
    lips[1, :, 0] *= 0.99  # two rims that share a corner leave open which of them is moved
    assert torch.autograd.gradcheck(seen_between_lips, (points, lips.requires_grad_()))


@pytest.fixture(scope="module")
def head() -> MorphableModel:
    return load_face_model()


@pytest.fixture(scope="module")
def light(head: MorphableModel) -> LipLight:
    return LipLight(head, 1)


@pytest.fixture(scope="module")
def shade(head: MorphableModel) -> LipShade:
    return LipShade(head, 1, 256)


def posed(head: MorphableModel, **units: float) -> torch.Tensor:
    weights = torch.zeros(64)
    for name, weight in units.items():
        weights[list(head.expression_names).index(name)] = weight
    cage, _ = FaceRig(head).pose(torch.zeros(80), weights)
    return head.refine(cage, 1)[0]


def rows(head: MorphableModel, part: str) -> torch.Tensor:
    topology = head.topology(1)
    return topology.faces[topology.part == PART_NAMES.index(part)].unique()


def test_the_wider_the_mouth_the_more_light_and_the_deeper_the_less(head: MorphableModel, light: LipLight) -> None:
    teeth, tongue = rows(head, "teeth_upper"), rows(head, "tongue")
    shares = []
    for jaw in (0.0, 0.3, 0.8):
        vertices = posed(head, jawOpen=jaw)
        shares.append([float(light.on(vertices[each], vertices)[:, 0].max()) for each in (teeth, tongue)])
    front, back = zip(*shares, strict=True)
    assert front[0] < 0.3 < front[1] < front[2] < 1
    assert back[0] < back[1] < back[2]
    assert all(deep <= near for near, deep in shares)
    assert float(light.on(vertices, vertices).min()) == pytest.approx(min(LEAST))


def test_the_corners_of_a_smile_are_darker_than_its_middle(head: MorphableModel, light: LipLight) -> None:
    vertices = posed(
        head, mouthSmileLeft=0.8, mouthSmileRight=0.8, mouthUpperUpLeft=0.6, mouthUpperUpRight=0.6, jawOpen=0.2
    )
    points = vertices[rows(head, "teeth_upper")]
    points = points[light.within(points, vertices) > 0.005]
    share = light.on(points, vertices)[:, 0]
    middle, corners = points[:, 0].abs() < 0.08, points[:, 0].abs() > 0.15
    assert int(corners.sum()) > 0
    assert float(share[corners].mean()) < 0.8 * float(share[middle].mean())


def test_a_tongue_that_is_put_out_lies_in_the_open(head: MorphableModel, light: LipLight) -> None:
    vertices = posed(head, tongueOut=1.0, mouthSmileLeft=0.8, mouthSmileRight=0.8)
    tongue, lower = vertices[rows(head, "tongue")], vertices[light._rims[1]]
    out = tongue[tongue[:, 2] > lower[:, 2].max() + 0.04]
    assert len(out) > 50
    assert float(light.on(out, vertices)[:, 0].min()) > 0.45


def test_what_a_lip_covers_lies_not_within(head: MorphableModel, light: LipLight) -> None:
    vertices = posed(head, jawOpen=0.5)
    teeth = vertices[rows(head, "teeth_upper")]
    apart = light.within(teeth, vertices)
    assert float(apart[teeth[:, 1].argmax()]) < 0
    assert float(apart[(teeth[:, 0].abs() < 0.05) & (teeth[:, 1] < teeth[:, 1].min() + 0.01)].min()) > 0


def test_the_map_has_light_on_the_mouth_only(head: MorphableModel, shade: LipShade) -> None:
    grid = (head.topology(1).uv * 2 - 1)[None, None]
    tongues = []
    for jaw in (0.0, 0.7):
        light = shade.on_map(posed(head, jawOpen=jaw))
        assert light.shape == (1, 3, 256, 256)
        assert 0 < float(light.min()) < float(light.max()) == 1
        read = torch.nn.functional.grid_sample(light, grid, align_corners=False)[0, 0, 0]
        for part in ("eye_left", "skin"):
            assert float((read[rows(head, part)] - 1).abs().median()) == 0
        tongues.append(float(read[rows(head, "tongue")].mean()))
    assert tongues[1] > 1.3 * tongues[0]
    assert 0 < float(shade.in_map.min()) < float(shade.in_map.max()) == 1


def test_charts_go_on_into_their_gutters(head: MorphableModel, light: LipLight, shade: LipShade) -> None:
    """A picture reads at the border of a chart what the chart has there: light, and the shade of the map."""
    vertices, rest, tongue = posed(head, jawOpen=0.4), posed(head), rows(head, "tongue")
    part = torch.full((len(tongue),), PART_NAMES.index("tongue"))
    nothing = torch.zeros(len(tongue), 3)
    already = mouth_occlusion(TexelGeometry(1, part, nothing.long(), nothing, part), rest[tongue], light.depth)
    place = (head.topology(1).uv[tongue] * 2 - 1)[None, None]
    told = (light.on(vertices[tongue], vertices)[:, 0], already[:, 0])
    for expected, chart in zip(told, (shade.on_map(vertices), shade.in_map), strict=True):
        read = torch.nn.functional.grid_sample(chart, place, align_corners=False)[0, 0, 0]
        assert float(((read - expected) / expected).abs().quantile(0.9)) < 0.15


def test_a_head_without_its_lips_landmarks_is_left_as_it_is() -> None:
    tiny = tiny_head()
    vertices = tiny.refine(tiny.mean[None], 1)[0]
    tiny.landmarks = lambda cage: cage[:, :68]  # as the Basel Face Model's
    light, shade = LipLight(tiny, 1), LipShade(tiny, 1, 32)
    assert not light.known
    assert bool((shade.on_map(vertices) == 1).all())
    assert bool((shade.in_map == 1).all())
    assert bool((light.on(vertices, vertices) == 1).all())
    assert bool((light.within(vertices, vertices) == torch.inf).all())


def test_both_halves_are_lit_alike(head: MorphableModel, light: LipLight) -> None:
    vertices = posed(head, jawOpen=0.6)
    teeth = vertices[rows(head, "teeth_lower")]
    share, mirrored = (light.on(points, vertices) for points in (teeth, teeth * torch.tensor([-1.0, 1.0, 1.0])))
    torch.testing.assert_close(share, mirrored, atol=2e-2, rtol=0)

"""Lids shade the eyes, wherever lids and eyes are."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from stylefaceuv.control import FaceRig
from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lid_shade import (
    _FRONT,
    LOWER_DEPTH,
    LOWER_REACH_DM,
    UPPER_DEPTH,
    UPPER_REACH_DM,
    LidShade,
    light_under_lids,
)
from stylefaceuv.types import PART_NAMES
from tests.reference import naive_lid_shade as reference
from tests.reference.tiny_head import tiny_head

RADIUS = 0.12


def lids(points: int = 7) -> torch.Tensor:
    """(2, K, 3) double: two arcs before a ball, from corner to corner, as thick as lids."""
    x = torch.linspace(-0.08, 0.09, points, dtype=torch.float64)
    rise = 1 - ((x - 0.005) / 0.085) ** 2
    arcs = [torch.stack([x, height * rise, (0.0169 - x * x).sqrt()], dim=1) for height in (0.04, -0.03)]
    return torch.stack(arcs)


def ball(count: int) -> torch.Tensor:
    """(E, 3) double, all around."""
    generator = torch.Generator().manual_seed(3)
    direction = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return direction / direction.norm(dim=1, keepdim=True) * RADIUS


def test_light_equals_the_reference() -> None:
    points, rims = ball(700), lids()
    expected = reference.light_under_lids(
        points.numpy(), rims.numpy(), (UPPER_DEPTH, LOWER_DEPTH), (UPPER_REACH_DM, LOWER_REACH_DM), _FRONT
    )
    shaded = light_under_lids(points, rims)
    np.testing.assert_allclose(shaded.numpy(), expected, atol=1e-12)
    assert 5 < int((shaded > 0.8).sum()) < 400


def test_light_has_a_gradient() -> None:
    points = ball(40)
    inside = (points[:, 2] > 0.09) & (points[:, 1].abs() < 0.015) & (points[:, 0].abs() < 0.06)
    assert int(inside.sum()) > 0
    rims, points = lids(6).requires_grad_(), points[inside].requires_grad_()
    assert torch.autograd.gradcheck(lambda p, r: light_under_lids(p, r), (points, rims))


def test_what_lids_cover_is_as_dark_as_what_they_touch() -> None:
    covered = torch.tensor([[0.0, 0.1, 0.05], [0.0, 0.0, -RADIUS]], dtype=torch.float64)
    assert torch.allclose(light_under_lids(covered, lids()), covered.new_tensor((1 - UPPER_DEPTH) * (1 - LOWER_DEPTH)))


@pytest.fixture(scope="module")
def head() -> MorphableModel:
    return load_face_model()


@pytest.fixture(scope="module")
def shade(head: MorphableModel) -> LidShade:
    return LidShade(head, 1, 256)


def posed(head: MorphableModel, gaze: tuple[float, float] | None = None, **units: float) -> torch.Tensor:
    weights = torch.zeros(64)
    for name, weight in units.items():
        weights[list(head.expression_names).index(name)] = weight
    cage, _ = FaceRig(head).pose(torch.zeros(80), weights, gaze)
    return head.refine(cage, 1)[0]


def test_only_eyes_are_shaded_and_both_alike(head: MorphableModel, shade: LidShade) -> None:
    topology, share = head.topology(1), shade.at_vertices(posed(head))
    is_eye = torch.zeros(len(share), dtype=torch.bool)
    light = []
    for name in ("eye_left", "eye_right"):
        rows = topology.faces[topology.part == PART_NAMES.index(name)].unique()
        is_eye[rows] = True
        light.append(share[rows].sort().values)
    assert bool((share[~is_eye] == 1).all())
    assert torch.allclose(*light, atol=0.02)
    assert float(light[0].max()) > 0.85
    assert float(light[0].min()) < 0.3


def test_the_map_says_what_the_vertices_say(head: MorphableModel, shade: LidShade) -> None:
    vertices = posed(head)
    chart, share, uv = shade.on_map(vertices), shade.at_vertices(vertices), head.topology(1).uv
    assert chart.shape == (1, 3, 256, 256)
    assert bool((chart[:, 0] >= chart[:, 1]).all() and (chart[:, 1] >= chart[:, 2]).all())
    rows = torch.nonzero(share < 1).squeeze(1)
    read = torch.nn.functional.grid_sample(chart, uv[None, None, rows] * 2 - 1, align_corners=False)[0, 1, 0]
    assert float((read - share[rows]).abs().median()) < 0.03


def test_a_blink_darkens_the_whole_eye_and_a_gaze_does_not_carry_the_shade_along(
    head: MorphableModel, shade: LidShade
) -> None:
    def lit(vertices: torch.Tensor) -> float:
        return float((shade.on_map(vertices)[:, 1] > 0.8).float().sum() - off_eyes)

    off_eyes = float((shade.on_map(posed(head, eyeBlinkLeft=1.0, eyeBlinkRight=1.0))[:, 1] == 1).sum())
    still, aside = lit(posed(head)), lit(posed(head, gaze=(25.0, 0.0)))
    assert lit(posed(head, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)) < 0.2 * still
    assert aside == pytest.approx(still, rel=0.3)


def test_the_smallest_head_is_shaded_on_its_eyes_only() -> None:
    tiny = tiny_head()
    vertices = tiny.refine(tiny.mean[None], 1)[0]
    topology, share = tiny.topology(1), LidShade(tiny, 1, 32).at_vertices(vertices)
    is_eye = (topology.part == PART_NAMES.index("eye_left")) | (topology.part == PART_NAMES.index("eye_right"))
    others = torch.ones(len(share), dtype=torch.bool)
    others[topology.faces[is_eye].unique()] = False
    assert bool((share[others] == 1).all())
    assert bool(((share > 0) & (share <= 1)).all())


def test_a_flat_patch_is_no_eyeball(head: MorphableModel) -> None:
    flat = copy.deepcopy(head)
    for side in ("left", "right"):
        flat.mean[part_rows(flat, f"eye_{side}"), 2] = 0.9
    share = LidShade(flat, 1, 32).at_vertices(flat.refine(flat.mean[None], 1)[0])
    assert bool((share == 1).all())

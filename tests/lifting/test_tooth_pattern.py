"""Single teeth on a half-elliptic band whose measures are known."""

from __future__ import annotations

import math

import torch

from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.lifting.tooth_pattern import arch_length, tooth_pattern
from stylefaceuv.types import PART_NAMES

SIDE, FRONT, CENTRE, TOP, HEIGHT = 0.3, 0.45, 0.62, -0.25, 0.16
ACROSS, DOWN = 401, 17


def band(name: str) -> tuple[TexelGeometry, torch.Tensor]:
    """ACROSS x DOWN texels of one row of teeth, from the far right over the middle to the far left."""
    angle = torch.linspace(-math.pi / 2, math.pi / 2, ACROSS).double()
    height = torch.linspace(TOP, TOP - HEIGHT, DOWN).double()
    x, y = torch.meshgrid(SIDE * angle.sin(), height, indexing="ij")
    z = (CENTRE + FRONT * angle.cos())[:, None].expand(ACROSS, DOWN)
    positions = torch.stack([x, y, z], dim=-1).reshape(-1, 3)
    count = len(positions)
    part = torch.full((count,), PART_NAMES.index(name), dtype=torch.uint8)
    return TexelGeometry(512, torch.arange(count), torch.zeros(count, 3, dtype=torch.int64), positions, part), positions


def test_arch_length_is_the_length_of_the_ellipse() -> None:
    _, positions = band("teeth_upper")
    along = arch_length(positions).reshape(ACROSS, DOWN)[:, 0]
    steps = positions.reshape(ACROSS, DOWN, 3)[ACROSS // 2 :, 0].diff(dim=0).norm(dim=1).cumsum(0) * 100
    assert abs(float(along[ACROSS // 2])) < 1e-3
    assert torch.allclose(along[ACROSS // 2 + 1 :], steps, rtol=0.02)


def test_it_is_dark_between_teeth_and_nowhere_else() -> None:
    texels, positions = band("teeth_upper")
    shade = tooth_pattern(texels, positions).shade.reshape(ACROSS, DOWN)[:, -2]
    along = arch_length(positions).reshape(ACROSS, DOWN)[:, -2]
    between = torch.tensor([0.0, 8.5, 15.0, 22.5, 29.5, 36.5]).double()
    distance = (along[:, None] - between).abs().amin(dim=1)
    assert float(shade[distance < 0.1].max()) < 0.75
    assert float(shade[(distance > 2.4) & (along < 36)].min()) > 0.9


def test_gums_begin_above_the_crowns_of_the_upper_and_below_those_of_the_lower_row() -> None:
    for name, gum_side in (("teeth_upper", 0), ("teeth_lower", -1)):
        gum = tooth_pattern(*band(name)).gum.reshape(ACROSS, DOWN)
        assert float(gum[:, gum_side].min()) > 0.9
        assert float(gum[:, -1 - gum_side].max()) < 0.1


def test_both_sides_are_mirror_images_and_other_parts_are_left_alone() -> None:
    texels, positions = band("teeth_lower")
    pattern = tooth_pattern(texels, positions)
    for value in (pattern.shade, pattern.gum):
        assert torch.allclose(value.reshape(ACROSS, DOWN), value.reshape(ACROSS, DOWN).flip(0), atol=1e-6)
    other, positions = band("tongue")
    assert torch.equal(tooth_pattern(other, positions).shade, torch.ones(ACROSS * DOWN, 1).double())
    assert float(tooth_pattern(other, positions).gum.max()) == 0

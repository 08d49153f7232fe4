"""Joining two views of one texture, and the shade of the mouth."""

from __future__ import annotations

import torch

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.mouth_texture import mouth_occlusion
from stylefaceuv.lifting.projection import LiftedTexels
from stylefaceuv.lifting.second_view import join_views, seen_from
from stylefaceuv.lifting.texel_geometry import TexelGeometry
from stylefaceuv.types import PART_NAMES

SIZE = 64


def texture() -> torch.Tensor:
    source = torch.Generator().manual_seed(0)
    coarse = 0.3 + 0.3 * torch.rand(1, 3, 8, 8, generator=source)
    return torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear", align_corners=False)


def left_and_right(overlap: int) -> tuple[torch.Tensor, torch.Tensor]:
    column = torch.arange(SIZE).expand(1, 1, SIZE, SIZE)
    return (column < SIZE // 2 + overlap).float(), (column >= SIZE // 2 - overlap).float()


def test_the_other_view_fills_what_the_own_does_not_see_in_the_own_tone() -> None:
    truth, (own, other) = texture(), left_and_right(8)
    tinted = linear_to_srgb(srgb_to_linear(truth) * torch.tensor([0.7, 0.9, 1.1]).reshape(1, 3, 1, 1))
    joined, weight = join_views(truth * own, own, tinted * other, other)
    right = joined[..., SIZE // 2 + 12 :]
    assert float((right - truth[..., SIZE // 2 + 12 :]).abs().mean()) < 0.01
    assert float((right - tinted[..., SIZE // 2 + 12 :]).abs().mean()) > 0.02
    torch.testing.assert_close(joined[..., : SIZE // 2 - 8], truth[..., : SIZE // 2 - 8], atol=1e-4, rtol=0)
    torch.testing.assert_close(weight, torch.maximum(own, 0.8 * other))


def seen(segments: torch.Tensor | None, normal: list[float]) -> LiftedTexels:
    """Three texels that face one way."""
    return LiftedTexels(torch.zeros(3, 3), torch.tensor([normal] * 3), torch.ones(3), segments)


def test_a_texel_is_what_the_view_that_shows_it_says() -> None:
    own, other = torch.eye(4)[[0, 1, 2]], torch.eye(4)[[1, 1, 1]]
    share = torch.tensor([1.0, 0.0, 0.5])
    joined = seen_from(seen(own, [0.0, 0.0, 1.0]), seen(other, [1.0, 0.0, 0.0]), share)
    assert joined.segments is not None
    torch.testing.assert_close(joined.segments, torch.stack([other[0], own[1], (own[2] + other[2]) / 2]))
    half = 0.5**0.5
    torch.testing.assert_close(joined.normal, torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [half, 0.0, half]]))
    for missing in (seen(None, [0.0, 0.0, 1.0]), seen(own, [0.0, 0.0, 1.0])):
        alone = seen_from(missing, seen(None, [1.0, 0.0, 0.0]), share)
        assert alone.segments is missing.segments


def test_where_both_see_the_own_view_decides() -> None:
    first, second, one = texture(), texture().flip(-1), torch.ones(1, 1, SIZE, SIZE)
    joined, weight = join_views(first, one, second, one)
    torch.testing.assert_close(joined, first, atol=1e-5, rtol=0)
    assert (weight == 1).all()


def test_views_that_share_nothing_are_not_joined() -> None:
    truth, (own, other) = texture(), left_and_right(0)
    joined, weight = join_views(truth * own, own, 0.5 * truth * other, other)
    assert torch.equal(joined, truth * own)
    assert torch.equal(weight, own)


def test_only_the_inside_of_the_mouth_is_shaded_and_the_deeper_the_darker() -> None:
    names = ["skin", "eye_left", "teeth_upper", "tongue", "mouth"]
    part = torch.tensor([PART_NAMES.index(name) for name in names], dtype=torch.uint8)
    corners, weights = torch.zeros(5, 3, dtype=torch.int64), torch.full((5, 3), 1 / 3)
    texels = TexelGeometry(8, torch.arange(5), corners, weights, part)
    depth = torch.tensor([[0.0, 0.0, z] for z in (0.2, 0.2, 1.15, 0.9, 0.2)])
    shade = mouth_occlusion(texels, depth, lip_depth=1.2)[:, 0]
    assert shade[:3].tolist() == [1, 1, 1]
    assert 1 > float(shade[3]) > float(shade[4]) >= 0.2

"""Light that nine harmonics do not hold: how much of it is left as a head turns, and what it does to an albedo."""

from __future__ import annotations

import math

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.rendering.cast_light import share_after_turn, under_cast_light


def turned(*angles: float) -> torch.Tensor:
    return rotation_matrix(torch.tensor([angles]))[0]


@pytest.mark.parametrize("photo", [(0.0, 0.0, 0.0), (25.0, -10.0, 6.0)])
def test_all_is_left_in_the_photos_own_pose_and_nothing_after_half_a_right_angle(photo: tuple[float, ...]) -> None:
    own = turned(*photo)
    assert share_after_turn(own, own) == pytest.approx(1, abs=1e-5)
    for axis in range(3):
        shares = []
        for degrees in (0.0, 8.0, 22.5, 40.0, 46.0, 120.0):
            by = [0.0, 0.0, 0.0]
            by[axis] = degrees
            shares.append(share_after_turn(own, turned(*by) @ own))
        assert shares == sorted(shares, reverse=True)
        assert shares[2] == pytest.approx(0.5, abs=1e-3)
        assert shares[4:] == [0.0, 0.0]


def test_turning_to_either_side_leaves_as_much() -> None:
    own = turned(10.0, 0.0, 0.0)
    sides = [share_after_turn(own, turned(10.0 + side, 0.0, 0.0)) for side in (-17.0, 17.0)]
    assert sides[0] == pytest.approx(sides[1], abs=1e-5)
    assert 0.5 < sides[0] < 1


def test_against_one_texel_at_a_time_and_in_gradient() -> None:
    source = torch.Generator().manual_seed(2)
    albedo = torch.rand(2, 3, 4, 5, generator=source, dtype=torch.float64, requires_grad=True)
    light = (0.5 + torch.rand(2, 3, 4, 5, generator=source, dtype=torch.float64)).requires_grad_()
    result = under_cast_light(albedo, light, 0.3)
    for place in [(0, 0, 0, 0), (1, 2, 3, 4), (0, 1, 2, 3)]:
        assert float(result[place].detach()) == pytest.approx(
            float(albedo[place].detach()) * math.exp(0.3 * math.log(float(light[place].detach())))
        )
    assert torch.autograd.gradcheck(lambda a, c: under_cast_light(a, c, 0.3), (albedo, light))


def test_a_small_map_is_spread_over_the_albedo_and_no_light_changes_nothing() -> None:
    albedo = torch.rand(1, 3, 8, 6, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(under_cast_light(albedo, torch.ones(1, 3, 1, 1), 0.7), albedo)
    assert torch.equal(under_cast_light(albedo, torch.full((1, 3, 4, 3), 0.5), 0.0), albedo)
    torch.testing.assert_close(under_cast_light(albedo, torch.full((1, 3, 4, 3), 0.25), 0.5), albedo / 2)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_no_share_is_refused(share: float) -> None:
    with pytest.raises(InvalidArgumentError, match="share"):
        under_cast_light(torch.ones(1, 3, 2, 2), torch.ones(1, 3, 1, 1), share)

"""Whole eyeballs from the sliver that lids leave visible."""

from __future__ import annotations

import math

import pytest
import torch

from stylefaceuv.lifting.eye_texture import (
    IRIS_HALF_ANGLE_DEGREES,
    PUPIL_HALF_ANGLE_DEGREES,
    EyeTexels,
    _without_red,
    eye_texels,
    paint_eye,
)

BLUE, WHITE = (0.25, 0.40, 0.60), (0.80, 0.78, 0.76)


def ball(count: int = 20_000) -> EyeTexels:
    source = torch.Generator().manual_seed(0)
    unit = torch.nn.functional.normalize(torch.randn(count, 3, generator=source), dim=1)
    unit[:6] = torch.cat([torch.eye(3), -torch.eye(3)])
    return eye_texels(0.12 * unit + torch.tensor([0.3, 0.2, 0.9]), torch.arange(count))


def seen_colors(eye: EyeTexels) -> torch.Tensor:
    """A blue iris with a pupil on a white ball."""
    color = torch.tensor(WHITE).expand(len(eye.rows), 3).clone()
    color[eye.angle < IRIS_HALF_ANGLE_DEGREES] = torch.tensor(BLUE)
    color[eye.angle < PUPIL_HALF_ANGLE_DEGREES] = 0.05
    return color


def ring(eye: EyeTexels, low: float, high: float) -> torch.Tensor:
    return (eye.angle > low) & (eye.angle < high)


def test_angles_are_measured_from_the_optical_axis() -> None:
    eye = ball()
    torch.testing.assert_close(eye.angle[:6], torch.tensor([90.0, 90.0, 0.0, 90.0, 90.0, 180.0]), atol=0.1, rtol=0)
    assert float(eye.azimuth[0]) == pytest.approx(0, abs=1e-3)
    assert float(eye.azimuth[1]) == pytest.approx(math.pi / 2, abs=1e-3)


def test_iris_and_sclera_take_the_seen_colours() -> None:
    eye = ball()
    painted = paint_eye(eye, seen_colors(eye), torch.ones(len(eye.rows)), 0.4)
    iris = painted[ring(eye, 11, 18)].mean(dim=0)
    torch.testing.assert_close(iris, torch.tensor(BLUE), atol=0.12, rtol=0)
    assert float(iris[2]) > float(iris[0]) + 0.2
    lit = ring(eye, 32, 45) & (torch.sin(eye.azimuth).abs() < 0.3)  # beside the iris, where no lid casts its shade
    torch.testing.assert_close(painted[lit].mean(dim=0), torch.tensor(WHITE), atol=0.12, rtol=0)
    assert float(painted[ring(eye, -1, 6)].max()) < 0.1, "the pupil"
    assert 0 <= float(painted.min()) <= float(painted.max()) <= 1


def test_lids_that_hide_half_of_the_eye_change_nothing_much() -> None:
    eye = ball()
    color, confidence = seen_colors(eye), torch.ones(len(eye.rows))
    whole = paint_eye(eye, color, confidence, 0.4)
    lid = eye.azimuth > 0
    color[lid], confidence[lid] = torch.tensor([0.7, 0.5, 0.4]), 0.0
    torch.testing.assert_close(paint_eye(eye, color, confidence, 0.4), whole, atol=0.02, rtol=0)


def test_an_unseen_eye_is_brown_and_its_white_follows_the_exposure() -> None:
    eye = ball()
    nothing = torch.zeros(len(eye.rows))
    bright, dim = (paint_eye(eye, torch.rand(len(eye.rows), 3), nothing, skin) for skin in (0.4, 0.01))
    again = paint_eye(eye, torch.rand(len(eye.rows), 3), nothing, 0.4)
    assert torch.equal(bright, again), "colours without confidence do not count"
    iris = bright[ring(eye, 11, 18)].mean(dim=0)
    assert float(iris[0]) > float(iris[1]) > float(iris[2])
    white = ring(eye, 32, 45) & (torch.sin(eye.azimuth).abs() < 0.3)  # where no lid casts its shade
    assert float(bright[white].mean()) > float(dim[white].mean()) + 0.1
    assert float(dim[white].mean()) > 0.45


def test_lids_shade_the_ball_from_above_more_than_from_below_and_the_middle_not_at_all() -> None:
    eye = ball()
    painted = paint_eye(eye, seen_colors(eye), torch.ones(len(eye.rows)), 0.4).mean(dim=1)
    white, height = ring(eye, 35, 50), torch.sin(eye.azimuth)
    above, beside, below = (painted[white & near].mean() for near in (height > 0.9, height.abs() < 0.2, height < -0.9))
    assert float(above) < float(below) < float(beside)


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [((0.45, 0.28, 0.30), (0.45, 0.357, 0.30)), ((0.36, 0.25, 0.18), None), ((0.35, 0.42, 0.55), None)],
)
def test_no_iris_is_red_and_brown_and_blue_ones_stay(
    seen: tuple[float, float, float], wanted: tuple[float, float, float] | None
) -> None:
    torch.testing.assert_close(_without_red(torch.tensor(seen)), torch.tensor(wanted or seen), atol=2e-3, rtol=0)


def test_lids_and_lashes_on_the_ball_are_no_eye() -> None:
    """The picture is a little off: lid skin below, lashes above, both said to be seen; a shaded eye between them."""
    eye = ball()
    color, confidence = 0.9 * seen_colors(eye), torch.ones(len(eye.rows))
    height = eye.angle * torch.sin(eye.azimuth)
    lid, lash = (height < -16) & (eye.angle < 70), (height > 24) & (eye.angle < 70)
    clean = paint_eye(eye, color, confidence, 0.4, kept=0.9)
    color[lid], color[lash] = torch.tensor([0.75, 0.5, 0.42]), torch.tensor([0.16, 0.12, 0.1])
    painted = paint_eye(eye, color, confidence, 0.4, kept=0.9)
    torch.testing.assert_close(painted[~lid & ~lash], clean[~lid & ~lash], atol=0.06, rtol=0)
    white = eye.angle > IRIS_HALF_ANGLE_DEGREES + 9  # nearer, a dark texel may be of a larger iris
    redness = (painted[:, 0] - painted[:, 1])[lid & white]
    assert float(redness.max()) < 0.1, "of the lid 0.25"
    assert float(painted[lash & white].mean(dim=1).min()) > 0.3, "of the lashes 0.13"


def test_what_looks_like_the_eye_stays_as_photographed() -> None:
    eye = ball()
    color = seen_colors(eye) * (1 + 0.05 * torch.randn(len(eye.rows), 1, generator=torch.Generator().manual_seed(4)))
    painted = paint_eye(eye, color, torch.ones(len(eye.rows)), 0.4, kept=1.0)
    beside = ring(eye, 30, 60) & (color.amax(dim=1) < 0.85)
    torch.testing.assert_close(painted[beside], color[beside], atol=0.01, rtol=0)

"""Soft thresholds against plain numbers."""

from __future__ import annotations

import torch

from stylefaceuv.soft_steps import eased, smoothstep, soft_threshold


def test_a_threshold_is_straight_between_its_ends() -> None:
    found = soft_threshold(torch.tensor([-1.0, 0.2, 0.3, 0.4, 7.0]), (0.2, 0.4))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]))


def test_a_smooth_step_is_level_at_its_ends_and_mirrored_about_its_middle() -> None:
    value = torch.linspace(-1, 4, 101, dtype=torch.float64).requires_grad_()
    step = smoothstep(value, (0.5, 2.5))
    (slope,) = torch.autograd.grad(step.sum(), value)
    assert torch.equal(step[value <= 0.5], torch.zeros(int((value <= 0.5).sum()), dtype=torch.float64))
    assert torch.equal(step[value >= 2.5], torch.ones(int((value >= 2.5).sum()), dtype=torch.float64))
    torch.testing.assert_close(step + step.flip(0), torch.ones_like(step))
    torch.testing.assert_close(eased(soft_threshold(value, (0.5, 2.5))), step)
    assert float(slope[(value < 0.52) | (value > 2.48)].abs().max()) < 0.05 < float(slope.max())

"""The comparison of two UV generators, on cases whose answer is known."""

from __future__ import annotations

import torch

from stylefaceuv.networks.uv_generator import UVPrediction
from stylefaceuv.training.uv_ablation import paired_difference, shuffled_displacement, without_displacement


def test_a_constant_gap_has_no_uncertainty() -> None:
    first = torch.linspace(0.1, 0.9, 17)
    found = paired_difference(first, first + 0.25)
    assert abs(found.mean - 0.25) < 1e-6
    assert found.high - found.low < 1e-6


def test_noise_alone_does_not_tell_two_models_apart_but_a_shift_does() -> None:
    source = torch.Generator().manual_seed(3)
    first, noise = torch.rand(80, generator=source), 0.1 * torch.randn(80, generator=source)
    even = paired_difference(first, first + noise - noise.mean())
    assert even.low < 0 < even.high
    assert paired_difference(first, first + noise + 0.1).low > 0


def test_the_interval_is_about_two_standard_errors_wide() -> None:
    source = torch.Generator().manual_seed(5)
    gap = torch.randn(200, generator=source)
    found = paired_difference(torch.zeros(200), gap)
    assert abs((found.high - found.low) / (2 * 1.96 * float(gap.std()) / 200**0.5) - 1) < 0.1


def _maps(count: int) -> list[UVPrediction]:
    return [UVPrediction(torch.full((1, 3, 4, 4), float(i)), torch.full((1, 3, 2, 2), 10.0 * i)) for i in range(count)]


def test_shuffling_gives_every_face_the_displacement_of_another_one() -> None:
    shuffled = shuffled_displacement(_maps(3))
    assert [float(one.diffuse.mean()) for one in shuffled] == [0, 1, 2]
    assert [float(one.displacement.mean()) for one in shuffled] == [20, 0, 10]


def test_removing_displacement_keeps_the_colours() -> None:
    bare = without_displacement(_maps(3))
    assert [float(one.diffuse.mean()) for one in bare] == [0, 1, 2]
    assert all(float(one.displacement.abs().max()) == 0 for one in bare)

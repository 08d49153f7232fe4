"""Means over texels: steps lead to the next texel, a plane keeps its value, what is finer than texels fades."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.texel_average import texel_average, texel_steps
from tests.lifting.lifted_scene import Scene


def test_a_step_leads_to_the_next_texel_of_the_same_face(scene: Scene) -> None:
    surface, steps = scene.lifter.surface, texel_steps(scene.lifter.surface)
    texels, places = surface.texels, surface.rest_positions
    row_of = {int(flat): row for row, flat in enumerate(texels.flat_index)}
    for axis, ahead in enumerate((1, texels.resolution)):
        pairs = [(row, row_of[flat + ahead]) for flat, row in row_of.items() if flat + ahead in row_of]
        here, there = torch.tensor(pairs).T
        same = (texels.corners[here] == texels.corners[there]).all(dim=1)
        assert int(same.sum()) > 500
        here, there = here[same], there[same]
        torch.testing.assert_close(places[here] + steps[here, axis], places[there], atol=1e-4, rtol=0)


def test_a_plane_keeps_its_value(scene: Scene) -> None:
    surface, plane = scene.lifter.surface, torch.tensor([[0.3, -1.0], [0.7, 0.2], [-0.4, 2.0]])
    averaged = texel_average(lambda points: points @ plane, surface)
    assert averaged.shape == (len(surface.rest_positions), 2)
    torch.testing.assert_close(averaged, surface.rest_positions @ plane, atol=1e-4, rtol=0)


def test_what_is_finer_than_texels_fades(scene: Scene) -> None:
    """A wave of one texel's length on the back of the head, which a centre reads at any phase."""
    surface = scene.lifter.surface
    back = surface.rest_positions[:, 2] < 0
    length = texel_steps(surface)[back].norm(dim=2).mean()

    def wave(points: torch.Tensor) -> torch.Tensor:
        return (points.sum(dim=1, keepdim=True) * (2 * torch.pi / length)).sin()

    read, averaged = wave(surface.rest_positions)[back], texel_average(wave, surface)[back]
    assert float(averaged.std()) < 0.5 * float(read.std())

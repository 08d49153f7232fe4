"""Lips of their own colour, whatever the photo's teeth."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.lip_texture import lip_texels, tidy_lips


def plane() -> tuple[torch.Tensor, torch.Tensor]:
    """A flat patch of texels around a mouth of 0.5 dm, and landmarks: inner line at y = 0, outer at +-0.08."""
    x, y = torch.meshgrid(torch.linspace(-0.4, 0.4, 81), torch.linspace(-0.3, 0.3, 61), indexing="ij")
    texels = torch.stack([x, y, torch.zeros_like(x)], dim=-1).reshape(-1, 3)
    points = torch.full((478, 3), 9.0)
    inner = (78, 95, 191, 88, 178, 87, 14, 317, 402, 318, 80, 81, 82, 13, 312, 311, 310, 415, 324, 308)
    for number, index in enumerate(inner):
        points[index] = torch.tensor([-0.25 + 0.5 * number / 19, 0.0, 0.0])
    for index, side in ((0, 1), (37, 1), (267, 1), (17, -1), (84, -1), (314, -1)):
        points[index] = torch.tensor([0.0, 0.08 * side, 0.0])
    return texels, points


def test_teeth_on_the_lips_become_lips_and_the_rest_stays() -> None:
    texels, points = plane()
    lips = lip_texels(texels, torch.ones(len(texels), dtype=torch.bool), points)
    color = torch.tensor([0.6, 0.3, 0.3]).expand(len(texels), 3).clone()
    teeth = (texels[:, 1].abs() < 0.015) & (texels[:, 0].abs() < 0.1)
    color[teeth] = torch.tensor([0.9, 0.9, 0.85])
    unseen = torch.zeros(len(texels))
    tidied = tidy_lips(color, unseen, lips)
    assert float((tidied[teeth] - torch.tensor([0.54, 0.27, 0.27])).abs().max()) < 0.02
    assert torch.equal(tidied[~teeth], color[~teeth])
    assert float(color[teeth].min()) > 0.8


def test_what_a_photo_shows_stays_and_so_does_a_bright_red() -> None:
    texels, points = plane()
    lips = lip_texels(texels, torch.ones(len(texels), dtype=torch.bool), points)
    color = torch.tensor([0.6, 0.3, 0.3]).expand(len(texels), 3).clone()
    middle = texels[:, 1].abs() < 0.015
    color[middle] = torch.tensor([0.9, 0.9, 0.85])
    assert torch.equal(tidy_lips(color, torch.ones(len(texels)), lips), color)
    color[middle] = torch.tensor([0.9, 0.45, 0.45])
    assert torch.equal(tidy_lips(color, torch.zeros(len(texels)), lips), color)


def test_only_skin_near_the_line_of_the_lips_is_touched() -> None:
    texels, points = plane()
    is_skin = texels[:, 0] > 0
    lips = lip_texels(texels, is_skin, points)
    assert bool(is_skin[lips.rows].all())
    assert bool(is_skin[lips.red].all())
    assert float(texels[lips.rows, 1].abs().max()) < 0.1
    assert 0 < float(lips.share.max()) <= 1

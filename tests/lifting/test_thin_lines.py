"""Strands and rims are marked; broad shade, light lines and a face's own dark features are not."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.thin_lines import dark_lines, plain_skin


def skin(height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.tensor([0.8, 0.6, 0.5])[None, :, None, None].repeat(1, 1, height, width)


def test_a_thin_dark_line_is_marked_and_nothing_beside_it() -> None:
    texture = skin()
    texture[..., 20:23, :] *= 0.6
    found = dark_lines(texture, 2)
    assert float(found[..., 20:23, :].min()) == 1
    assert float(found[..., :20, :].max()) == float(found[..., 23:, :].max()) == 0


def test_a_broad_dark_patch_a_light_line_and_a_wrinkle_are_not_marked() -> None:
    for rows, factor in ((slice(10, 30), 0.6), (slice(20, 22), 1.2), (slice(20, 22), 0.95)):
        texture = skin()
        texture[..., rows, :] *= factor
        assert float(dark_lines(texture, 2).max()) == 0


def test_slow_shade_is_not_marked() -> None:
    texture = skin() * torch.linspace(0.4, 1, 64)
    assert float(dark_lines(texture, 2)[..., 6:-6].max()) < 0.3


def test_brows_are_not_plain_skin_and_neither_is_what_lies_off_the_chart() -> None:
    texture, chart = skin(), torch.ones(1, 1, 48, 64)
    texture[..., :8, :] *= 0.5
    chart[..., 40:, :] = 0
    found = plain_skin(texture, chart)
    assert float(found[..., :8, :].max()) == 0
    assert float(found[..., 8:40, :].min()) == 1
    assert float(found[..., 40:, :].max()) == 0

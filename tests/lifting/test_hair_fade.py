"""The ends of long hair have their own colour, told by the picture; glare and shade are not taken for it."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.lifting.hair_fade import end_tint, fade_to
from stylefaceuv.networks.head_segmenter import SEGMENTS

HEIGHT, WIDTH, SMALL = 96, 64, (48, 32)
BROWN, GOLDEN = (0.40, 0.30, 0.22), (0.58, 0.43, 0.30)


def picture(crown: tuple[float, float, float], ends: tuple[float, float, float]) -> torch.Tensor:
    """(3, H, W): hair of one colour in the upper half, of another one below."""
    image = torch.empty(3, HEIGHT, WIDTH)
    image[:, : HEIGHT // 2], image[:, HEIGHT // 2 :] = (torch.tensor(each)[:, None, None] for each in (crown, ends))
    return image


def hair(rows: slice = slice(None)) -> torch.Tensor:
    segments = torch.zeros(len(SEGMENTS), *SMALL)
    segments[SEGMENTS.index("hair"), rows, :10] = 0.7
    return segments


def landmarks() -> torch.Tensor:
    """Brows at a third of the height, the tip of the nose in the middle."""
    points = torch.full((478, 2), HEIGHT / 2)
    points[[105, 334], 1] = HEIGHT / 3
    return points


def test_fairer_ends_are_told() -> None:
    tint = end_tint(picture(BROWN, GOLDEN), hair(), landmarks())
    torch.testing.assert_close(tint, torch.tensor(GOLDEN) / torch.tensor(BROWN), rtol=0, atol=1e-5)


def test_one_colour_is_no_tint() -> None:
    torch.testing.assert_close(end_tint(picture(BROWN, BROWN), hair(), landmarks()), torch.ones(3))


def test_shade_is_bounded_and_so_is_the_hue() -> None:
    tint = end_tint(picture(GOLDEN, (0.05, 0.05, 0.05)), hair(), landmarks())
    assert float(tint.mean()) > 0.8
    purple = end_tint(picture(BROWN, (0.4, 0.1, 0.5)), hair(), landmarks())
    assert float(purple.max() / purple.min()) < 1.45
    wine = end_tint(picture(BROWN, (0.38, 0.15, 0.15)), hair(), landmarks())
    assert float(wine.max() / wine.min()) < 1.15, "darker and of another hue: a collar"


@pytest.mark.parametrize("rows", [slice(0, 16), slice(26, None)])
def test_hair_on_one_half_alone_tells_nothing(rows: slice) -> None:
    assert torch.equal(end_tint(picture(BROWN, GOLDEN), hair(rows), landmarks()), torch.ones(3))


def test_it_grows_from_the_crown_to_the_ears() -> None:
    height = torch.linspace(1.5, -1.0, 26).view(1, 1, 26, 1).expand(1, 1, 26, 3)
    field = fade_to(torch.tensor([1.5, 1.0, 0.8]), height)
    assert field.shape == (1, 3, 26, 3)
    torch.testing.assert_close(field[0, :, 0, 0], torch.ones(3))
    torch.testing.assert_close(field[0, :, -1, 0], torch.tensor([1.5, 1.0, 0.8]))
    assert bool((field[0, 0, 1:] >= field[0, 0, :-1]).all())

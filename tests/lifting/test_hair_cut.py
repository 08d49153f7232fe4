"""Cut of hair: strands side by side are combed, whatever their direction; short and curly ones are not."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stylefaceuv.lifting.hair_cut import UNTOLD, combed_share
from stylefaceuv.networks.head_segmenter import SEGMENTS

HEIGHT, WIDTH = 576, 640
BROWS = 450.0


def noise(height: int, width: int) -> torch.Tensor:
    return torch.randn(1, 1, height, width, generator=torch.Generator().manual_seed(5))


def picture(strands: torch.Tensor) -> torch.Tensor:
    """(3, H, W) hair of a luminance (1, 1, h, w), below it skin whose strands run level."""
    large = functional.interpolate(strands, (HEIGHT, WIDTH), mode="bicubic", align_corners=False)[0]
    below = torch.arange(HEIGHT)[:, None] > BROWS
    level = functional.interpolate(noise(HEIGHT, 2), (HEIGHT, WIDTH))[0]
    return (0.4 + 0.05 * torch.where(below, level, large)).clamp(0, 1).expand(3, -1, -1)


def segments(hair: float = 1.0) -> torch.Tensor:
    """(S, 256, 256): hair above the brows."""
    shares = torch.zeros(len(SEGMENTS), 256, 256)
    shares[SEGMENTS.index("hair"), : int(256 * BROWS / HEIGHT)] = hair
    return shares


def landmarks() -> torch.Tensor:
    return torch.full((478, 2), BROWS)


@pytest.mark.parametrize("turned", [False, True])
def test_strands_side_by_side_are_combed(turned: bool) -> None:
    strands = noise(4, 320)
    image = picture(strands.transpose(2, 3) if turned else strands)
    assert combed_share(image, segments(), landmarks()) == 1


def test_short_ones_are_cropped() -> None:
    assert combed_share(picture(noise(256, 320)), segments(), landmarks()) == 0


def test_it_is_the_share_of_agreement_not_how_strong_it_is() -> None:
    """Fainter pictures, and gains of channels, are as combed."""
    image = picture(noise(115, 320))
    plain = combed_share(image, segments(), landmarks())
    assert 0 < plain < 1
    fainter = 0.3 * image * torch.tensor([1.0, 0.6, 0.4])[:, None, None]
    assert combed_share(fainter, segments(), landmarks()) == pytest.approx(plain, abs=0.02)


def test_too_little_hair_tells_nothing() -> None:
    image = picture(noise(256, 320))
    assert combed_share(image, segments(0.5), landmarks()) == UNTOLD, "unlikely hair"
    assert combed_share(image, segments(), torch.full((478, 2), 3.0)) == UNTOLD, "brows at the picture's top"


@pytest.mark.parametrize("short", [False, True])
def test_the_size_of_the_picture_does_not_matter(short: bool) -> None:
    """Enlarged by any factor it is as combed; one too small to show strands tells nothing."""
    image = picture(noise(115, 320))[:, :, 64:]
    told = {}
    for size in (576, 800, 1152):
        larger = functional.interpolate(image[None], (size, size), mode="bilinear", antialias=True)[0]
        told[size] = combed_share(larger, segments(), landmarks() * size / HEIGHT)
    assert 0 < told[576] < 1
    assert told[800] == pytest.approx(told[576], abs=0.1)
    assert told[1152] == pytest.approx(told[576], abs=0.1)
    edges = (511, 640) if short else (640, 511)
    small = functional.interpolate(picture(noise(256, 320))[None], edges, mode="bilinear", antialias=True)[0]
    assert combed_share(small, segments(), landmarks() * edges[0] / HEIGHT) == UNTOLD


@pytest.mark.parametrize("tone", [0.0, 0.05, 0.9])
def test_hair_without_structure_tells_nothing(tone: float) -> None:
    """Black hair that is clipped, and hair out of focus, with the steps of eight bits."""
    steps = torch.randint(0, 2, (3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(2)) / 255
    assert combed_share(tone + steps, segments(), landmarks()) == UNTOLD


def test_only_hair_is_looked_at() -> None:
    """The same hair in a head of other cells' strands."""
    image, shares = picture(noise(256, 320)), segments()
    shares[SEGMENTS.index("hair"), :, 128:] = 0
    image = image.clone()
    image[:, :, WIDTH // 2 :] = picture(noise(4, 320))[:, :, WIDTH // 2 :]
    assert combed_share(image, shares, landmarks()) == 0

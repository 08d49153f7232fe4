"""Hats of colours that no hair has are found, with their emblems; hair of every natural colour is none."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.lifting.hats import hat_over, unlike_hair

SIZE = 256
HAIR = {
    "black": (0.10, 0.09, 0.10),
    "bluish black": (0.13, 0.12, 0.16),
    "brown": (0.30, 0.20, 0.15),
    "mauve in a blue light": (0.38, 0.33, 0.36),
    "red": (0.55, 0.28, 0.15),
    "blond": (0.80, 0.68, 0.45),
    "grey": (0.60, 0.60, 0.61),
    "white": (0.92, 0.91, 0.90),
}
CLOTH = {
    "navy": (0.15, 0.26, 0.38),
    "sky": (0.45, 0.61, 0.68),
    "pink": (0.95, 0.45, 0.68),
    "green": (0.2, 0.5, 0.25),
    "violet": (0.45, 0.25, 0.6),
    "scarlet": (0.85, 0.1, 0.1),
}


def head(color: tuple[float, float, float], below: tuple[float, float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """A map with a colour down to row 80 and another one to row 120, and where both are taken for hair."""
    image, hair = torch.full((1, 3, SIZE, SIZE), 0.5), torch.zeros(1, 1, SIZE, SIZE)
    image[..., :120, 40:216] = torch.tensor(below).view(1, 3, 1, 1)
    image[..., :80, 40:216] = torch.tensor(color).view(1, 3, 1, 1)
    hair[..., :120, 40:216] = 1
    return image, hair


@pytest.mark.parametrize("name", HAIR)
def test_hair_is_no_hat(name: str) -> None:
    image, hair = head(HAIR[name], HAIR["brown"])
    assert not bool(hat_over(image, hair).any())
    assert not bool(unlike_hair(image[..., :80, 60:100]).any())


@pytest.mark.parametrize("name", CLOTH)
def test_a_coloured_hat_is_found_and_the_hair_below_it_left(name: str) -> None:
    image, hair = head(CLOTH[name], HAIR["brown"])
    image[..., 40:50, 120:130] = torch.tensor(HAIR["white"]).view(1, 3, 1, 1)  # an emblem
    hat = hat_over(image, hair)[0, 0]
    assert float(hat[2:78, 42:214].min()) == 1
    assert float(hat[90:].max()) == 0
    assert float(hat[:, :30].max()) == 0


def test_a_band_in_the_hair_is_no_hat() -> None:
    image, hair = head(HAIR["brown"], HAIR["brown"])
    image[..., 60:90, 40:216] = torch.tensor(CLOTH["navy"]).view(1, 3, 1, 1)
    assert not bool(hat_over(image, hair).any())


def test_colour_that_is_not_on_hair_is_no_hat() -> None:
    image, hair = head(HAIR["brown"], HAIR["brown"])
    image[..., 140:, :] = torch.tensor(CLOTH["sky"]).view(1, 3, 1, 1)
    assert not bool(hat_over(image, hair).any())


def test_beside_a_hat_its_shade_is_cloth() -> None:
    shade = torch.tensor((0.13, 0.12, 0.16)).view(1, 3, 1, 1)
    assert not bool(unlike_hair(shade))
    assert bool(unlike_hair(shade, beside_hat=True))
    assert not bool(unlike_hair(torch.tensor(HAIR["black"]).view(1, 3, 1, 1), beside_hat=True))

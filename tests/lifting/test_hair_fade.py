"""The ends of long hair have their own colour, told by the picture; glare and shade are not taken for it."""

from __future__ import annotations

import torch

from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.lifting.hair_fade import HairEnds, beside_head, end_tint, fade_to, hanging_color
from stylefaceuv.networks.head_segmenter import SEGMENTS

HEIGHT, WIDTH, SMALL = 96, 64, (48, 32)
BROWN, GOLDEN = (0.40, 0.30, 0.22), (0.58, 0.43, 0.30)


def picture(crown: tuple[float, float, float], ends: tuple[float, float, float]) -> torch.Tensor:
    """(3, H, W): hair of one colour in the upper third, of another one below."""
    image = torch.empty(3, HEIGHT, WIDTH)
    image[:, : HEIGHT // 3], image[:, HEIGHT // 3 :] = (torch.tensor(each)[:, None, None] for each in (crown, ends))
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


def tint(ends: tuple[float, float, float], crown: tuple[float, float, float]) -> torch.Tensor:
    return end_tint(torch.tensor(ends), torch.tensor(crown))


def test_hair_below_the_brows_is_read_without_its_light() -> None:
    image, light = picture(BROWN, GOLDEN), torch.tensor([0.8, 1.0, 1.25])
    plain = hanging_color(image, hair(), landmarks(), torch.ones(3))
    lit = hanging_color(image, hair(), landmarks(), light)
    assert plain is not None
    assert lit is not None
    torch.testing.assert_close(plain, torch.tensor(GOLDEN))
    torch.testing.assert_close(srgb_to_linear(lit) * light, srgb_to_linear(plain))


def test_hair_that_is_half_background_tells_nothing_of_its_colour() -> None:
    """A wide rim that the segmenter still takes for hair, before a bright wall."""
    image, segments = picture(BROWN, BROWN), hair()
    image[:, :, 8:] = 0.9
    segments[SEGMENTS.index("hair"), :, :10] = torch.linspace(0.95, 0.65, 10)
    found = hanging_color(image, segments, landmarks(), torch.ones(3))
    assert found is not None
    torch.testing.assert_close(found, torch.tensor(BROWN))


def test_too_little_hair_below_the_brows_tells_nothing() -> None:
    assert hanging_color(picture(BROWN, GOLDEN), hair(slice(0, 18)), landmarks(), torch.ones(3)) is None
    assert hanging_color(picture(BROWN, GOLDEN), 0.8 * hair(), landmarks(), torch.ones(3)) is None, "unlikely hair"


def test_fairer_ends_are_told() -> None:
    torch.testing.assert_close(tint(GOLDEN, BROWN), torch.tensor(GOLDEN) / torch.tensor(BROWN), rtol=0, atol=1e-5)


def test_one_colour_is_no_tint() -> None:
    torch.testing.assert_close(tint(BROWN, BROWN), torch.ones(3))


def test_shade_is_bounded_and_so_is_the_hue() -> None:
    assert float(tint((0.05, 0.05, 0.05), GOLDEN).mean()) > 0.8
    purple = tint((0.4, 0.1, 0.5), BROWN)
    assert 1.4 < float(purple.max() / purple.min()) < 1.9
    wine = tint((0.38, 0.15, 0.15), BROWN)
    assert float(wine.max() / wine.min()) < 1.16, "darker and of another hue: a collar"
    for blue in (0.14, 0.12):
        brick = tint((0.38, 0.15, blue), BROWN)
        assert float(brick.max() / brick.min()) < 1.2, "a warmer one: no bluer than brown hair is"
    navy = tint((0.08, 0.12, 0.3), BROWN)
    assert float(navy.max() / navy.min()) < 1.16


def test_shaded_hair_below_a_glossy_crown_is_warmer() -> None:
    gloss, own = (0.62, 0.52, 0.49), (0.51, 0.34, 0.27)
    shaded = tint(own, gloss) * torch.tensor(gloss)
    torch.testing.assert_close(shaded / shaded.sum(), torch.tensor(own) / sum(own), rtol=0.03, atol=0)
    assert abs(float(shaded.mean()) * 3 / sum(gloss) - 0.85) < 0.02, "shade is bounded as before"


def test_what_lies_beside_the_head_is_not_the_face_nor_the_crown() -> None:
    points = torch.tensor([[0.0, 0.1, 0.9], [0.3, 0.9, 0.0], [-0.7, 0.0, 0.1], [0.65, -0.4, -0.2], [0.6, -0.8, 0.0]])
    assert beside_head(points).tolist() == [False, False, True, True, False]


def test_ends_have_their_own_colour_and_the_crown_its_own() -> None:
    height = torch.linspace(1.5, -1.2, 28).view(1, 1, 28, 1).expand(1, 1, 28, 3)
    crown = torch.tensor(BROWN).view(1, 3, 1, 1)
    hanging = crown * HairEnds(torch.tensor(GOLDEN), height).fade_from(crown)
    torch.testing.assert_close(hanging[0, :, 0, 1], torch.tensor(BROWN))
    torch.testing.assert_close(hanging[0, :, -1, 1], torch.tensor(GOLDEN), rtol=0, atol=1e-5)


def test_it_grows_from_the_crown_to_the_ears() -> None:
    height = torch.linspace(1.5, -1.0, 26).view(1, 1, 26, 1).expand(1, 1, 26, 3)
    field = fade_to(torch.tensor([1.5, 1.0, 0.8]), height)
    assert field.shape == (1, 3, 26, 3)
    torch.testing.assert_close(field[0, :, 0, 0], torch.ones(3))
    torch.testing.assert_close(field[0, :, -1, 0], torch.tensor([1.5, 1.0, 0.8]))
    assert bool((field[0, 0, 1:] >= field[0, 0, :-1]).all())

"""One clean texture out of what was seen, its mirror image and a model."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.completion import below_hairline, complete, skin_grain, solid_mask
from tests.lifting.scenes import smooth_image

SIZE = 128
ONE = torch.ones(1, 1, SIZE, SIZE)


def half_seen() -> torch.Tensor:
    """(1, 1, R, R): the left half is seen."""
    return (torch.arange(SIZE) < SIZE // 2).float().expand(1, 1, SIZE, SIZE).contiguous()


def finish(lifted: torch.Tensor, mask: torch.Tensor, model_texture: torch.Tensor, grain: float = 0.0) -> torch.Tensor:
    return complete(lifted, mask, model_texture, ONE, ONE, grain * skin_grain(SIZE))


def test_seen_texels_keep_their_colour() -> None:
    lifted, model_texture = smooth_image(SIZE, 0)[None], smooth_image(SIZE, 1)[None]
    done = finish(lifted, half_seen(), model_texture)
    inside = slice(0, SIZE // 2 - 34)  # the coarsest band is 32 texels wide
    torch.testing.assert_close(done[..., inside], lifted[..., inside], atol=0.02, rtol=0)
    assert float((done[..., inside] - model_texture[..., inside]).abs().mean()) > 0.1
    torch.testing.assert_close(finish(lifted, ONE, model_texture), lifted, atol=1e-5, rtol=0)


def test_what_is_not_seen_is_mirrored() -> None:
    source = torch.Generator().manual_seed(3)
    freckles = 0.15 * torch.nn.functional.avg_pool2d(torch.randn(1, 1, SIZE, SIZE, generator=source), 3, 1, 1)
    lifted, model_texture = 0.5 + freckles.expand(1, 3, -1, -1), torch.full((1, 3, SIZE, SIZE), 0.5)
    done = finish(lifted * half_seen(), half_seen(), model_texture)
    hidden = done[..., SIZE // 2 + 4 :]
    wanted = lifted.flip(-1)[..., SIZE // 2 + 4 :]
    assert float((hidden - wanted).abs().mean()) < 0.25 * float((hidden - 0.5).abs().mean())


def test_hair_is_mirrored_only_onto_hair() -> None:
    """A side that shows skin, with a freckled patch of hair below, is unseen on the other side, which has hair."""
    source = torch.Generator().manual_seed(4)
    freckles = 0.1 * torch.nn.functional.avg_pool2d(torch.randn(1, 1, SIZE, SIZE, generator=source), 3, 1, 1)
    below = (torch.arange(SIZE) >= SIZE // 2).float()[:, None].expand(1, 1, SIZE, SIZE)
    photo = 0.7 - 0.5 * below.expand(1, 3, -1, -1) + freckles
    model_texture = torch.where(half_seen() > 0, 0.7 - 0.5 * below, 0.2 * ONE).expand(1, 3, -1, -1).contiguous()
    hidden = (slice(None), slice(None), slice(None), slice(SIZE // 2 + 8, None))
    skin, hair = (slice(None), slice(None), slice(0, 48)), (slice(None), slice(None), slice(80, None))
    done = [
        complete(photo * half_seen(), half_seen(), model_texture, ONE, ONE, hair=where)[hidden] for where in (None, ONE)
    ]
    wanted = (model_texture + freckles.flip(-1))[hidden]
    plain = model_texture[hidden]
    rough = [float((part[skin] - part[skin].mean()).std()) for part in done]
    assert rough[1] < 0.5 * rough[0], "freckles of the other side's skin"
    assert float((done[1][skin] - plain[skin]).abs().mean()) < 0.05
    for part in done:
        assert float((part[hair] - wanted[hair]).abs().mean()) < 0.5 * float((plain[hair] - wanted[hair]).abs().mean())


def test_hair_s_mirror_image_does_not_depend_on_what_is_not_seen() -> None:
    freckles = 0.1 * torch.randn(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(6))
    mask, model_texture = half_seen(), torch.full((1, 3, SIZE, SIZE), 0.4)
    done = []
    for hidden in (0.0, 0.4, 1.0):
        lifted = torch.where(mask > 0, 0.4 + freckles, hidden).expand(1, 3, -1, -1).contiguous()
        done.append(complete(lifted, mask, model_texture, ONE, ONE, hair=ONE))
    torch.testing.assert_close(done[0], done[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(done[0], done[2], rtol=0, atol=1e-5)


def test_what_neither_side_shows_is_the_model_s_in_the_photo_s_tone() -> None:
    model_texture = smooth_image(SIZE, 1)[None] * 0.5
    shift = torch.tensor([0.2, 0.1, 0.05]).reshape(1, 3, 1, 1)
    mask = ONE.clone()
    mask[:, :, SIZE // 2 :] = 0
    done = finish((model_texture + shift) * mask, mask, model_texture)
    torch.testing.assert_close(done, model_texture + shift, atol=0.01, rtol=0)


def test_halved_images_are_completed_as_wide() -> None:
    """A quarter of the size, with bands and reaches of a quarter of the texels, looks like the whole made smaller."""
    lifted, model_texture = smooth_image(256, 0)[None], smooth_image(256, 1)[None]
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 64:224, 32:112] = 1
    ones = torch.ones_like(mask)
    large = complete(lifted, mask, model_texture, ones, ones)
    parts = [torch.nn.functional.avg_pool2d(part, 4) for part in (lifted, mask, model_texture, ones, ones)]
    small = complete(*parts, halved=2)
    expected = torch.nn.functional.avg_pool2d(large, 4)
    assert float((parts[2] - expected).abs().mean()) > 0.05, "not what the model alone is"
    error, unscaled = ((each - expected).abs().mean() for each in (small, complete(*parts)))
    assert float(error) < 0.01
    assert float(error) < 0.3 * float(unscaled)


def test_dark_hair_beside_darker_hair_keeps_its_strands() -> None:
    """The model's hair has strands of 0.1 and 0.14; what is seen of it is nearly black."""
    size = 64
    model = torch.full((1, 3, size, size), 0.1)
    model[..., ::2] = 0.14
    mask, ones = torch.zeros(1, 1, size, size), torch.ones(1, 1, size, size)
    mask[..., :32, :] = 1
    lifted = torch.full_like(model, 0.005)
    completed = complete(lifted, mask, model, ones, ones, torch.zeros_like(ones))
    beside = completed[..., 40:60, :]
    assert float(beside.min()) > 0.03
    assert float((beside[..., ::2] - beside[..., 1::2]).mean()) > 0.01


def test_it_stays_finite_and_calm_whatever_was_seen() -> None:
    source = torch.Generator().manual_seed(2)
    lifted = 50 * torch.randn(1, 3, SIZE, SIZE, generator=source)
    model_texture = torch.full((1, 3, SIZE, SIZE), 0.4)
    empty = finish(lifted, 0 * ONE, model_texture, grain=1.0)
    assert bool(torch.isfinite(empty).all())
    assert float((empty - 0.4).abs().mean()) < 0.02, "nothing was seen: the model alone"
    mask = (torch.rand(1, 1, SIZE, SIZE, generator=source) > 0.9).float()
    assert bool(torch.isfinite(finish(lifted.clamp(0, 1), mask, model_texture, grain=1.0)).all())


def test_completed_skin_gets_the_grain_of_the_seen_skin() -> None:
    source = torch.Generator().manual_seed(4)
    model_texture = torch.full((1, 3, SIZE, SIZE), 0.5)
    mask = ONE.clone()
    mask[:, :, SIZE // 2 :] = 0
    spread = []
    for strength in (0.003, 0.01):
        noise = strength * torch.randn(1, 1, SIZE, SIZE, generator=source).expand(1, 3, -1, -1)
        spread.append(float(finish(model_texture + noise, mask, model_texture, 1.0)[:, :, 3 * SIZE // 4 :].std()))
    assert 0.001 < spread[0] < 0.5 * spread[1]


def test_skin_grain_is_plain_noise_that_its_seed_decides() -> None:
    grain = skin_grain(64)
    assert abs(float(grain.mean())) < 1e-5
    assert abs(float(grain.std()) - 1) < 1e-4
    assert torch.equal(grain, skin_grain(64))
    assert not torch.equal(grain, skin_grain(64, seed=1))


def test_a_solid_mask_is_sure_inside_and_empty_around_doubt() -> None:
    weights = ONE.clone()
    weights[..., 64:] = 0
    weights[0, 0, 40, 20] = 0  # a strand of hair
    mask = solid_mask(weights, erosion=3, feather_levels=2)
    assert float(mask[0, 0, :30, :40].min()) > 0.99
    assert float(mask[..., 61:].max()) == 0
    assert float(mask[0, 0, 38:43, 18:23].max()) < 0.1
    assert float((mask > weights).float().max()) == 0


def test_what_lies_above_hair_falls_and_what_lies_below_the_brows_stays() -> None:
    weights, forehead = ONE.clone(), torch.zeros_like(ONE)
    forehead[:, :, :60] = 1
    weights[0, 0, 40:44, 50:60] = 0  # a fringe
    weights[0, 0, 90, 20] = 0  # a mole on the cheek
    kept = below_hairline(weights, forehead, reach=2)
    assert float(kept[0, 0, :44, 50:60].max()) == 0
    assert float(kept[0, 0, :44, 48:50].max()) == 0, "two texels to each side"
    assert float(kept[0, 0, :60, :48].min()) == 1
    assert float(kept[0, 0, 44:60, 50:60].min()) == 1
    assert torch.equal(kept[:, :, 60:], weights[:, :, 60:])
    assert float((kept > weights).float().max()) == 0

"""The tone that an albedo model gives to scalp and neck, against the skin that it continues."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.lifting.albedo_model import AlbedoModel
from stylefaceuv.training.albedo import OUTSIDE_NOISE, PLAIN_NOISE, extend
from stylefaceuv.training.albedo_tone import retone

SIZE, COMPONENTS = 32, 5


def soft_support() -> torch.Tensor:
    """(1, 1, r, r): 1 in the middle, falling to 0 over six texels."""
    along = (torch.minimum(torch.arange(SIZE), SIZE - 1 - torch.arange(SIZE)) - 3).clamp(0, 6) / 6
    return torch.minimum(along[:, None], along[None])[None, None]


def learned() -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and components (1 + K, 3, r, r) as learned, and their noise: a dark, noisy feature in the middle."""
    source = torch.Generator().manual_seed(5)
    values = 0.3 + 0.2 * torch.rand(1 + COMPONENTS, 3, SIZE, SIZE, generator=source)
    noise = torch.full((1, 1, SIZE, SIZE), 0.8 * PLAIN_NOISE)
    values[..., 12:20, 12:20] -= 0.25
    noise[..., 12:20, 12:20] = 2 * PLAIN_NOISE
    noise[..., 3:10, 14:18] = 2 * PLAIN_NOISE  # a feature that reaches the border
    values[..., 3:10, 14:18] -= 0.25
    return values, noise


def model_with(tone: torch.Tensor) -> AlbedoModel:
    """A model of what was learned, whose other texels have some tone (1 + K, 3, 1, 1)."""
    (values, noise), support = learned(), soft_support()
    whole = tone + support * (values - tone)
    return AlbedoModel(whole[0], whole[1:], (support * noise + (1 - support) * OUTSIDE_NOISE)[0], support[0])


def test_it_gives_what_a_training_would_have_given() -> None:
    values, noise = learned()
    support = soft_support()
    tone = torch.rand(1 + COMPONENTS, 3, 1, 1, generator=torch.Generator().manual_seed(6))
    plain = ((noise < PLAIN_NOISE) & (support > 0.15)).float()
    expected = extend(values, support, plain)
    found = retone(model_with(tone))
    torch.testing.assert_close(found.mean, expected[0], rtol=0, atol=2e-6)
    torch.testing.assert_close(found.basis, expected[1:], rtol=0, atol=2e-6)


def test_the_face_stays_and_the_rest_continues_its_border() -> None:
    before = model_with(torch.full((1 + COMPONENTS, 3, 1, 1), 0.9))
    after = retone(before)
    face, outside = before.support > 0.999, before.support == 0
    assert torch.equal(after.mean * face, before.mean * face)
    assert torch.equal(after.noise, before.noise)
    assert torch.equal(after.support, before.support)
    assert 0.37 < float(after.mean[:, outside[0]].mean()) < 0.43  # of the bare skin, not 0.33 of all of the face
    assert float(after.mean[:, outside[0]].std(dim=1).max()) < 1e-6


def test_doing_it_twice_changes_nothing() -> None:
    once = retone(model_with(torch.zeros(1 + COMPONENTS, 3, 1, 1)))
    torch.testing.assert_close(retone(once).basis, once.basis, rtol=0, atol=2e-6)


def test_a_model_without_outside_is_refused() -> None:
    full = AlbedoModel(torch.zeros(3, 4, 4), torch.zeros(2, 3, 4, 4), torch.full((1, 4, 4), 0.02))
    with pytest.raises(InvalidArgumentError, match="model: expected texels of no support"):
        retone(full)


def test_a_border_without_bare_skin_is_refused() -> None:
    hard = (soft_support() > 0.5).float()
    with pytest.raises(InvalidArgumentError, match="support: expected a soft border"):
        extend(learned()[0], hard, torch.ones_like(hard))

"""The discriminator's convolutions, its minibatch statistic and its sizes."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.training.discriminator import Discriminator, discriminator_for


def test_the_minibatch_statistic_lets_pictures_of_a_batch_see_each_other() -> None:
    torch.manual_seed(0)
    judge, pictures = discriminator_for(16), torch.rand(2, 3, 16, 16)
    alone, together = judge(pictures[:1]), judge(pictures)
    assert not torch.allclose(alone, together[:1])
    torch.testing.assert_close(judge(pictures[:1].expand(3, -1, -1, -1)), alone.expand(3, 1), rtol=1e-4, atol=1e-5)


def test_the_order_within_a_batch_does_not_matter() -> None:
    torch.manual_seed(0)
    judge, pictures = discriminator_for(16), torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(judge(pictures.flip(0)), judge(pictures).flip(0), rtol=1e-4, atol=1e-5)


def test_a_kernel_of_one_without_activation_is_a_matrix_product() -> None:
    torch.manual_seed(0)
    judge = discriminator_for(16)
    pictures, first = torch.rand(1, 3, 4, 4), judge.enter
    linear = torch.einsum("oi,nihw->nohw", first.weight[:, :, 0, 0] / 3**0.5, pictures)
    expected = torch.where(linear > 0, linear, 0.2 * linear) * 2**0.5
    torch.testing.assert_close(first(pictures), expected, rtol=1e-5, atol=1e-6)


def test_halving_keeps_a_constant_away_from_the_border() -> None:
    judge = discriminator_for(32)
    skip = judge.blocks[0].skip
    halved = skip(torch.ones(1, skip.weight.shape[1], 32, 32))
    expected = (skip.weight * skip.scale).sum(dim=(1, 2, 3))
    assert halved.shape[-2:] == (16, 16)
    torch.testing.assert_close(halved[0, :, 8, 8], expected, rtol=1e-4, atol=1e-5)


def test_widths_that_do_not_reach_four_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="channels: expected one for each resolution from 64 to 4"):
        Discriminator(64, (8, 8))

"""Reading maps at places, against torch's own sampling: values, gradients, borders."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stylefaceuv.networks.atlas_reading import read_at

BATCH, CHANNELS, HEIGHT, WIDTH, DOWN, ACROSS = 3, 5, 7, 9, 4, 6


def scene(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps, and places of which some lie outside of them."""
    source = torch.Generator().manual_seed(2)
    maps = torch.randn(BATCH, CHANNELS, HEIGHT, WIDTH, generator=source, dtype=dtype)
    grid = 2.6 * torch.rand(BATCH, DOWN, ACROSS, 2, generator=source, dtype=dtype) - 1.3
    assert bool((grid.abs() > 1).any())
    return maps.requires_grad_(), grid.requires_grad_()


def reference(maps: torch.Tensor, grid: torch.Tensor, doubled: bool) -> torch.Tensor:
    if doubled:
        maps = functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
    return functional.grid_sample(maps, grid, align_corners=False, padding_mode="border")


@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_samples_as_torch_does(doubled: bool, layout: torch.memory_format) -> None:
    (maps, grid), seeds = scene(), torch.randn(BATCH, CHANNELS, DOWN, ACROSS)
    read, expected = read_at(maps.contiguous(memory_format=layout), grid, doubled), reference(maps, grid, doubled)
    assert read.shape == (BATCH, CHANNELS, DOWN, ACROSS)
    assert read.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(read, expected, atol=1e-5, rtol=0)
    wanted = torch.autograd.grad(expected, (maps, grid), seeds)
    for got, gradient in zip(torch.autograd.grad(read, (maps, grid), seeds), wanted, strict=True):
        assert float(gradient.abs().max()) > 0.1
        torch.testing.assert_close(got, gradient, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("doubled", [False, True])
def test_gradients_are_those_of_differences(doubled: bool) -> None:
    maps, grid = scene(torch.float64)
    assert torch.autograd.gradcheck(lambda m, g: read_at(m, g, doubled), (maps, grid), atol=1e-6)


def test_a_batch_is_read_as_its_images_are() -> None:
    maps, grid = scene()
    read = read_at(maps, grid)
    for row in range(BATCH):
        torch.testing.assert_close(read[row : row + 1], read_at(maps[row : row + 1], grid[row : row + 1]))


def test_a_single_pixel_is_read_from_everywhere() -> None:
    maps, grid = torch.tensor([[[[2.0]], [[3.0]]]]), torch.tensor([[[[-4.0, 9.0], [0.3, -0.2]]]])
    for doubled in (False, True):
        assert torch.equal(read_at(maps, grid, doubled)[0, :, 0], torch.tensor([[2.0, 2.0], [3.0, 3.0]]))

"""What a second stage starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from stylefaceuv.networks.uv_generator import config_to_dict
from stylefaceuv.training.uv_start import HAIR_WIDTHS, refit_base, starting_generator
from stylefaceuv.weights_file import save_tensors
from tests.networks.test_uv_generator import inputs, trained


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained generator's file, without hair."""
    path, generator = tmp_path_factory.mktemp("earlier") / "uv_generator.safetensors", trained()
    save_tensors(path, generator.state_dict(), config_to_dict(generator.config))
    return path


def test_an_earlier_generator_is_taken_as_it_is(earlier: Path) -> None:
    started, known = starting_generator(earlier, hair=False, flat=False), trained().state_dict()
    assert started.hair is None
    for name, value in started.state_dict().items():
        assert torch.equal(value, known[name]), name


def test_hair_is_added_and_the_maps_stay(earlier: Path) -> None:
    started = starting_generator(earlier, hair=True, flat=False).eval()
    assert started.config.hair_widths == HAIR_WIDTHS
    with torch.inference_mode():
        maps, before = started(*inputs(2)), trained()(*inputs(2))
        hair = started.paint_hair(*inputs(2))
    torch.testing.assert_close(maps.diffuse, before.diffuse)
    assert hair.cover.shape == (2, 1, 32, 32)
    assert float(hair.cover.std()) == 0, "an even cover at first"
    again = starting_generator(earlier, hair=True, flat=False)
    for name, value in again.state_dict().items():
        assert torch.equal(value, started.state_dict()[name]), f"{name}: two starts differ"


def test_flat_forgets_the_displacement_only(earlier: Path) -> None:
    started = starting_generator(earlier, hair=False, flat=True).eval()
    with torch.inference_mode():
        maps, before = started(*inputs(2)), trained()(*inputs(2))
    assert float(maps.displacement.abs().max()) == 0
    assert float(before.displacement.abs().max()) > 0
    torch.testing.assert_close(maps.diffuse, before.diffuse)


def test_a_refitted_base_finds_the_textures_that_stylecodes_make() -> None:
    model, source = trained(), torch.Generator().manual_seed(0)
    codes = torch.randn(300, model.config.style_dim, generator=source)
    side = model.config.displacement_resolution
    pattern = torch.rand(2, 3, side, side, generator=source) - 0.5
    # two patterns, as strong as two directions of the stylecode say
    wanted = 0.5 + 0.1 * torch.einsum("nk,kchw->nchw", codes[:, :2], pattern)
    diffuse = (wanted.repeat_interleave(4, 2).repeat_interleave(4, 3) * 255 + 0.5).to(torch.uint8)
    refit_base(model, codes[:280], diffuse[:280])
    style = (codes[280:] - model.style_mean) / model.style_spread
    found = functional.adaptive_avg_pool2d(model.base_texture(style).detach(), side)
    smooth = functional.adaptive_avg_pool2d(model._enlarge(wanted[280:]), side)
    assert float((found - smooth).abs().mean()) < 0.15 * float((smooth - smooth.mean(dim=0)).abs().mean())

"""The UV generator on random activations: shapes, determinism, what a texel may depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.ops import inverse_haar
from stylefaceuv.networks.uv_generator import (
    DISPLACEMENT_LIMIT_MM,
    Activations,
    AtlasView,
    UVGenerator,
    UVGeneratorConfig,
    config_to_dict,
    load_uv_generator,
)
from stylefaceuv.weights_file import save_tensors

TINY = UVGeneratorConfig(
    style_dim=6,
    trunk_resolution=8,
    trunk_channels=12,
    resolution=32,
    displacement_resolution=8,
    widths=(4, 6, 8),
    displacement_widths=(5, 7),
    components=3,
)


def inputs(count: int, config: UVGeneratorConfig = TINY) -> tuple[torch.Tensor, AtlasView, torch.Tensor]:
    source = torch.Generator().manual_seed(5)
    side, rand = config.resolution, lambda *shape: torch.rand(*shape, generator=source)
    trunk = rand(count, config.trunk_channels, config.trunk_resolution, config.trunk_resolution) - 0.5
    view = AtlasView(rand(count, side, side, 2) * 2 - 1, rand(count, 1, side, side), rand(count, 3, side, side))
    return trunk, view, rand(count, config.style_dim)


def activations(trunk: torch.Tensor) -> Activations:
    return Activations(trunk, inverse_haar(trunk, torch.ones(trunk.shape[:2])))


def trained(config: UVGeneratorConfig = TINY) -> UVGenerator:
    """A generator none of whose weights is zero."""
    torch.manual_seed(3)
    generator = UVGenerator(config)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return generator.eval()


def test_untrained_it_paints_the_mean_albedo_and_no_displacement() -> None:
    maps = UVGenerator(TINY)(*inputs(2))
    assert maps.diffuse.shape == (2, 3, 32, 32)
    assert maps.displacement.shape == (2, 3, 8, 8)
    torch.testing.assert_close(maps.diffuse, torch.full_like(maps.diffuse, 0.5))
    assert maps.displacement.abs().max() == 0


def test_hair_is_painted_by_a_painter_of_its_own() -> None:
    """A cover in [0, 1], and what it is judged by changes no weight of the colour painter."""
    generator = trained(replace(TINY, hair_widths=(4, 5)))
    hair = generator.paint_hair(*inputs(2))
    assert hair.color.shape == (2, 3, 32, 32)
    assert hair.cover.shape == (2, 1, 32, 32)
    assert hair.combed.shape == (2,)
    for share in (hair.cover, hair.combed):
        assert 0 <= float(share.detach().min()) < float(share.detach().max()) <= 1
    torch.stack([part.square().sum() for part in (hair.color, hair.cover, hair.combed)]).sum().backward()
    for painter in (generator.colour, generator.relief):
        assert all(p.grad is None or not p.grad.any() for p in painter.parameters())


def test_hair_of_a_batch_equals_its_singles() -> None:
    generator, (trunk, view, w) = trained(replace(TINY, hair_widths=(4, 5))), inputs(3)
    with torch.inference_mode():
        together = generator.paint_hair(trunk, view, w)
        for row in range(3):
            one = slice(row, row + 1)
            alone = AtlasView(view.grid[one], view.visibility[one], view.normal[one])
            single = generator.paint_hair(trunk[one], alone, w[one])
            for name in ("color", "cover", "combed"):
                torch.testing.assert_close(getattr(single, name)[0], getattr(together, name)[row])


def test_texels_of_hair_tell_its_cut() -> None:
    generator = trained(replace(TINY, hair_widths=(4, 5)))
    made = torch.zeros(2, 5, 32, 32)
    made[:, 3], made[:, 4] = -40, -3
    made[:, 3, 4:9, 2:30], made[:, 4, 4:9, 2:30] = 40, torch.tensor([2.0, -1.0]).reshape(2, 1, 1)
    generator.hair = _Fixed(made)
    combed = generator.paint_hair(*inputs(2)).combed
    torch.testing.assert_close(combed, torch.tensor([2.0, -1.0]).sigmoid())


class _Fixed(torch.nn.Module):
    def __init__(self, made: torch.Tensor) -> None:
        super().__init__()
        self.made = made

    def forward(self, *_: object) -> torch.Tensor:
        return self.made


def test_hair_of_a_generator_without_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="paints hair"):
        trained().paint_hair(*inputs(1))


def test_a_batch_equals_its_singles_and_a_second_call_the_first() -> None:
    generator, (trunk, view, w) = trained(), inputs(3)
    with torch.inference_mode():
        maps, again = generator(trunk, view, w), generator(trunk, view, w)
        assert torch.equal(maps.diffuse, again.diffuse)
        for row in range(3):
            part = slice(row, row + 1)
            single = generator(
                trunk[part], AtlasView(view.grid[part], view.visibility[part], view.normal[part]), w[part]
            )
            torch.testing.assert_close(single.diffuse[0], maps.diffuse[row], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(single.displacement[0], maps.displacement[row], atol=1e-5, rtol=1e-5)


def test_displacement_is_bounded_and_zero_where_it_fades() -> None:
    generator, (trunk, view, w) = trained(), inputs(2)
    generator.fade[..., :3, :] = 0
    with torch.inference_mode():
        relief = generator(100 * trunk, view, 50 * w).displacement
    assert relief[..., :3, :].abs().max() == 0
    assert 0 < float(relief.abs().max()) <= DISPLACEMENT_LIMIT_MM


def test_colour_does_not_leak_into_geometry() -> None:
    """What the displacement is judged by changes no weight of the colour painter, and the other way round."""
    generator = trained()
    maps = generator(*inputs(2))
    maps.displacement.square().sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in generator.colour.parameters())
    assert any(p.grad is not None and p.grad.any() for p in generator.relief.parameters())
    generator.zero_grad()
    generator(*inputs(2)).diffuse.square().sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in generator.relief.parameters())


def test_what_nobody_sees_does_not_reach_the_maps() -> None:
    generator, (trunk, view, w) = trained(), inputs(1)
    blind = replace(view, visibility=torch.zeros_like(view.visibility))
    with torch.inference_mode():
        first, second = generator(trunk, blind, w), generator(-3 * trunk + 1, blind, w)
    torch.testing.assert_close(first.diffuse, second.diffuse)


def test_a_texel_seen_only_on_the_other_side_gets_the_mirrored_activations() -> None:
    generator, (trunk, view, _) = trained(), inputs(1)
    visibility = torch.zeros_like(view.visibility)
    visibility[..., :16] = 1
    half = replace(view, visibility=visibility)
    with torch.inference_mode():
        about = torch.zeros(1, 16, 32, 32)
        read = generator.colour.reader(activations(trunk), half, about)
        changed = generator.colour.reader(activations(trunk * 2), half, about)
    assert (read[..., 16:] - changed[..., 16:]).abs().max() > 1e-3


def test_few_texels_are_read_before_their_channels_are_reduced_and_come_out_the_same() -> None:
    generator, (trunk, view, _) = trained(), inputs(2)
    reader, maps = generator.relief.reader, activations(trunk)
    grid = view.grid[:, ::8, ::6]
    with torch.inference_mode():
        first, last = reader._read_texels(maps, grid), reader._read_image(maps, grid)
    assert first.shape == (2, 10, 4, 6)
    torch.testing.assert_close(first, last, atol=1e-5, rtol=1e-4)


def test_every_parameter_gets_a_gradient() -> None:
    generator = trained()
    maps = generator(*inputs(2))
    (maps.diffuse.square().sum() + maps.displacement.square().sum()).backward()
    silent = [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_without_haar_bands_the_activations_are_read_as_they_are() -> None:
    config = replace(TINY, haar_bands=False)
    assert UVGenerator(config)(*inputs(2, config)).diffuse.shape == (2, 3, 32, 32)


@pytest.mark.parametrize("broken", ["w", "trunk", "view.grid"])
def test_a_wrong_shape_is_named(broken: str) -> None:
    trunk, view, w = inputs(2)
    if broken == "w":
        w = w[:, :-1]
    elif broken == "trunk":
        trunk = trunk[..., :-1]
    else:
        view = replace(view, grid=view.grid[:, :-1])
    with pytest.raises(InvalidArgumentError, match=broken):
        UVGenerator(TINY)(trunk, view, w)


def test_saved_and_loaded_it_paints_the_same(tmp_path: Path) -> None:
    generator, path = trained(), tmp_path / "uv_generator.safetensors"
    save_tensors(path, generator.state_dict(), config_to_dict(TINY))
    loaded = load_uv_generator(path)
    assert loaded.config == TINY
    with torch.inference_mode():
        assert torch.equal(loaded(*inputs(2)).diffuse, generator(*inputs(2)).diffuse)


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "uv_generator.safetensors"
    save_tensors(path, {"x": torch.zeros(1)}, {"architecture": "mapper"})
    with pytest.raises(WeightsError, match="uv_generator"):
        load_uv_generator(path)
    save_tensors(path, {"x": torch.zeros(1)}, {"architecture": "uv_generator", "depth": 3})
    with pytest.raises(WeightsError, match="sizes"):
        load_uv_generator(path)

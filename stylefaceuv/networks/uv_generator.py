"""The UV generator: a stylecode's diffuse map and displacement map, without making its image.

StyleFaceUV (section 3.3) lets a StyleGAN2 paint the atlas and leaves it to training to move every feature from where
the portrait has it to where the atlas has it. Here the pretrained synthesis stays what it is, the trunk, and geometry
does the moving: its activations are read at the place where the mapper's head shows each texel (:class:`AtlasView`),
and once more mirrored, for what the view hides. Two style-modulated networks then paint the maps, one for colour and
one for displacement; they share no weights, so colour does not leak into geometry.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.atlas_reading import read_at
from stylefaceuv.networks.ops import LEAKY_SLOPE, inverse_haar
from stylefaceuv.weights_file import load_config, load_into

ARCHITECTURE = "uv_generator"
DISPLACEMENT_LIMIT_MM = 4.0
_VIEW_CHANNELS = 5
_PLACE_CHANNELS = 8
_HAIR_COLOUR = 0.25


@dataclass(frozen=True)
class UVGeneratorConfig:
    """Sizes of a :class:`UVGenerator`.

    Attributes:
        style_dim: length of w.
        trunk_resolution: of the activations it reads, pixels.
        trunk_channels: of those activations.
        haar_bands: whether the activations are four Haar bands, as MobileStyleGAN's are below its last resolution.
        resolution: edge of the diffuse map, texels.
        displacement_resolution: edge of the displacement map, texels.
        widths: channels of the colour network, from the finest level down.
        displacement_widths: the same of the displacement network.
        components: of the low-resolution albedo base.
        hair_widths: channels of the network that paints hair; empty for a generator that paints none.
    """

    style_dim: int = 512
    trunk_resolution: int = 128
    trunk_channels: int = 256
    haar_bands: bool = True
    resolution: int = 256
    displacement_resolution: int = 64
    widths: tuple[int, ...] = (32, 64, 128, 160, 192)
    displacement_widths: tuple[int, ...] = (64, 96, 128)
    components: int = 24
    hair_widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class AtlasView:
    """Where each texel of the atlas lies in the StyleGAN2 image, and how it is seen there.

    Attributes:
        grid: (N, R, R, 2) float32, x and y in [-1, 1] over the image; 2 outside the charts.
        visibility: (N, 1, R, R) float32 in [0, 1].
        normal: (N, 3, R, R) float32, world frame, unit length on the charts.
    """

    grid: torch.Tensor
    visibility: torch.Tensor
    normal: torch.Tensor


@dataclass(frozen=True)
class UVPrediction:
    """Maps of N stylecodes.

    Attributes:
        diffuse: (N, 3, R, R) float, sRGB, delit; about [0, 1], not clamped.
        displacement: (N, 3, r, r) float, millimetres, XYZ of the neutral head, at most 4 a component.
    """

    diffuse: torch.Tensor
    displacement: torch.Tensor


@dataclass(frozen=True)
class HairPrediction:
    """Hair of N stylecodes, which lies over the skin of their maps.

    Attributes:
        color: (N, 3, R, R) float, sRGB, delit; about [0, 1], not clamped.
        cover: (N, 1, R, R) float in [0, 1].
        combed: (N,) float in [0, 1], 1 of hair that is combed or hangs, 0 of cropped or curly hair.
    """

    color: torch.Tensor
    cover: torch.Tensor
    combed: torch.Tensor


class _ModulatedConv(nn.Module):
    """Scale to unit level and by style, depth-wise 3x3, point-wise, bias, leaky ReLU: MobileStyleGAN's convolution."""

    def __init__(self, in_channels: int, out_channels: int, style_dim: int) -> None:
        super().__init__()
        self.style = nn.Linear(style_dim, in_channels)
        nn.init.normal_(self.style.weight, std=0.02)
        nn.init.ones_(self.style.bias)
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)
        nn.init.normal_(self.depthwise.weight, std=0.15)
        with torch.no_grad():
            self.depthwise.weight[:, :, 1, 1] += 1
        nn.init.normal_(self.pointwise.weight, std=in_channels**-0.5)
        nn.init.zeros_(cast(torch.Tensor, self.pointwise.bias))

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        level = x.square().mean(dim=(1, 2, 3), keepdim=True).add(1e-6).rsqrt()
        scaled = x * (self.style(style)[:, :, None, None] * level)
        return functional.leaky_relu(self.pointwise(self.depthwise(scaled)), LEAKY_SLOPE)


@dataclass(frozen=True)
class Activations:
    """What painters read.

    Attributes:
        bands: (N, C, t, t) float, the trunk's activations at unit level.
        image: (N, C / 4, 2t, 2t) float, what :func:`inverse_haar` makes of them; None where they are no Haar bands.
    """

    bands: torch.Tensor
    image: torch.Tensor | None


class _Reader(nn.Module):
    """First layer of a painter: the trunk's activations, read at every texel and once more mirrored.

    Reading is linear, so the channels are reduced last where there are fewer texels than the trunk has pixels.
    """

    def __init__(self, config: UVGeneratorConfig, channels: int) -> None:
        super().__init__()
        self.semantic = nn.Conv2d(config.trunk_channels, 2 * channels, 1)
        if config.haar_bands:
            self.detail = nn.Conv2d(config.trunk_channels // 4, 2 * channels, 1, bias=False)
        self.about = nn.Conv2d(_VIEW_CHANNELS + _PLACE_CHANNELS + 3, channels, 1)

    def forward(self, trunk: Activations, view: AtlasView, about: torch.Tensor) -> torch.Tensor:
        few = view.grid.shape[1] * view.grid.shape[2] < trunk.bands.shape[2] * trunk.bands.shape[3]
        read = (self._read_texels if few else self._read_image)(trunk, view.grid) * view.visibility
        seen, mirrored = read.chunk(2, dim=1)
        hidden = view.visibility.flip(-1) * (1 - 0.5 * view.visibility)
        return functional.leaky_relu(seen + hidden * mirrored.flip(-1) + self.about(about), LEAKY_SLOPE)

    def _read_image(self, trunk: Activations, grid: torch.Tensor) -> torch.Tensor:
        maps = self.semantic(trunk.bands)
        if trunk.image is not None:
            size = trunk.image.shape[-2:]
            maps = functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
            maps = maps + self.detail(trunk.image)
        return read_at(maps, grid)

    def _read_texels(self, trunk: Activations, grid: torch.Tensor) -> torch.Tensor:
        read: torch.Tensor = self.semantic(read_at(trunk.bands, grid, doubled=trunk.image is not None))
        return read if trunk.image is None else read + self.detail(read_at(trunk.image, grid))


class _Painter(nn.Module):
    """Style-modulated convolutions down to a coarse atlas, where all texels know of each other, and up again."""

    def __init__(self, config: UVGeneratorConfig, widths: tuple[int, ...], channels: int = 3) -> None:
        super().__init__()
        dim, pairs = config.style_dim, list(itertools.pairwise(widths))
        self.reader = _Reader(config, widths[0])
        self.down = nn.ModuleList(_ModulatedConv(before, after, dim) for before, after in pairs)
        self.deep = nn.ModuleList(_ModulatedConv(widths[-1], widths[-1], dim) for _ in range(2))
        self.widen = nn.ModuleList(nn.Conv2d(after, before, 1) for before, after in pairs)
        self.up = nn.ModuleList(_ModulatedConv(before, before, dim) for before, _ in pairs)
        self.paint = nn.Conv2d(widths[0], channels, 1)
        nn.init.zeros_(self.paint.weight)
        nn.init.zeros_(cast(torch.Tensor, self.paint.bias))

    def forward(self, trunk: Activations, view: AtlasView, about: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Paint (N, channels, R, R) from what was read; ``about`` (N, 16, R, R) tells each texel what it is."""
        levels = [self.reader(trunk, view, about)]
        for down in self.down:  # bilinear samples between 2 x 2 texels are their means, sooner than by pooling
            half = functional.interpolate(levels[-1], scale_factor=0.5, mode="bilinear", align_corners=False)
            levels.append(down(half, style))
        x = levels.pop()
        for deep in self.deep:
            x = x + deep(x, style)
        for index in range(len(levels) - 1, -1, -1):
            wide = functional.interpolate(self.widen[index](x), scale_factor=2, mode="bilinear", align_corners=False)
            x = wide + levels[index]
            x = x + self.up[index](x, style)
        painted: torch.Tensor = self.paint(x)
        return painted


class UVGenerator(nn.Module):
    """Paints the maps of stylecodes from the trunk's activations.

    Source: StyleFaceUV, section 3.3; the warp and the separate painters are this package's.

    Attributes:
        config: the sizes.
    """

    style_mean: torch.Tensor
    style_spread: torch.Tensor
    trunk_level: torch.Tensor
    fade: torch.Tensor

    def __init__(self, config: UVGeneratorConfig | None = None) -> None:
        """Make an untrained generator: mean albedo, no displacement.

        Args:
            config: the sizes; None for those of the embedded weights.
        """
        super().__init__()
        self.config = config = config or UVGeneratorConfig()
        dim, small = config.style_dim, config.displacement_resolution
        self.register_buffer("style_mean", torch.zeros(dim))
        self.register_buffer("style_spread", torch.ones(dim))
        self.register_buffer("trunk_level", torch.ones(1, config.trunk_channels, 1, 1))
        self.register_buffer("fade", torch.ones(1, 1, small, small))
        self.place = nn.Parameter(0.3 * torch.randn(1, _PLACE_CHANNELS, small, small))
        self.base_mean = nn.Parameter(torch.full((3, small, small), 0.5))
        self.base = nn.Parameter(torch.zeros(config.components, 3, small, small))
        self.base_weights = nn.Linear(dim, config.components)
        self.colour = _Painter(config, config.widths)
        self.relief = _Painter(config, config.displacement_widths)
        self.hair = _Painter(config, config.hair_widths, channels=5) if config.hair_widths else None

    def forward(self, trunk: torch.Tensor, view: AtlasView, w: torch.Tensor) -> UVPrediction:
        """Paint the maps.

        Args:
            trunk: (N, trunk_channels, trunk_resolution, trunk_resolution) float, the synthesis network's activations.
            view: where each texel lies in the image of those activations.
            w: (N, style_dim) float stylecodes.

        Returns:
            Diffuse and displacement maps.

        Raises:
            InvalidArgumentError: a shape differs from the configuration.
        """
        style, read, base = self._begin(trunk, view, w)
        about = self._describe(view, base)
        diffuse = base + self.colour(read, view, about, style)
        side = self.config.displacement_resolution
        relief = self.relief(read, _smaller(view, side), functional.adaptive_avg_pool2d(about, side), style)
        return UVPrediction(diffuse, torch.tanh(relief) * DISPLACEMENT_LIMIT_MM * self.fade)

    def paint_skin(self, trunk: torch.Tensor, view: AtlasView, w: torch.Tensor) -> torch.Tensor:
        """Paint the diffuse map of :meth:`forward` alone, (N, 3, R, R)."""
        style, read, base = self._begin(trunk, view, w)
        painted: torch.Tensor = base + self.colour(read, view, self._describe(view, base), style)
        return painted

    def paint_hair(self, trunk: torch.Tensor, view: AtlasView, w: torch.Tensor) -> HairPrediction:
        """Paint the hair that lies over the skin of :meth:`forward`.

        Args:
            trunk: as there.
            view: as there.
            w: as there.

        Returns:
            Its colour, its cover, and its cut.

        Raises:
            InvalidArgumentError: a shape differs from the configuration, or this generator paints no hair.
        """
        style, read, base = self._begin(trunk, view, w)
        if self.hair is None:
            raise InvalidArgumentError("generator", "one that paints hair", "a configuration without hair_widths")
        about = self._describe(view, base).detach()  # what hair wants must not move the skin's base
        painted = self.hair(read, view, about, style)
        color, cover, cut = painted.split([3, 1, 1], dim=1)
        cover = torch.sigmoid(cover - 1)
        hair = cover.detach()  # only texels of hair tell its cut
        share = hair / hair.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1e-4)
        return HairPrediction(_HAIR_COLOUR + color, cover, torch.sigmoid((cut * share).sum(dim=(1, 2, 3))))

    def _begin(
        self, trunk: torch.Tensor, view: AtlasView, w: torch.Tensor
    ) -> tuple[torch.Tensor, Activations, torch.Tensor]:
        """What all painters begin with: the normalised style, the trunk at unit level, and the base that they paint on.

        Raises:
            InvalidArgumentError: a shape differs from the configuration.
        """
        self._check(trunk, view, w)
        style = (w - self.style_mean) / self.style_spread
        bands = trunk / self.trunk_level
        image = inverse_haar(bands, bands.new_ones(bands.shape[:2])) if self.config.haar_bands else None
        return style, Activations(bands, image), self.base_texture(style)

    def _describe(self, view: AtlasView, base: torch.Tensor) -> torch.Tensor:
        """(N, 16, R, R): what each texel is: how it is seen, where it lies, its base colour."""
        place = self._enlarge(self.place).expand(len(base), -1, -1, -1)
        described = torch.cat([_about(view), place, base], dim=1)
        return described.contiguous(memory_format=torch.channels_last)  # as what is read at places

    def base_texture(self, style: torch.Tensor) -> torch.Tensor:
        """Complete low-resolution albedo of normalised stylecodes (N, style_dim), enlarged; (N, 3, R, R)."""
        with torch.autocast(style.device.type, enabled=False):  # steps of half precision would show in smooth skin
            small = self.base_mean + torch.einsum("nk,kchw->nchw", self.base_weights(style), self.base)
            return self._enlarge(small)

    def _enlarge(self, small: torch.Tensor) -> torch.Tensor:
        size = (self.config.resolution, self.config.resolution)
        return functional.interpolate(small, size=size, mode="bilinear", align_corners=False)

    def _check(self, trunk: torch.Tensor, view: AtlasView, w: torch.Tensor) -> None:
        config, count = self.config, len(w)
        expected = {
            "w": (w, (count, config.style_dim)),
            "trunk": (trunk, (count, config.trunk_channels, config.trunk_resolution, config.trunk_resolution)),
            "view.grid": (view.grid, (count, config.resolution, config.resolution, 2)),
            "view.visibility": (view.visibility, (count, 1, config.resolution, config.resolution)),
            "view.normal": (view.normal, (count, 3, config.resolution, config.resolution)),
        }
        for name, (value, shape) in expected.items():
            if tuple(value.shape) != shape:
                raise InvalidArgumentError(name, f"shape {shape}", tuple(value.shape))


def _about(view: AtlasView) -> torch.Tensor:
    """(N, 5, R, R): visibility, normal where visible, visibility of the mirrored texel."""
    return torch.cat([view.visibility, view.normal * view.visibility, view.visibility.flip(-1)], dim=1)


def _smaller(view: AtlasView, side: int) -> AtlasView:
    """The view on a smaller atlas; texels at the border of a chart read beside it and are faded anyway."""
    grid = functional.adaptive_avg_pool2d(view.grid.permute(0, 3, 1, 2), side).permute(0, 2, 3, 1)
    shrink = functional.adaptive_avg_pool2d
    return AtlasView(grid, shrink(view.visibility, side), shrink(view.normal, side))


def config_to_dict(config: UVGeneratorConfig) -> dict[str, object]:
    """Return the configuration as the header of a weight file holds it."""
    return {"architecture": ARCHITECTURE, **asdict(config)}


def load_uv_generator(path: str | Path) -> UVGenerator:
    """Load a trained UV generator.

    Args:
        path: a safetensors file whose header holds the sizes.

    Returns:
        The generator, in evaluation mode.

    Raises:
        WeightsError: missing, altered or misshapen tensors, or another architecture.
    """
    values = load_config(path)
    if values.pop("architecture", None) != ARCHITECTURE:
        raise WeightsError(f"{path}: expected the configuration of a {ARCHITECTURE}, got another")
    try:
        fixed = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        config = UVGeneratorConfig(**fixed)  # type: ignore[arg-type]
    except TypeError as error:
        raise WeightsError(f"{path}: expected the sizes of a {ARCHITECTURE}, got {sorted(values)}") from error
    generator = UVGenerator(config)
    load_into(generator, path)
    return generator.eval()

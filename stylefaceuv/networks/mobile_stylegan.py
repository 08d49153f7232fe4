"""MobileStyleGAN: a distilled StyleGAN2-FFHQ synthesis of separable convolutions and Haar wavelets.

It shares the mapping network, and therefore the stylecodes W, with the StyleGAN2-FFHQ generator at 1024 x 1024.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import nn

from stylefaceuv.errors import WeightsError
from stylefaceuv.networks.ops import LEAKY_SLOPE, inverse_haar
from stylefaceuv.networks.style_generator import StyleGenerator
from stylefaceuv.weights_file import load_config, load_into

ARCHITECTURE = "mobile_stylegan"
_BASE = 4
_STRIP_PIXELS = 32768
_WHOLE_UP_TO = 64


@dataclass(frozen=True)
class MobileStyleGANConfig:
    """Sizes of a :class:`MobileStyleGAN`.

    Attributes:
        style_dim: length of z and w.
        mapping_layers: linear layers of the mapping network.
        channels: feature channels at 4, 8, 16, ... pixels; all but the last are multiples of 4.
    """

    style_dim: int = 512
    mapping_layers: int = 8
    channels: tuple[int, ...] = (512, 512, 512, 512, 512, 256, 128, 64)


class _Window(NamedTuple):
    """Rows ``start`` ... of a feature map that is ``height`` rows tall; (N, C, rows, width)."""

    rows: torch.Tensor
    start: int
    height: int

    @property
    def stop(self) -> int:
        return self.start + self.rows.shape[2]

    def crop(self, start: int, stop: int) -> _Window:
        return _Window(self.rows[:, :, start - self.start : stop - self.start], start, self.height)


class _Finish(nn.Module):
    """What ends every convolution: a fixed noise plane and a leaky ReLU."""

    noise: torch.Tensor

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.register_buffer("noise", torch.zeros(resolution, resolution))

    def activate(self, window: _Window) -> _Window:
        rows = window.rows.add_(self.noise[window.start : window.stop])
        return window._replace(rows=F.leaky_relu_(rows, LEAKY_SLOPE))


class _SeparableConv(_Finish):
    """Scale by style, depth-wise 3x3, point-wise, noise, bias, leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int, resolution: int, style_dim: int) -> None:
        super().__init__(resolution)
        self.style = nn.Linear(style_dim, in_channels)
        self.depthwise = nn.Parameter(torch.randn(in_channels, 1, 3, 3) / 3)
        self.pointwise = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1) / in_channels**0.5)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, window: _Window, scale: torch.Tensor | None) -> _Window:
        """Convolve a window; it comes back without the rows whose neighbours it lacked.

        Args:
            window: (N, in_channels, rows, W).
            scale: (N, in_channels) style, or ``None`` when the caller has applied it.
        """
        rows, depthwise = window.rows, cast(torch.Tensor, self.depthwise)
        if scale is not None and len(scale) == 1:
            depthwise = depthwise * scale.reshape(-1, 1, 1, 1)
        elif scale is not None:
            rows = rows * scale[:, :, None, None]
        filtered = F.conv2d(rows, depthwise, padding=1, groups=len(depthwise))
        inner = window._replace(rows=filtered).crop(
            window.start + (window.start > 0), window.stop - (window.stop < window.height)
        )
        return self.activate(inner._replace(rows=F.conv2d(inner.rows, self.pointwise, self.bias)))


class _InputBlock(_Finish):
    """The learned constant at 4x4 and its full 3x3 convolution."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__(_BASE)
        self.constant = nn.Parameter(torch.randn(channels, _BASE, _BASE))
        self.style = nn.Linear(style_dim, channels)
        self.weight = nn.Parameter(torch.randn(channels, channels, 3, 3) / (9 * channels) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, style: torch.Tensor) -> _Window:
        rows = self.constant * self.style(style)[:, :, None, None]
        rows = F.conv2d(rows, self.weight, self.bias, padding=1).contiguous(memory_format=torch.channels_last)
        return self.activate(_Window(rows, 0, _BASE))


class _Block(nn.Module):
    """Haar synthesis to twice the size and two separable convolutions."""

    def __init__(self, in_channels: int, out_channels: int, resolution: int, style_dim: int) -> None:
        super().__init__()
        self.resolution = resolution
        self.up_style = nn.Linear(style_dim, in_channels)
        self.conv1 = _SeparableConv(in_channels // 4, out_channels, resolution, style_dim)
        self.conv2 = _SeparableConv(out_channels, out_channels, resolution, style_dim)

    def scales(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Styles of the block: (N, in_channels) for the four bands, conv1's folded in, and (N, out_channels)."""
        up = self.up_style(first).unflatten(1, (4, -1)) * self.conv1.style(first)[:, None]
        return up.flatten(1), self.conv2.style(second)

    def forward(self, window: _Window, scales: tuple[torch.Tensor, torch.Tensor]) -> _Window:
        up, second = scales
        doubled = _Window(inverse_haar(window.rows, up), 2 * window.start, 2 * window.height)
        return cast(_Window, self.conv2(self.conv1(doubled, None), second))

    @staticmethod
    def needed(start: int, stop: int, height: int) -> tuple[int, int]:
        """Input rows from which output rows ``start`` ... ``stop`` of ``height`` follow."""
        return max(start - 2, 0) // 2, (min(stop + 2, height) + 1) // 2


class _ToImage(nn.Module):
    """Point-wise convolution to the four pixels of each 2x2 cell (the last Haar step is folded into the weight)."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.style = nn.Linear(style_dim, channels)
        self.weight = nn.Parameter(torch.randn(12, channels, 1, 1) / channels**0.5)
        self.bias = nn.Parameter(torch.zeros(12))

    def forward(self, rows: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        if len(scale) == 1:
            cells = F.conv2d(rows, self.weight * scale[:, :, None, None], self.bias)
        else:
            cells = F.conv2d(rows * scale[:, :, None, None], self.weight, self.bias)
        return F.pixel_shuffle(cells, 2)


_Scales = list[tuple[torch.Tensor, torch.Tensor]]


class _Synthesis(nn.Module):
    def __init__(self, config: MobileStyleGANConfig) -> None:
        super().__init__()
        channels, dim = config.channels, config.style_dim
        self.input = _InputBlock(channels[0], dim)
        self.blocks = nn.ModuleList(
            _Block(before, after, _BASE << (i + 1), dim) for i, (before, after) in enumerate(pairwise(channels))
        )
        self.to_image = _ToImage(channels[-1], dim)

    def block_scales(self, ws: torch.Tensor, count: int) -> _Scales:
        return [self._block(i).scales(ws[:, 2 * i + 1], ws[:, 2 * i + 2]) for i in range(count)]

    def features(self, ws: torch.Tensor, count: int) -> torch.Tensor:
        """Run the input block and ``count`` blocks; (N, C, R, R)."""
        return self._further(cast(torch.Tensor, self.input(ws[:, 0]).rows), self.block_scales(ws, count), 0)

    def _further(self, rows: torch.Tensor, scales: _Scales, done: int) -> torch.Tensor:
        """Run further blocks, up to as many as there are scales, on whole activations after ``done`` of them."""
        window = _Window(rows, 0, rows.shape[2])
        for i, scale in enumerate(scales[done:], start=done):
            window = self._block(i)(window, scale)
        return window.rows

    def image(self, ws: torch.Tensor) -> torch.Tensor:
        """The whole image of every stylecode at once; (N, 3, R, R)."""
        return cast(torch.Tensor, self.to_image(self.features(ws, len(self.blocks)), self._image_scale(ws)))

    def image_in_strips(self, ws: torch.Tensor, features: torch.Tensor | None = None, done: int = 0) -> torch.Tensor:
        """The same for one stylecode without gradients, high resolutions in strips that stay in the cache.

        It goes on from the features after ``done`` blocks where they are there already.
        """
        whole = max(sum(self._block(i).resolution <= _WHOLE_UP_TO for i in range(len(self.blocks))), done)
        scales = self.block_scales(ws, len(self.blocks))
        rows = self._further(self.features(ws, done) if features is None else features, scales[:whole], done)
        for index in range(whole, len(self.blocks) - 2):
            rows = torch.cat([strip.rows for strip in self._strips(rows, scales, index, index + 1)], dim=2)
        chain = max(whole, len(self.blocks) - 2)
        scale = self._image_scale(ws)
        strips = self._strips(rows, scales, chain, len(self.blocks))
        return torch.cat([self.to_image(strip.rows, scale) for strip in strips], dim=2)

    def _image_scale(self, ws: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.to_image.style(ws[:, 2 * len(self.blocks) + 1]))

    def _block(self, index: int) -> _Block:
        return cast(_Block, self.blocks[index])

    def _strips(self, rows: torch.Tensor, scales: _Scales, first: int, last: int) -> Iterator[_Window]:
        """Run blocks ``first`` ... ``last`` strip by strip; the strips of the result, top to bottom."""
        height = rows.shape[2] << (last - first)
        step = max(_STRIP_PIXELS // height, 1)
        for top in range(0, height, step):
            bottom = min(top + step, height)
            yield self._strip(rows, scales, range(first, last), (top, bottom))

    def _strip(self, rows: torch.Tensor, scales: _Scales, chain: range, wanted: tuple[int, int]) -> _Window:
        start, stop = wanted
        height = rows.shape[2] << len(chain)
        for _ in chain:
            (start, stop), height = _Block.needed(start, stop, height), height // 2
        window = _Window(rows, 0, height).crop(start, stop)
        for index in chain:
            window = self.blocks[index](window, scales[index])
        return window.crop(*wanted)


class MobileStyleGAN(StyleGenerator):
    """Stylecodes of StyleGAN2-FFHQ to face images.

    Extended stylecodes are those of a StyleGAN2 whose images have the same size; the rows of its last resolution have
    no layer here. Below the last resolution the channels of the features are four Haar bands of C / 4 each.

    Attributes:
        config: the sizes.
    """

    def __init__(self, config: MobileStyleGANConfig | None = None) -> None:
        """Make an untrained generator.

        Args:
            config: the sizes; ``None`` for those of the embedded weights.
        """
        config = config or MobileStyleGANConfig()
        sides = tuple(_BASE << i for i in range(len(config.channels)))
        super().__init__(config.style_dim, config.mapping_layers, sides, 2 * sides[-1])
        self.config = config
        self.synthesis_network = _Synthesis(config)

    def _image(self, ws: torch.Tensor) -> torch.Tensor:
        if not _in_strips(ws):
            return self.synthesis_network.image(ws)
        return torch.cat([self.synthesis_network.image_in_strips(one) for one in torch.split(ws, 1)])

    def _image_with_features(self, ws: torch.Tensor, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not _in_strips(ws):
            return super()._image_with_features(ws, index)
        features = [self.synthesis_network.features(one, index) for one in torch.split(ws, 1)]
        pairs = zip(torch.split(ws, 1), features, strict=True)
        images = [self.synthesis_network.image_in_strips(one, rows, index) for one, rows in pairs]
        return torch.cat(images), torch.cat(features)

    def _features(self, ws: torch.Tensor, index: int) -> torch.Tensor:
        return self.synthesis_network.features(ws, index)


def _in_strips(ws: torch.Tensor) -> bool:
    """Whether images are made one by one, in strips: without gradients, on a CPU."""
    return not torch.is_grad_enabled() and ws.device.type == "cpu" and len(ws) > 0


def config_from_dict(values: dict[str, object], path: str | Path) -> MobileStyleGANConfig:
    """Read a configuration from the header of a weight file.

    Args:
        values: what :func:`config_to_dict` gave.
        path: the file, for the message.

    Raises:
        WeightsError: it is not the configuration of this architecture.
    """
    if values.get("architecture") != ARCHITECTURE:
        raise WeightsError(f"{path}: expected architecture {ARCHITECTURE!r}, got {values.get('architecture')!r}")
    try:
        return MobileStyleGANConfig(
            int(values["style_dim"]),  # type: ignore[call-overload]
            int(values["mapping_layers"]),  # type: ignore[call-overload]
            tuple(int(c) for c in values["channels"]),  # type: ignore[attr-defined]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: expected style_dim, mapping_layers and channels, got {values}") from error


def config_to_dict(config: MobileStyleGANConfig) -> dict[str, object]:
    """The header of a weight file for a configuration."""
    return {"architecture": ARCHITECTURE, **asdict(config)}


def load_mobile_stylegan(path: str | Path) -> MobileStyleGAN:
    """Load a converted generator, in evaluation mode and without gradients on its parameters.

    Args:
        path: a safetensors file made by ``training/convert_mobile_stylegan.py``.

    Returns:
        The generator, float32, on the CPU.

    Raises:
        WeightsError: the file is missing, damaged or of another architecture.
    """
    # The weights drawn here are replaced. On the "meta" device torch would import its compiler, for seconds.
    with torch.random.fork_rng(devices=[]):
        model = MobileStyleGAN(config_from_dict(load_config(path), path))
    load_into(model, path)
    return model.eval().requires_grad_(False)

"""StyleGAN2 (skip architecture) at any resolution, with shared-weight modulated convolutions and fixed noise."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from stylefaceuv.errors import WeightsError
from stylefaceuv.networks.ops import LEAKY_SLOPE, EqualLinear, binomial_kernel, blur, modulated_conv2d, upsample2d
from stylefaceuv.networks.style_generator import StyleGenerator
from stylefaceuv.weights_file import load_config, load_into

ARCHITECTURE = "stylegan2"
_BASE = 4


@dataclass(frozen=True)
class StyleGAN2Config:
    """Sizes of a :class:`StyleGAN2`.

    Attributes:
        style_dim: length of z and w.
        mapping_layers: linear layers of the mapping network.
        channels: feature channels at 4, 8, 16, ... pixels; the last entry is the image resolution's.
        conv_clamp: bound of the activations (StyleGAN2-ADA trained with mixed precision), or ``None``.
    """

    style_dim: int = 512
    mapping_layers: int = 8
    channels: tuple[int, ...] = (512, 512, 512, 512, 512, 256, 128, 64, 32)
    conv_clamp: float | None = None


class _ModulatedConv(nn.Module):
    """Weight and style layer of a modulated convolution; weights are stored with unit variance."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, style_dim: int) -> None:
        super().__init__()
        self.style = EqualLinear(style_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.gain = 1 / math.sqrt(in_channels * kernel**2)

    def convolve(self, x: torch.Tensor, w: torch.Tensor, demodulate: bool, upsample: bool = False) -> torch.Tensor:
        return modulated_conv2d(x, self.weight * self.gain, self.style(w), demodulate, upsample)


class _StyledConv(_ModulatedConv):
    """Modulated 3x3 convolution, optional up-sampling with blur, noise, bias, leaky ReLU times sqrt(2)."""

    noise: torch.Tensor
    kernel: torch.Tensor

    def __init__(
        self, in_channels: int, out_channels: int, resolution: int, config: StyleGAN2Config, upsample: bool
    ) -> None:
        super().__init__(in_channels, out_channels, 3, config.style_dim)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(resolution, resolution))
        self.register_buffer("kernel", binomial_kernel(4.0), persistent=False)
        self.upsample = upsample
        self.clamp = config.conv_clamp

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        x = self.convolve(x, w, demodulate=True, upsample=self.upsample)
        if self.upsample:
            x = blur(x, self.kernel, (1, 1))
        x = x + (self.noise * self.noise_strength + self.bias[:, None, None])
        x = F.leaky_relu(x, LEAKY_SLOPE) * math.sqrt(2.0)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)


class _ToRGB(_ModulatedConv):
    """Modulated 1x1 convolution to three channels, added to the up-sampled image so far."""

    kernel: torch.Tensor

    def __init__(self, in_channels: int, config: StyleGAN2Config) -> None:
        super().__init__(in_channels, 3, 1, config.style_dim)
        self.register_buffer("kernel", binomial_kernel(4.0), persistent=False)
        self.clamp = config.conv_clamp

    def forward(self, x: torch.Tensor, w: torch.Tensor, image: torch.Tensor | None = None) -> torch.Tensor:
        rgb = self.convolve(x, w, demodulate=False) + self.bias[:, None, None]
        if self.clamp is not None:
            rgb = rgb.clamp(-self.clamp, self.clamp)
        return rgb if image is None else upsample2d(image, self.kernel) + rgb


class _Block(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, resolution: int, config: StyleGAN2Config) -> None:
        super().__init__()
        self.conv1 = _StyledConv(in_channels, out_channels, resolution, config, upsample=True)
        self.conv2 = _StyledConv(out_channels, out_channels, resolution, config, upsample=False)
        self.to_rgb = _ToRGB(out_channels, config)

    def features(self, x: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.conv2(self.conv1(x, first), second))


class _Synthesis(nn.Module):
    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        channels = config.channels
        self.constant = nn.Parameter(torch.randn(channels[0], _BASE, _BASE))
        self.conv = _StyledConv(channels[0], channels[0], _BASE, config, upsample=False)
        self.to_rgb = _ToRGB(channels[0], config)
        self.blocks = nn.ModuleList(
            _Block(before, after, _BASE << (i + 1), config) for i, (before, after) in enumerate(pairwise(channels))
        )

    def _first(self, ws: torch.Tensor) -> torch.Tensor:
        constant = self.constant.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        return cast(torch.Tensor, self.conv(constant, ws[:, 0]))

    def features(self, ws: torch.Tensor, count: int) -> torch.Tensor:
        x = self._first(ws)
        for i in range(count):
            x = self._block(i).features(x, ws[:, 2 * i + 1], ws[:, 2 * i + 2])
        return x

    def image(self, ws: torch.Tensor) -> torch.Tensor:
        x = self._first(ws)
        image = cast(torch.Tensor, self.to_rgb(x, ws[:, 1]))
        for i in range(len(self.blocks)):
            x = self._block(i).features(x, ws[:, 2 * i + 1], ws[:, 2 * i + 2])
            image = self._block(i).to_rgb(x, ws[:, 2 * i + 3], image)
        return image

    def _block(self, index: int) -> _Block:
        return cast(_Block, self.blocks[index])


class StyleGAN2(StyleGenerator):
    """The generator of Karras et al. (2020): w to an image through modulated convolutions and RGB skips.

    Attributes:
        config: the sizes.
    """

    def __init__(self, config: StyleGAN2Config | None = None) -> None:
        """Make an untrained generator.

        Args:
            config: the sizes; ``None`` for those of the FFHQ generator at 1024 x 1024.
        """
        config = config or StyleGAN2Config()
        sides = tuple(_BASE << i for i in range(len(config.channels)))
        super().__init__(config.style_dim, config.mapping_layers, sides, sides[-1])
        self.config = config
        self.synthesis_network = _Synthesis(config)

    def _image(self, ws: torch.Tensor) -> torch.Tensor:
        return self.synthesis_network.image(ws)

    def _features(self, ws: torch.Tensor, index: int) -> torch.Tensor:
        return self.synthesis_network.features(ws, index)


def config_to_dict(config: StyleGAN2Config) -> dict[str, object]:
    """The header of a weight file for a configuration."""
    return {"architecture": ARCHITECTURE, **asdict(config)}


def config_from_dict(values: dict[str, object], path: str | Path) -> StyleGAN2Config:
    """Read a configuration from the header of a weight file.

    Args:
        values: what :func:`config_to_dict` gave.
        path: the file, for the message.

    Returns:
        The configuration.

    Raises:
        WeightsError: it is not the configuration of this architecture.
    """
    if values.get("architecture") != ARCHITECTURE:
        raise WeightsError(f"{path}: expected architecture {ARCHITECTURE!r}, got {values.get('architecture')!r}")
    try:
        clamp = values["conv_clamp"]
        return StyleGAN2Config(
            int(values["style_dim"]),  # type: ignore[call-overload]
            int(values["mapping_layers"]),  # type: ignore[call-overload]
            tuple(int(c) for c in values["channels"]),  # type: ignore[attr-defined]
            None if clamp is None else float(clamp),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: expected the sizes of a StyleGAN2, got {values}") from error


def load_stylegan2(path: str | Path) -> StyleGAN2:
    """Load a converted generator, in evaluation mode and without gradients on its parameters.

    Args:
        path: a safetensors file made by ``training/convert_stylegan2.py``.

    Returns:
        The generator, float32, on the CPU.

    Raises:
        WeightsError: the file is missing, damaged or of another architecture.
    """
    model = StyleGAN2(config_from_dict(load_config(path), path))
    load_into(model, path)
    return model.eval().requires_grad_(False)

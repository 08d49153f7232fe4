"""Face identity embedding, for judging only: dlib's ResNet as packaged in face-api (MIT), ported to torch.

No loss and no choice of a parameter may use it. The weights are not part of this package: they are read from the
``@vladmandic/face-api`` package of the npm registry.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.landmarker import cut_crops

EMBEDDING_SIZE = 128
CHIP_SIZE = 150

_CHIP_PADDING = 0.25
_MEAN_RGB = (122.782, 117.001, 104.298)
_MODEL = "face_recognition_model"

_CHIP_LANDMARKS = (263, 362, 33, 133, 2)
_CHIP_TEMPLATE = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
"""dlib's five-point mean face: corners of the eyes (outer and inner, right in the image first), base of the nose."""

_STAGES = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))


class _Scale(nn.Module):
    """A gain and a bias per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features * self.gain[:, None, None] + self.bias[:, None, None]


def _convolution(channels_in: int, channels_out: int, size: int, halve: bool) -> nn.Sequential:
    stride, padding = (2, 0) if halve else (1, size // 2)
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, size, stride, padding), _Scale(channels_out))


class _Residual(nn.Module):
    """Two convolutions added to the input, or to the input averaged down and zero-padded."""

    def __init__(self, channels_in: int, channels_out: int, halve: bool) -> None:
        super().__init__()
        self.conv1 = _convolution(channels_in, channels_out, 3, halve)
        self.conv2 = _convolution(channels_out, channels_out, 3, False)
        self.halve = halve

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        change = self.conv2(torch.relu(self.conv1(features)))
        if not self.halve:
            return torch.relu(change + features)
        skip = F.avg_pool2d(features, 2)
        rows, columns = (skip.shape[i] - change.shape[i] for i in (2, 3))
        change = F.pad(change, (0, columns, 0, rows))
        return torch.relu(change + F.pad(skip, (0, 0, 0, 0, 0, change.shape[1] - skip.shape[1])))


class IdentityNetwork(nn.Module):
    """Embeds faces so that the same person's images lie near each other.

    Distances are L2: up to about 0.45 for one person in two pictures, 0.7 for two persons; dlib draws the line at 0.6.
    """

    mean: torch.Tensor

    def __init__(self) -> None:
        """Make the layers; the weights are random until loaded."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN_RGB)[:, None, None] / 255, persistent=False)
        self.stem = _convolution(3, _STAGES[0][0], 7, True)
        blocks = []
        channels = _STAGES[0][0]
        for stage, (wide, count) in enumerate(_STAGES):
            for block in range(count):
                blocks.append(_Residual(channels, wide, halve=block == 0 and stage > 0))
                channels = wide
        self.blocks = nn.Sequential(*blocks)
        self.embedding = nn.Linear(channels, EMBEDDING_SIZE, bias=False)

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        """Embed aligned faces.

        Args:
            chips: (N, 3, 150, 150) float in [0, 1], sRGB, as from :func:`face_chips`.

        Returns:
            (N, 128) float.
        """
        features = F.max_pool2d(torch.relu(self.stem(chips - self.mean)), 3, 2)
        return self.embedding(self.blocks(features).mean((2, 3)))

    @torch.no_grad()
    def embed(self, images: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
        """Align and embed faces.

        Args:
            images: (N, 3, H, W) float in [0, 1], sRGB.
            landmarks: (N, 478, 2 or 3) float, pixels of the images.

        Returns:
            (N, 128) float32; the L2 norm of a difference is the identity distance.

        Raises:
            InvalidArgumentError: wrong shapes.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise InvalidArgumentError("images", "shape (N, 3, H, W)", tuple(images.shape))
        if landmarks.ndim != 3 or landmarks.shape[:2] != (len(images), 478):
            raise InvalidArgumentError("landmarks", f"shape ({len(images)}, 478, 3)", tuple(landmarks.shape))
        return self(face_chips(images.to(self.mean), landmarks.to(self.mean)))


def face_chips(images: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
    """Cut faces as dlib's ``get_face_chip`` does: a similarity transform onto the mean face, padding 0.25.

    Args:
        images: (N, 3, H, W) float.
        landmarks: (N, 478, 2 or 3) float, pixels of the images.

    Returns:
        (N, 3, 150, 150) float.
    """
    return cut_crops([images], chip_crops(landmarks), CHIP_SIZE)


def chip_crops(landmarks: torch.Tensor) -> torch.Tensor:
    """The squares of :func:`face_chips`.

    Args:
        landmarks: (N, 478, 2 or 3) float, pixels.

    Returns:
        (N, 4) float: centre x, centre y, side in pixels, clockwise turn in degrees.
    """
    points = landmarks[:, list(_CHIP_LANDMARKS), :2]
    template = (landmarks.new_tensor(_CHIP_TEMPLATE) + _CHIP_PADDING) / (1 + 2 * _CHIP_PADDING) - 0.5
    flat, middle = template - template.mean(0), points.mean(1, keepdim=True)
    moved = points - middle
    energy = flat.square().sum()
    cosine = (flat * moved).sum((1, 2)) / energy
    sine = (flat[:, 0] * moved[..., 1] - flat[:, 1] * moved[..., 0]).sum(1) / energy
    x, y = template.mean(0)
    centre = middle[:, 0] - torch.stack([cosine * x - sine * y, sine * x + cosine * y], 1)
    side, turn = torch.hypot(cosine, sine), torch.rad2deg(torch.atan2(sine, cosine))
    return torch.cat([centre, side[:, None], turn[:, None]], 1)


def identity_distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Distances of embeddings, row by row.

    Args:
        first: (N, 128) float.
        second: (N, 128) float.

    Returns:
        (N,) float.
    """
    return (first - second).norm(dim=1)


def load_identity_network(path: str | Path | None = None) -> IdentityNetwork:
    """Read the network from face-api's model files.

    Args:
        path: folder with ``face_recognition_model-weights_manifest.json`` and its ``.bin``; ``None`` to fetch them.

    Returns:
        The network, on the CPU, in evaluation mode, its weights frozen.

    Raises:
        WeightsError: the files are missing or not the expected network, or cannot be fetched.
    """
    network = IdentityNetwork()
    weights = list(read_weights(fetch_face_api() if path is None else Path(path), _MODEL).values())
    own = network.state_dict()
    if [tuple(weight.shape) for weight in weights] != [tuple(value.shape) for value in own.values()]:
        raise WeightsError(f"{_MODEL}: expected the layers of dlib's face recognition network, got others")
    network.load_state_dict(dict(zip(own, weights, strict=True)))
    return network.eval().requires_grad_(False)


def fetch_face_api() -> Path:
    """The folder of face-api's model files; fetched when it is not there."""
    from stylefaceuv.training.pretrained_sources import fetch

    return fetch("@vladmandic/face-api") / "package" / "model"


def read_weights(folder: Path, model: str) -> dict[str, torch.Tensor]:
    """Tensors in the order of the manifest, which is that of the layers; convolutions as (out, in, h, w).

    Args:
        folder: with ``<model>-weights_manifest.json`` and ``<model>.bin``.
        model: name of one of face-api's networks.

    Returns:
        float32 tensors by name.

    Raises:
        WeightsError: the files are missing or broken.
    """
    try:
        manifest = json.loads((folder / f"{model}-weights_manifest.json").read_text())
        data = (folder / f"{model}.bin").read_bytes()
        return _decode([entry for group in manifest for entry in group["weights"]], data)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{folder}: expected the files of {model}, got {error}") from error


def _decode(entries: list[dict[str, Any]], data: bytes) -> dict[str, torch.Tensor]:
    tensors, start = {}, 0
    for entry in entries:
        shape, quantization = entry["shape"], entry.get("quantization")
        dtype = np.dtype(quantization["dtype"] if quantization else entry["dtype"])
        values = np.frombuffer(data, dtype, int(np.prod(shape)), start).reshape(shape).astype(np.float32)
        start += values.size * dtype.itemsize
        if quantization:
            values = values * np.float32(quantization["scale"]) + np.float32(quantization["min"])
        if values.ndim == 4:
            values = values.transpose(3, 2, 0, 1)
        tensors[entry["name"]] = torch.from_numpy(np.ascontiguousarray(values.T if values.ndim == 2 else values))
    if start != len(data):
        raise ValueError(f"{len(data)} bytes instead of {start}")
    return tensors

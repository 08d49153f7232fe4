"""Small data sets whose faces are known: stylecodes, flat pictures, landmarks of the tiny head."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.training.dataset import LABEL_SIZE
from stylefaceuv.types import FaceCoefficients
from stylefaceuv.weights_file import save_tensors


def random_faces(count: int, seed: int = 0) -> FaceCoefficients:
    """Batched coefficients with plausible poses and mild expressions."""
    source = torch.Generator().manual_seed(seed)
    return FaceCoefficients(
        identity=0.7 * torch.randn(count, 80, generator=source),
        expression=0.4 * torch.rand(count, 64, generator=source),
        rotation=torch.randn(count, 3, generator=source) * torch.tensor([14.0, 6.0, 3.0]),
        lighting=torch.zeros(count, 27),
        translation=torch.randn(count, 3, generator=source) * 0.05,
    )


def landmarks_of(model: MorphableModel, faces: FaceCoefficients) -> torch.Tensor:
    """(N, 478, 3): pixels at 1024, and zeros."""
    points = model.landmarks(model(faces.identity, faces.expression))
    world = pose_vertices(points, faces.rotation, faces.translation)
    pixels = Camera.portrait(LABEL_SIZE, LABEL_SIZE).project(world)[..., :2]
    return torch.cat([pixels, torch.zeros_like(pixels[..., :1])], dim=-1)


def scores_of(model: MorphableModel, faces: FaceCoefficients) -> torch.Tensor:
    """(N, 52) blendshape scores that tell the expression."""
    scores = torch.zeros(len(faces.expression), len(BLENDSHAPE_NAMES))
    for column, name in enumerate(BLENDSHAPE_NAMES):
        if name in model.expression_names:
            scores[:, column] = faces.expression[:, model.expression_names.index(name)]
    return scores


def write_shard(root: Path, number: int, w: torch.Tensor, points: torch.Tensor, scores: torch.Tensor) -> Path:
    """Write images and labels of one shard; return the path of its labels."""
    count, stream = len(w), io.BytesIO()
    Image.fromarray(np.full((512, 512, 3), 128, np.uint8)).save(stream, "JPEG")
    jpeg = np.frombuffer(stream.getvalue(), np.uint8)
    images = {
        "index": torch.arange(count) + 64 * number,
        "psi": torch.full((count,), 0.7),
        "w": w,
        "jpeg_bytes": torch.from_numpy(np.tile(jpeg, count)),
        "jpeg_offsets": torch.arange(count + 1) * len(jpeg),
    }
    save_tensors(root / f"shard-{number:05d}.images.safetensors", images, {"seed": 1})
    labels = {"points": points, "score": torch.ones(count), "blendshapes": scores}
    path = root / f"shard-{number:05d}.labels.safetensors"
    save_tensors(path, labels)
    return path

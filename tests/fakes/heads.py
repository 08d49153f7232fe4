"""A model whose heads are plain colours and short files, but whose surface is that of the real one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.control import parse_expression, parse_lighting, parse_size
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.arkit import EXPRESSION_NAMES
from stylefaceuv.files import atomic_write_bytes
from stylefaceuv.sampling import sample_latents
from stylefaceuv.types import Face, FaceCoefficients, FaceMesh, Provenance, UVMaps


class FakeStudio:
    """Remembers what it was asked for; a render's colour tells its yaw."""

    def __init__(self) -> None:
        self.renders: list[dict[str, Any]] = []

    def image(self, face: Face) -> np.ndarray:
        return np.full((32, 32, 3), 90, np.uint8)

    def symmetric_image(self, face: Face) -> np.ndarray:
        return self.image(face)[:, ::-1]

    def landmarks(self, face: Face) -> np.ndarray:
        return np.zeros((478, 2), np.float32)

    def mesh(self, face: Face, level: int) -> FaceMesh:
        raise NotImplementedError

    def render(self, face: Face, **options: Any) -> np.ndarray:
        self.renders.append(options)
        own = face.coefficients
        parse_expression(options.get("expression"), own.expression, EXPRESSION_NAMES)
        parse_lighting(options.get("lighting"), own.lighting.reshape(9, 3))
        height, width = parse_size(options["size"])
        yaw = options.get("yaw")
        shade = 128 if yaw is None else int(np.clip(128 + yaw, 0, 255))
        channels = 4 if options.get("background") == "transparent" else 3
        return np.full((height, width, channels), shade, np.uint8)

    def export(self, face: Face, path: str | Path, **options: Any) -> Path:
        path = Path(path)
        if path.suffix not in (".glb", ".obj", ".ply"):
            raise InvalidArgumentError("path", "a suffix of .glb, .obj, .ply", repr(path.suffix))
        content = {"w": float(face.stylecode.sum()), "options": options, "provenance": asdict(face.provenance)}
        atomic_write_bytes(path, json.dumps(content, sort_keys=True).encode())
        return path


class FakeModel:
    """Counts the heads it makes; can be told to die after some of them."""

    def __init__(self, bundle: Bundle | None = None, dies_after: int | None = None) -> None:
        self.bundle = bundle
        self.studio = FakeStudio()
        self.made: list[int | None] = []
        self.largest_batch = 0
        self.dies_after = dies_after

    def sample(self, count: int, seed: int, truncation: float = 0.7, start: int = 0) -> torch.Tensor:
        return truncation * torch.from_numpy(sample_latents(count, seed, start))

    def generate(
        self,
        w: torch.Tensor,
        *,
        detail: str = "lifted",
        seed: int | None = None,
        start: int | None = None,
        truncation: float | None = None,
    ) -> list[Face] | Face:
        batch = w.reshape(-1, 512)
        self.largest_batch = max(self.largest_batch, len(batch))
        faces = []
        for row, stylecode in enumerate(batch):
            if self.dies_after is not None and len(self.made) >= self.dies_after:
                raise KeyboardInterrupt
            index = None if seed is None else (start or 0) + row
            self.made.append(index)
            faces.append(self._face(stylecode, Provenance("0", seed, index, truncation)))
        return faces[0] if w.ndim == 1 else faces

    def _face(self, stylecode: torch.Tensor, provenance: Provenance) -> Face:
        coefficients = FaceCoefficients(
            identity=stylecode[:80].clone(),
            expression=torch.linspace(0, 1, 64),
            rotation=torch.tensor([5.0, -2.0, 1.0]),
            lighting=torch.zeros(27),
            translation=torch.zeros(3),
            expression_names=EXPRESSION_NAMES,
        )
        shade = int(abs(float(stylecode[0])) * 60) % 256
        maps = UVMaps(
            np.full((16, 16, 3), shade, np.uint8), np.zeros((4, 4, 3), np.float32), np.ones((16, 16), np.float32)
        )
        return Face(stylecode.numpy(), coefficients, maps, 0.0125, provenance, self.studio)

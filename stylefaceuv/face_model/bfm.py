"""Loads a user's own Basel Face Model; the file is never shipped with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.face_model.linear import EXPRESSION_SIZE, IDENTITY_SIZE, LinearFaceModel
from stylefaceuv.types import MeshTopology

FloatArray = npt.NDArray[np.float64]

EXPRESSION_NAMES: tuple[str, ...] = tuple(f"expression_{index:02d}" for index in range(EXPRESSION_SIZE))
"""The components of Guo's expression basis have no names of their own."""

_FIELDS = ("meanshape", "idBase", "meantex", "texBase", "tri", "keypoints", "skinmask")


class BaselFaceModel(LinearFaceModel):
    """The Basel Face Model behind the interface of :class:`~stylefaceuv.face_model.morphable.MorphableModel`.

    It has one level (0), no neck ring, and 68 landmarks. Its identity and expression components are scaled to unit
    variance, so expression weights are not confined to [0, 1].

    Attributes:
        mean: (V0, 3) float32 buffer, decimetres, centred at the origin.
        identity_basis: (80, V0, 3) float32 buffer.
        expression_basis: (64, V0, 3) float32 buffer.
        expression_names: ``expression_00`` to ``expression_63``.
        texture_mean: (V0, 3) float32 buffer, sRGB in [0, 1].
        texture_basis: (80, V0, 3) float32 buffer, sRGB for one standard deviation.
        skin_mask: (V0,) bool buffer, true on skin.
        mirror_index: (V0,) int64 buffer, the vertex nearest to each mirror image (the mesh is not exactly symmetric).
        neck_ring: (0,) int64 buffer.
        origin_in_makehuman: (3,) float32 buffer of zeros.
        self_shadow: (V0, 9) float32 buffer of zeros: how it shadows itself is not known.
        landmark_level: the level whose surface holds the landmarks.
    """

    landmark_level = 0
    texture_mean: torch.Tensor
    texture_basis: torch.Tensor
    skin_mask: torch.Tensor
    mirror_index: torch.Tensor
    neck_ring: torch.Tensor
    origin_in_makehuman: torch.Tensor
    self_shadow: torch.Tensor
    faces: torch.Tensor
    keypoints: torch.Tensor
    uv: torch.Tensor

    def __init__(
        self,
        shape: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        texture: tuple[torch.Tensor, torch.Tensor],
        faces: torch.Tensor,
        keypoints: torch.Tensor,
        skin_mask: torch.Tensor,
    ) -> None:
        """Store the model.

        Args:
            shape: mean (V0, 3), identity basis (80, V0, 3), expression basis (64, V0, 3), decimetres.
            texture: mean (V0, 3) and basis (80, V0, 3), sRGB in [0, 1].
            faces: (F, 3) int64, counter-clockwise seen from outside.
            keypoints: (68,) int64 vertices.
            skin_mask: (V0,) bool.
        """
        super().__init__(*shape, EXPRESSION_NAMES)
        self.register_buffer("texture_mean", texture[0].float())
        self.register_buffer("texture_basis", texture[1].float())
        self.register_buffer("faces", faces)
        self.register_buffer("keypoints", keypoints)
        self.register_buffer("skin_mask", skin_mask)
        self.register_buffer("mirror_index", _nearest_mirror(self.mean))
        self.register_buffer("neck_ring", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("origin_in_makehuman", torch.zeros(3))
        self.register_buffer("self_shadow", torch.zeros(len(self.mean), 9))
        self.register_buffer("uv", _cylinder_uv(self.mean))

    def topology(self, level: int = 0) -> MeshTopology:
        """Return the triangles; the texture layout is a cylinder around the head.

        Args:
            level: 0.

        Raises:
            InvalidArgumentError: another level.
        """
        _check_level(level)
        rows = torch.arange(len(self.mean), device=self.mean.device)
        part = torch.zeros(len(self.faces), dtype=torch.uint8, device=self.mean.device)
        return MeshTopology(self.faces, self.uv, self.uv, rows, part, torch.full_like(rows, -1))

    def refine(self, vertices: torch.Tensor, level: int = 0) -> torch.Tensor:
        """Return the vertices as they are: this model has one level.

        Args:
            vertices: (N, V0, 3), any unit and frame.
            level: 0.

        Raises:
            InvalidArgumentError: wrong shape, or another level.
        """
        self._check_vertices(vertices)
        _check_level(level)
        return vertices

    def landmarks(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return the model's own landmarks in the usual order of 68.

        Args:
            vertices: (N, V0, 3), any unit and frame.

        Returns:
            (N, 68, 3), same unit and frame; differentiable.

        Raises:
            InvalidArgumentError: wrong shape.
        """
        self._check_vertices(vertices)
        return vertices[:, self.keypoints]

    def landmarks_on(self, surface: torch.Tensor) -> torch.Tensor:
        """Return the landmarks of a surface, which are those of its vertices: this model has one level.

        Args:
            surface: (N, V0, 3), any unit and frame.

        Returns:
            (N, 68, 3), same unit and frame; differentiable.

        Raises:
            InvalidArgumentError: wrong shape.
        """
        return self.landmarks(surface)


def load_basel_face_model(
    mat: str | Path, expression_basis: npt.NDArray[np.floating[Any]] | None = None
) -> BaselFaceModel:
    """Load ``BFM_model_front.mat`` (the Basel Face Model cut to the face front, with Guo's expression basis).

    Args:
        mat: the file; fields ``meanshape`` (1, 3V), ``idBase`` (3V, 80), ``exBase`` (3V, 64), ``meantex`` (1, 3V, 0 to
            255), ``texBase`` (3V, 80), ``tri`` (F, 3, from 1), ``keypoints`` (1, 68, from 1), ``skinmask`` (1, V);
            decimetres, bases scaled to unit variance.
        expression_basis: (3V, 64) decimetres, used instead of ``exBase``.

    Returns:
        The model in evaluation mode, on the CPU, float32.

    Raises:
        WeightsError: the file is missing or unreadable, lacks a field, or a field has the wrong shape or bad values.
        InvalidArgumentError: ``expression_basis`` has the wrong shape.
    """
    source = Path(mat)
    content = _read(source, _FIELDS if expression_basis is not None else (*_FIELDS, "exBase"))
    count = int(content["meanshape"].size) // 3
    if expression_basis is not None and expression_basis.shape != (3 * count, EXPRESSION_SIZE):
        raise InvalidArgumentError("expression_basis", f"shape {(3 * count, EXPRESSION_SIZE)}", expression_basis.shape)
    expression = expression_basis if expression_basis is not None else content["exBase"]
    content = {**content, "exBase": np.asarray(expression)}
    _check_shapes(source, content, count)
    mean = content["meanshape"].reshape(count, 3).astype(np.float64)
    mean = mean - mean.mean(axis=0)
    faces = _indices(source, content, "tri", count).reshape(-1, 3)
    shape = (torch.from_numpy(mean), _basis(content["idBase"]), _basis(content["exBase"]))
    texture = (
        torch.from_numpy(content["meantex"].reshape(count, 3).astype(np.float64)) / 255.0,
        _basis(content["texBase"]) / 255.0,
    )
    keypoints = torch.from_numpy(_indices(source, content, "keypoints", count).ravel())
    skin = torch.from_numpy(content["skinmask"].ravel() > 0)
    return BaselFaceModel(shape, texture, torch.from_numpy(_facing_front(faces, mean)), keypoints, skin).eval()


def _read(source: Path, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    try:
        content: Mapping[str, Any] = loadmat(str(source), appendmat=False)
    except FileNotFoundError as error:
        raise WeightsError(f"{source}: expected a Basel Face Model file, got no such file") from error
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise WeightsError(f"{source}: expected a MATLAB file of version 5 to 7, got an unreadable one") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise WeightsError(f"{source}: expected the fields {', '.join(names)}, got none named {', '.join(missing)}")
    return {name: np.asarray(content[name]) for name in names}


def _check_shapes(source: Path, content: Mapping[str, npt.NDArray[Any]], count: int) -> None:
    expected = {
        "meanshape": (1, 3 * count),
        "idBase": (3 * count, IDENTITY_SIZE),
        "exBase": (3 * count, EXPRESSION_SIZE),
        "meantex": (1, 3 * count),
        "texBase": (3 * count, IDENTITY_SIZE),
        "tri": (content["tri"].size // 3, 3),
        "keypoints": (1, 68),
        "skinmask": (1, count),
    }
    for name, shape in expected.items():
        got = content[name].shape
        if got != shape and (1 not in shape or content[name].size != np.prod(shape)):
            raise WeightsError(f"{source}: field {name!r}: expected shape {shape}, got {got}")
        if not np.issubdtype(content[name].dtype, np.number) or not np.isfinite(content[name]).all():
            raise WeightsError(f"{source}: field {name!r}: expected finite numbers, got others")


def _indices(source: Path, content: Mapping[str, npt.NDArray[Any]], name: str, count: int) -> npt.NDArray[np.int64]:
    values = content[name].astype(np.int64)
    if values.size == 0 or values.min() < 1 or values.max() > count:
        raise WeightsError(f"{source}: field {name!r}: expected vertices from 1 to {count}, got others")
    return values - 1


def _basis(columns: npt.NDArray[Any]) -> torch.Tensor:
    """(3V, K) columns to (K, V, 3)."""
    return torch.from_numpy(np.ascontiguousarray(columns.T.astype(np.float32))).unflatten(1, (-1, 3))


def _facing_front(faces: npt.NDArray[np.int64], mean: FloatArray) -> npt.NDArray[np.int64]:
    """Turn all triangles round if the face front would look backwards."""
    corner = mean[faces]
    area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return faces if area[:, 2].sum() >= 0 else np.ascontiguousarray(faces[:, ::-1])


def _nearest_mirror(mean: torch.Tensor) -> torch.Tensor:
    from scipy.spatial import cKDTree

    points = mean.double().numpy()
    return torch.from_numpy(cKDTree(points).query(points * np.array([-1.0, 1.0, 1.0]))[1].astype(np.int64))


def _cylinder_uv(mean: torch.Tensor) -> torch.Tensor:
    """(V0, 2) angle around the vertical axis behind the face, and height; both spread over [0, 1], origin top left."""
    behind = mean[:, 2].amin() - 0.1
    angle = torch.atan2(mean[:, 0], mean[:, 2] - behind)
    raw = torch.stack([angle, -mean[:, 1]], dim=1)
    low, high = raw.amin(dim=0), raw.amax(dim=0)
    return (raw - low) / (high - low).clamp_min(1e-9)


def _check_level(level: int) -> None:
    if level != 0:
        raise InvalidArgumentError("level", "0, the only level of a Basel Face Model", level)

"""The linear head model: S = mean + identity basis · p_id + expression basis · p_exp (StyleFaceUV, Eq. 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse
import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.levels import Cage, build_level
from stylefaceuv.face_model.sparse_product import SparseProduct
from stylefaceuv.types import MeshTopology


@dataclass(frozen=True)
class LandmarkPoints:
    """Landmarks as points of the level-1 surface.

    Attributes:
        faces: (478,) int64, triangle of level 1.
        barycentric: (478, 3) float64.
    """

    faces: npt.NDArray[np.int64]
    barycentric: npt.NDArray[np.float64]


class MorphableModel(nn.Module):
    """A head as mean plus linear bases on a quad cage, with Catmull–Clark levels.

    Args:
        cage: the coarse mesh with its mean.
        identity_basis: (80, V0, 3) float, decimetres for one standard deviation.
        expression_basis: (64, V0, 3) float, decimetres for a weight of 1.
        expression_names: 64 names.
        landmark_points: the 478 landmarks on level 1, or None when they are not registered yet.
        neck_ring: (R,) int64, cage vertices on the open border of the neck.
        origin_in_makehuman: (3,) float, cage + origin = MakeHuman's coordinates, decimetres.
        max_level: finest level offered.
    """

    mean: torch.Tensor
    identity_basis: torch.Tensor
    expression_basis: torch.Tensor
    origin_in_makehuman: torch.Tensor
    mirror_index: torch.Tensor
    neck_ring: torch.Tensor

    def __init__(
        self,
        cage: Cage,
        identity_basis: torch.Tensor,
        expression_basis: torch.Tensor,
        expression_names: tuple[str, ...],
        landmark_points: LandmarkPoints | None,
        neck_ring: torch.Tensor,
        origin_in_makehuman: torch.Tensor,
        max_level: int = 2,
    ) -> None:
        super().__init__()
        self.cage, self.expression_names, self.max_level = cage, expression_names, max_level
        self.landmark_points = landmark_points
        self.register_buffer("mean", torch.from_numpy(cage.mean.astype(np.float32)))
        self.register_buffer("identity_basis", identity_basis.float())
        self.register_buffer("expression_basis", expression_basis.float())
        self.register_buffer("mirror_index", torch.from_numpy(cage.mirror_index))
        self.register_buffer("neck_ring", neck_ring)
        self.register_buffer("origin_in_makehuman", origin_in_makehuman.float())
        self._refiners = nn.ModuleDict()
        self._topologies: dict[int, MeshTopology] = {}
        self._landmark_product: SparseProduct | None = None

    def forward(self, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        """Return cage vertices.

        Args:
            identity: (N, 80) float, unit variance.
            expression: (N, 64) float, in [0, 1].

        Returns:
            (N, V0, 3) float, decimetres, head frame, unposed.

        Raises:
            InvalidArgumentError: wrong shapes.
        """
        for name, value, basis in (
            ("identity", identity, self.identity_basis),
            ("expression", expression, self.expression_basis),
        ):
            if value.ndim != 2 or value.shape[1] != len(basis):
                raise InvalidArgumentError(name, f"shape (N, {len(basis)})", tuple(value.shape))
        dtype = identity.dtype
        offset = identity @ self.identity_basis.to(dtype).flatten(1)
        offset = offset + expression @ self.expression_basis.to(dtype).flatten(1)  # (N, V0·3)
        return self.mean.to(dtype) + offset.unflatten(1, (-1, 3))

    def topology(self, level: int) -> MeshTopology:
        """Return the mesh of a level.

        Args:
            level: 0 (cage), 1 or 2.

        Returns:
            Faces, texture coordinates and labels; vertices are split at seams.

        Raises:
            InvalidArgumentError: no such level.
        """
        self._prepare(level)
        return self._topologies[level]

    def refine(self, vertices: torch.Tensor, level: int) -> torch.Tensor:
        """Subdivide cage vertices (or any per-vertex offsets).

        Args:
            vertices: (N, V0, 3) float.
            level: 0, 1 or 2.

        Returns:
            (N, V, 3) float, rows as in :meth:`topology`.

        Raises:
            InvalidArgumentError: no such level.
        """
        self._prepare(level)
        refined: torch.Tensor = self._refiners[str(level)](vertices)
        return refined

    def landmarks(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return the landmark points of cages.

        Args:
            vertices: (N, V0, 3) float.

        Returns:
            (N, 478, 3) float, points of the level-1 surface, same frame.

        Raises:
            InvalidArgumentError: the model has no landmarks.
        """
        if self._landmark_product is None:
            self._landmark_product = SparseProduct(self._landmark_matrix()).to(self.mean.device)
        points: torch.Tensor = self._landmark_product(vertices)
        return points

    def _landmark_matrix(self) -> sparse.csr_matrix:
        if self.landmark_points is None:
            raise InvalidArgumentError("landmark_points", "a model with registered landmarks", None)
        level = build_level(self.cage, min(1, self.max_level))
        corners = level.topology.faces.numpy()[self.landmark_points.faces]
        rows = np.repeat(np.arange(len(corners)), 3)
        weights = self.landmark_points.barycentric.ravel()
        pick = sparse.csr_matrix((weights, (rows, corners.ravel())), shape=(len(corners), level.matrix.shape[0]))
        return pick @ level.matrix

    def _prepare(self, level: int) -> None:
        if level in self._topologies:
            return
        if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level <= self.max_level:
            raise InvalidArgumentError("level", f"a whole number from 0 to {self.max_level}", level)
        built = build_level(self.cage, level)
        device = self.mean.device
        moved = {name: value.to(device) for name, value in vars(built.topology).items()}
        self._topologies[level] = MeshTopology(**moved)
        self._refiners[str(level)] = SparseProduct(built.matrix).to(device)

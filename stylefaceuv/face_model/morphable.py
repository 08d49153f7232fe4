"""MakeHuman's head as a linear model with Catmull-Clark levels, landmarks and mirror symmetry."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse
import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.linear import LinearFaceModel
from stylefaceuv.face_model.sparse import SparseMap
from stylefaceuv.face_model.topology import QuadLevel, cage_level, mesh_topology, refined_level
from stylefaceuv.types import MeshTopology

MAX_LEVEL = 2
LANDMARK_LEVEL = 1
LANDMARK_COUNT = 478
_PREPARING = threading.RLock()


@dataclass(frozen=True)
class HeadTensors:
    """Everything the weight file holds besides names; shapes with V0 cage vertices and Q quads.

    Attributes:
        mean: (V0, 3) float32, decimetres, model frame.
        identity_basis: (80, V0, 3) float16.
        expression_basis: (64, V0, 3) float16.
        quads: (Q, 4) int32, counter-clockwise seen from outside.
        quad_part: (Q,) uint8, index into ``PART_NAMES``.
        corner_uv: (Q, 4, 2) float32, head atlas, origin top left.
        makehuman_corner_uv: (Q, 4, 2) float32, MakeHuman's layout, origin top left.
        mirror_index: (V0,) int32, the cage vertex on the other side.
        identity_mirror_sign: (80,) float32, +1 or -1: identity of the mirrored head is ``sign * identity``.
        expression_mirror: (64,) int32: expression of the mirrored head is ``expression[:, expression_mirror]``.
        makehuman_index: (V0,) int32, row of MakeHuman's base mesh, ascending.
        neck_ring: (R,) int32, cage vertices of the open edge at the neck, in order; they never move.
        landmark_vertices: (478, 3) int32, level-1 vertices of the triangle that holds each landmark.
        landmark_weights: (478, 3) float32, barycentrics.
        origin_in_makehuman: (3,) float32; vertices + origin are MakeHuman base coordinates, decimetres.
        self_shadow: (V0, 9) float16, what the head's own shape takes from each harmonic of a light at a vertex.
    """

    mean: torch.Tensor
    identity_basis: torch.Tensor
    expression_basis: torch.Tensor
    quads: torch.Tensor
    quad_part: torch.Tensor
    corner_uv: torch.Tensor
    makehuman_corner_uv: torch.Tensor
    mirror_index: torch.Tensor
    identity_mirror_sign: torch.Tensor
    expression_mirror: torch.Tensor
    makehuman_index: torch.Tensor
    neck_ring: torch.Tensor
    landmark_vertices: torch.Tensor
    landmark_weights: torch.Tensor
    origin_in_makehuman: torch.Tensor
    self_shadow: torch.Tensor


class MorphableModel(LinearFaceModel):
    """MakeHuman's head: 80 identity and 64 expression coefficients to a surface of level 0, 1 or 2.

    Attributes:
        mean: (V0, 3) float32 buffer, decimetres, model frame (see ``docs/conventions.md``).
        identity_basis: (80, V0, 3) float32 buffer.
        expression_basis: (64, V0, 3) float32 buffer.
        expression_names: the 64 names, in order (``docs/expressions.md``).
        mirror_index: (V0,) int64 buffer, left/right permutation of the cage.
        identity_mirror_sign: (80,) float32 buffer.
        expression_mirror: (64,) int64 buffer.
        neck_ring: (R,) int64 buffer, cage vertices of the open edge at the neck, in order.
        quads: (Q, 4) int64 buffer, of the cage.
        quad_part: (Q,) int64 buffer, index into ``PART_NAMES``.
        origin_in_makehuman: (3,) float32 buffer, decimetres.
        self_shadow: (V0, 9) float32 buffer, model frame; see :mod:`stylefaceuv.rendering.self_shadow`.
        landmark_level: the level whose surface holds the landmarks.
    """

    landmark_level = LANDMARK_LEVEL
    landmark_vertices: torch.Tensor
    landmark_weights: torch.Tensor
    mirror_index: torch.Tensor
    identity_mirror_sign: torch.Tensor
    expression_mirror: torch.Tensor
    neck_ring: torch.Tensor
    quads: torch.Tensor
    quad_part: torch.Tensor
    origin_in_makehuman: torch.Tensor
    self_shadow: torch.Tensor

    def __init__(self, tensors: HeadTensors, expression_names: tuple[str, ...]) -> None:
        """Build the model and its levels 0 and 1; level 2 is built when first asked for.

        Args:
            tensors: content of the weight file.
            expression_names: the 64 names.

        Raises:
            InvalidArgumentError: a shape does not fit the others.
        """
        super().__init__(tensors.mean, tensors.identity_basis, tensors.expression_basis, expression_names)
        for field in fields(HeadTensors):
            if field.name not in self._buffers:
                value = getattr(tensors, field.name)
                kept = value.float() if value.is_floating_point() else value.long()
                self.register_buffer(field.name, kept.clone())
        self._levels: list[QuadLevel] = []
        self._topologies: dict[int, MeshTopology] = {}
        self._maps = nn.ModuleDict()
        self._landmark_map = SparseMap(self._landmark_matrix(), self.mean)
        for level in (0, LANDMARK_LEVEL):
            self._prepare(level)

    def topology(self, level: int = LANDMARK_LEVEL) -> MeshTopology:
        """Return the triangles and texture coordinates of a level, on the model's device.

        Args:
            level: 0 (cage), 1 (four times finer) or 2 (sixteen times).

        Raises:
            InvalidArgumentError: unknown level.
        """
        self._prepare(level)
        topology = self._topologies[level]
        if topology.faces.device != self.mean.device:
            moved = {f.name: getattr(topology, f.name).to(self.mean.device) for f in fields(MeshTopology)}
            topology = self._topologies[level] = MeshTopology(**moved)
        return topology

    def refine(self, vertices: torch.Tensor, level: int = LANDMARK_LEVEL) -> torch.Tensor:
        """Return the surface of a level, with rows split at texture seams as in :meth:`topology`.

        Args:
            vertices: (N, V0, 3) cage, any unit and frame.
            level: 0, 1 or 2.

        Returns:
            (N, V_level, 3), same unit and frame; linear and differentiable.

        Raises:
            InvalidArgumentError: wrong shape or unknown level.
        """
        self._check_vertices(vertices)
        self._prepare(level)
        refined: torch.Tensor = self._maps[str(level)](vertices)
        return refined

    def landmarks(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return the 478 landmark points, in the landmarker's order, on the level-1 surface.

        Args:
            vertices: (N, V0, 3) cage, any unit and frame.

        Returns:
            (N, 478, 3), same unit and frame; linear and differentiable.

        Raises:
            InvalidArgumentError: wrong shape.
        """
        self._check_vertices(vertices)
        points: torch.Tensor = self._landmark_map(vertices)
        return points

    def landmarks_on(self, surface: torch.Tensor) -> torch.Tensor:
        """Return the 478 landmark points of a surface that no cage has: a displaced one.

        Args:
            surface: (N, V, 3), rows as those of :meth:`refine` at ``landmark_level``, any unit and frame.

        Returns:
            (N, 478, 3), same unit and frame; linear and differentiable.

        Raises:
            InvalidArgumentError: wrong shape.
        """
        topology = self.topology(LANDMARK_LEVEL)
        if surface.ndim != 3 or surface.shape[1:] != (len(topology.uv), 3):
            raise InvalidArgumentError("surface", f"shape (N, {len(topology.uv)}, 3)", tuple(surface.shape))
        row = topology.geometry_index.new_empty(int(topology.geometry_index.max()) + 1)
        row[topology.geometry_index] = torch.arange(len(topology.uv), device=row.device)
        corners = surface[:, row[self.landmark_vertices]]  # (N, 478, 3 corners, 3)
        return (corners * self.landmark_weights[..., None]).sum(dim=2)

    def mirror_coefficients(
        self, identity: torch.Tensor, expression: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the coefficients of the mirrored heads.

        Args:
            identity: (N, 80).
            expression: (N, 64).

        Returns:
            Identity (N, 80) and expression (N, 64) whose :meth:`forward` is the mirror image in X.

        Raises:
            InvalidArgumentError: wrong shape.
        """
        self._check_coefficients(identity, expression)
        return identity * self.identity_mirror_sign, expression[:, self.expression_mirror]

    def _prepare(self, level: int) -> None:
        if level not in range(MAX_LEVEL + 1):
            raise InvalidArgumentError("level", f"0 to {MAX_LEVEL}", level)
        with _PREPARING:  # heads may be made side by side
            if level in self._topologies:
                return
            quad_level = self._quad_level(level)
            rows = quad_level.matrix[quad_level.wedge_vertex]
            self._maps[str(level)] = SparseMap(rows, self.mean)
            mean = self.mean.detach().cpu().double().numpy()
            self._topologies[level] = mesh_topology(quad_level, mean, _numpy(self, "makehuman_index"))

    def _quad_level(self, level: int) -> QuadLevel:
        if not self._levels:
            self._levels.append(
                cage_level(
                    _numpy(self, "quads"),
                    _numpy(self, "quad_part").astype(np.uint8),
                    _numpy(self, "corner_uv"),
                    _numpy(self, "makehuman_corner_uv"),
                    len(self.mean),
                )
            )
        while len(self._levels) <= level:
            self._levels.append(refined_level(self._levels[-1]))
        return self._levels[level]

    def _landmark_matrix(self) -> scipy.sparse.csr_matrix:
        fine = self._quad_level(LANDMARK_LEVEL).matrix
        vertices, weights = _numpy(self, "landmark_vertices"), _numpy(self, "landmark_weights").astype(np.float64)
        pointer = np.arange(len(vertices) + 1) * 3
        points = scipy.sparse.csr_matrix((weights.ravel(), vertices.ravel(), pointer), (len(vertices), fine.shape[0]))
        return points @ fine


def _numpy(module: nn.Module, name: str) -> np.ndarray:
    return module.get_buffer(name).detach().cpu().numpy()

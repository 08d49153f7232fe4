"""The surface of a face: its mesh, its morph targets, its landmarks, and its vertices in any expression."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.control import FaceRig
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.arkit import ARKIT_NAMES
from stylefaceuv.face_model.displacement import displace, sample_at_vertices
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.lid_shade import LidShade
from stylefaceuv.plain_values import is_whole
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.self_shadow import ambient_occlusion
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import Face, FaceMesh, MorphTargets

METRES_PER_DECIMETRE = 0.1
LEVELS = (0, 1, 2)
_HAIR_MM = (2.0, 4.0)
"""Displacement of skin is smaller than the first, that of kept hair mostly larger than the second."""


class FaceGeometry:
    """Makes the surfaces of faces.

    Args:
        face_model: the morphable head.
    """

    def __init__(self, face_model: MorphableModel) -> None:
        self.face_model = face_model
        self._rig = FaceRig(face_model)
        self._normals: dict[int, VertexNormals] = {}
        self._lid_shades: dict[int, LidShade] = {}

    def vertices(
        self, face: Face, expression: torch.Tensor, level: int, gaze: tuple[float, float] | None = None
    ) -> torch.Tensor:
        """Return displaced vertices with an expression, unposed.

        Args:
            face: the face.
            expression: (64,) float in [0, 1].
            level: subdivision level, 0 to 2.
            gaze: (yaw, pitch) of the eyes in degrees, or None.

        Returns:
            (1, V, 3) float, decimetres.
        """
        cage, rest = self._rig.pose(face.coefficients.identity, expression, gaze)
        vertices = self.face_model.refine(cage, level)
        if not face.maps.displacement.any():
            return vertices
        neutral = self.face_model.refine(rest, level)
        normals = self._vertex_normals(level)
        displacement = torch.from_numpy(face.maps.displacement).to(vertices).permute(2, 0, 1)[None]
        return displace(vertices, normals(vertices), normals(neutral), displacement, self.face_model.topology(level))

    def self_shadow(self, face: Face, light: torch.Tensor, level: int) -> torch.Tensor:
        """Return what a head's own shape takes from the light; hair that stands out is in the open.

        Args:
            face: the face.
            light: (9, 3) float, linear light, in the head's own frame.
            level: subdivision level, 0 to 2.

        Returns:
            (1, V, 3) float, linear light.
        """
        taken = self.face_model.refine((self.face_model.self_shadow @ light)[None], level)
        return taken * self._skin_deep(face, level)

    def occlusion(self, face: Face, vertices: torch.Tensor, level: int) -> torch.Tensor:
        """Return the share of light from all around that reaches each vertex of a head, (V,) float in [0, 1].

        Args:
            face: the face.
            vertices: (1, V, 3) float, decimetres, its surface, unposed; its lids shade its eyes.
            level: subdivision level, 0 to 2.
        """
        missing = 1 - ambient_occlusion(self.face_model.self_shadow)
        everywhere = self.face_model.refine(missing[None, :, None].expand(-1, -1, 3), level)
        open_share = (1 - everywhere * self._skin_deep(face, level))[0, :, 0].clamp(0, 1)
        return open_share * self.lid_shade(level).at_vertices(vertices[0])

    def lid_shade(self, level: int) -> LidShade:
        """Return what the lids of any head at a level, 0 to 2, keep from its eyes; made once."""
        if level not in self._lid_shades:
            self._lid_shades[level] = LidShade(self.face_model, level)
        return self._lid_shades[level]

    def _skin_deep(self, face: Face, level: int) -> torch.Tensor | float:
        """(1, V, 1) in [0, 1]: 0 where hair stands out from the head."""
        displacement = torch.from_numpy(face.maps.displacement).to(self.face_model.mean)
        if float(displacement.abs().max()) < _HAIR_MM[0]:
            return 1.0
        moved = sample_at_vertices(displacement.permute(2, 0, 1)[None], self.face_model.topology(level))
        return 1 - smoothstep(moved.norm(dim=-1, keepdim=True), _HAIR_MM)

    def mesh(self, face: Face, level: int) -> FaceMesh:
        """Return the neutral, unposed, displaced mesh in metres at a level, 0 to 2.

        Raises:
            InvalidArgumentError: another level.
        """
        check_level(level)
        topology = self.face_model.topology(level)
        vertices = self.vertices(face, torch.zeros_like(face.coefficients.expression), level)
        return FaceMesh(
            vertices=_numpy(vertices[0] * METRES_PER_DECIMETRE, np.float32),
            faces=_numpy(topology.faces, np.int32),
            uv=_numpy(topology.uv, np.float32),
            uv_makehuman=_numpy(topology.uv_makehuman, np.float32),
            normals=_numpy(self._vertex_normals(level)(vertices)[0], np.float32),
            part=_numpy(topology.part, np.uint8),
            geometry_index=_numpy(topology.geometry_index, np.int64),
            makehuman_index=_numpy(topology.makehuman_index, np.int64),
            occlusion=_numpy(self.occlusion(face, vertices, level), np.float32),
        )

    def morph_targets(self, face: Face, level: int) -> MorphTargets:
        """Return the 52 ARKit targets of a face at a level, metres; lids end on this face's own lower lids.

        Raises:
            InvalidArgumentError: no level, or the face model has other units.
        """
        check_level(level)
        if not set(ARKIT_NAMES) <= set(self.face_model.expression_names):
            raise InvalidArgumentError("morphs", "False for a face model without ARKit's units", True)
        offsets = self._rig.unit_offsets(face.coefficients.identity, ARKIT_NAMES)
        deltas = self.face_model.refine(offsets, level) * METRES_PER_DECIMETRE
        return MorphTargets(ARKIT_NAMES, _numpy(deltas, np.float32))

    def landmarks(self, face: Face, resolution: int) -> npt.NDArray[np.float32]:
        """Return the landmark points of the posed mesh, displaced but for hair that stands out from it.

        Args:
            face: the face.
            resolution: edge of the StyleGAN2 image, pixels.

        Returns:
            (478, 2) float32, pixels of the StyleGAN2 image.
        """
        own = face.coefficients
        level = self.face_model.landmark_level
        plain = self.face_model.refine(self._rig.pose(own.identity, own.expression)[0], level)
        moved = self.vertices(face, own.expression, level) - plain
        points = self.face_model.landmarks_on(plain + moved * self._skin_deep(face, level))
        world = pose_vertices(points, own.rotation[None], own.translation[None])
        return _numpy(Camera.portrait(resolution, resolution).project(world)[0, :, :2], np.float32)

    def _vertex_normals(self, level: int) -> VertexNormals:
        if level not in self._normals:
            self._normals[level] = VertexNormals(self.face_model.topology(level))
        return self._normals[level]


def check_level(level: int) -> None:
    """Refuse what is no subdivision level.

    Raises:
        InvalidArgumentError: not 0, 1 or 2.
    """
    if not is_whole(level) or level not in LEVELS:
        raise InvalidArgumentError("level", f"one of {LEVELS}", repr(level))


def _numpy(tensor: torch.Tensor, dtype: Any) -> npt.NDArray[Any]:
    return np.ascontiguousarray(tensor.cpu().numpy().astype(dtype, copy=False))

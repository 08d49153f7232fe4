"""The head's surface as lifting sees it: every texel's place in a photo, warped onto the detected landmarks."""

from __future__ import annotations

from functools import cached_property

import torch

from stylefaceuv.face_model.displacement import displace
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices, rotation_matrix
from stylefaceuv.lifting.landmark_warp import landmark_spread
from stylefaceuv.lifting.projection import LiftedTexels, TexelView, lift_texels, view_texels
from stylefaceuv.lifting.texel_geometry import texel_geometry
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.types import FaceCoefficients


class Surface:
    """Constants of a face model at one atlas resolution, prepared once.

    Args:
        face_model: the morphable head.
        resolution: edge of the atlas, texels.
        level: subdivision level whose surface is projected.
    """

    def __init__(self, face_model: MorphableModel, resolution: int, level: int = 1) -> None:
        self.face_model, self.level = face_model, level
        self.topology = face_model.topology(level)
        self.normals = VertexNormals(self.topology)
        self.texels = texel_geometry(self.topology, resolution)
        mean = face_model.mean[None]
        self.rest_positions = self.texels.interpolate(face_model.refine(mean, level)[0])

    @cached_property
    def landmark_warp(self) -> torch.Tensor:
        """(V0, 478) float, made when the first landmarks are followed: many surfaces never see any."""
        with torch.inference_mode(False), torch.no_grad():  # of use outside inference, too
            return landmark_spread(self.face_model)

    def project(
        self,
        image: torch.Tensor,
        coefficients: FaceCoefficients,
        detected: torch.Tensor | None,
        displacement: torch.Tensor | None = None,
        volume: torch.Tensor | None = None,
        segments: torch.Tensor | None = None,
    ) -> LiftedTexels:
        """Read a photo at every texel.

        Args:
            image: (3, H, W) float, any encoding.
            coefficients: unbatched, registered on the photo.
            detected: (478, 2) float landmarks found in the photo, pixels; None leaves the residual unwarped.
            displacement: (3, r, r) float, XYZ of the neutral head, millimetres. It turns the normals, so that its
                shading can be told from colour; places stay, since landmarks say where they are. None is none.
            volume: (3, q, q) float, the same of hair, which moves places too: landmarks are of skin; or None.
            segments: (S, s, s) float in [0, 1], of the photo, in the order of ``SEGMENTS``; None where unknown.

        Returns:
            Colour, world normal, geometric confidence and segment of each texel.
        """
        camera = Camera.portrait(image.shape[-2], image.shape[-1])
        world, normals, offsets = self._posed(coefficients, detected, camera, displacement, volume)
        return lift_texels(image, world, normals, offsets, self.topology, self.texels, camera, segments)

    def view(self, coefficients: FaceCoefficients, size: int) -> TexelView:
        """Tell where every texel falls in the StyleGAN2 image, from coefficients alone.

        Args:
            coefficients: unbatched.
            size: edge of the square picture in whose pixels the places are told.

        Returns:
            Place, world normal and geometric confidence of each texel.
        """
        camera = Camera.portrait(size, size)
        world, normals, offsets = self._posed(coefficients, None, camera)
        return view_texels(world, normals, offsets, self.topology, self.texels, camera)

    def shape(self, coefficients: FaceCoefficients, displacement: torch.Tensor | None = None) -> torch.Tensor:
        """Return a head's surface, unposed.

        Args:
            coefficients: unbatched.
            displacement: (3, r, r) float, XYZ of the neutral head, millimetres; None is none.

        Returns:
            (1, V, 3) float, decimetres.
        """
        cage = self.face_model(coefficients.identity[None], coefficients.expression[None])
        plain = self.face_model.refine(cage, self.level)
        return self._displaced(plain, plain, coefficients, displacement)

    def silhouette(self, coefficients: FaceCoefficients, size: int) -> torch.Tensor:
        """Tell which pixels of the StyleGAN2 image the head covers, from coefficients alone.

        Args:
            coefficients: unbatched.
            size: edge of the square picture, pixels.

        Returns:
            (size, size) float, 1 or 0.
        """
        camera = Camera.portrait(size, size)
        world, _, _ = self._posed(coefficients, None, camera)
        seen = rasterize(camera.project(world[None]), self.topology.faces, size, size).pix_to_face[0] >= 0
        return seen.to(world.dtype)

    def _posed(
        self,
        coefficients: FaceCoefficients,
        detected: torch.Tensor | None,
        camera: Camera,
        displacement: torch.Tensor | None = None,
        volume: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(V, 3) world vertices, (V, 3) normals, (V, 2) landmark warp in pixels."""
        cage = self.face_model(coefficients.identity[None], coefficients.expression[None])
        rotation, translation = coefficients.rotation[None], coefficients.translation[None]
        vertices = self.face_model.refine(cage, self.level)
        placed = self._displaced(vertices, vertices, coefficients, volume)
        shaded = self._displaced(placed, vertices, coefficients, displacement)
        normals = self.normals(shaded)[0] @ rotation_matrix(rotation)[0].T
        world = pose_vertices(placed, rotation, translation)[0]
        offsets = vertices.new_zeros(len(world), 2)
        if detected is not None:
            points = pose_vertices(self.face_model.landmarks(cage), rotation, translation)
            offsets = self._spread(detected - camera.project(points)[0, :, :2])
        return world, normals, offsets

    def _displaced(
        self,
        vertices: torch.Tensor,
        plain: torch.Tensor,
        coefficients: FaceCoefficients,
        displacement: torch.Tensor | None,
    ) -> torch.Tensor:
        """Move unposed vertices (1, V, 3) by a map, turned as the skin of the plain ones is turned by expression."""
        if displacement is None:
            return vertices
        rest = self.face_model(coefficients.identity[None], torch.zeros_like(coefficients.expression)[None])
        neutral = self.normals(self.face_model.refine(rest, self.level))
        return displace(vertices, self.normals(plain), neutral, displacement[None], self.topology)

    def _spread(self, residual: torch.Tensor) -> torch.Tensor:
        """(478, 2) landmark residuals to (V, 2) vertex offsets, pixels."""
        cage_offset = self.landmark_warp @ residual
        padded = torch.cat([cage_offset, torch.zeros_like(cage_offset[:, :1])], dim=1)
        return self.face_model.refine(padded[None], self.level)[0, :, :2]

"""What stands behind a :class:`~stylefaceuv.types.Face`: its image, mesh, pictures and files, made on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.control import (
    Addition,
    Background,
    Expression,
    FaceRig,
    Gaze,
    Lighting,
    View,
    covering_camera,
    parse_angle,
    parse_background,
    parse_expression,
    parse_gaze,
    parse_lighting,
    parse_size,
    parse_view,
)
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.exporter import Exporter
from stylefaceuv.face_model.arkit import ARKIT_NAMES
from stylefaceuv.face_model.displacement import displace
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.networks.generator import Generator, to_uint8
from stylefaceuv.networks.yaw import YawEditor, rotate_stylecodes, symmetric_yaw
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.compositing import composite_over_color, composite_over_photo
from stylefaceuv.rendering.interpolation import sample_texture
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.types import Face, FaceMesh, MeshTopology, MorphTargets

METRES_PER_DECIMETRE = 0.1
GREY = (0.5, 0.5, 0.5)
CENTRE = (0.0, -0.12, -1.9)
"""Where a head stands that is turned to an asked pose, decimetres: in the middle, at one scale for all heads."""
CLAY_ALBEDO = (0.45, 0.42, 0.40)
LEVELS = (0, 1, 2)


class Studio:
    """Makes everything that a face can be asked for.

    Args:
        generator: stylecode to image.
        face_model: the morphable head.
        renderer: mesh to pixels.
        exporter: mesh to files.
        matte_map: (1, 2, r, r) float in [0, 1], atlas: what of a head is laid over its photo, and where hair may hang.
        yaw_editor: turns a stylecode's face; None where there is none.
        render_level: subdivision level of rendered meshes.
    """

    def __init__(
        self,
        generator: Generator,
        face_model: MorphableModel,
        renderer: Renderer,
        exporter: Exporter,
        matte_map: torch.Tensor,
        yaw_editor: YawEditor | None = None,
        render_level: int = 1,
    ) -> None:
        self.generator, self.face_model = generator, face_model
        self.renderer, self.exporter, self.render_level = renderer, exporter, render_level
        self.matte_map, self.yaw_editor = matte_map, yaw_editor
        self._normals: dict[int, VertexNormals] = {}
        self._rig = FaceRig(face_model)

    @torch.inference_mode()
    def image(self, face: Face) -> npt.NDArray[np.uint8]:
        """Return the StyleGAN2 image, (R, R, 3) uint8 sRGB."""
        stylecode = torch.from_numpy(face.stylecode).to(self.face_model.mean.device)
        return to_uint8(self.generator.synthesis(stylecode[None]))[0]

    @torch.inference_mode()
    def symmetric_image(self, face: Face) -> npt.NDArray[np.uint8]:
        """Return the StyleGAN2 image of the face seen from the other side, (R, R, 3) uint8 sRGB."""
        yaw = float(symmetric_yaw(face.coefficients.rotation[:1]))
        turned = rotate_stylecodes(self.yaw_editor, face.stylecode, yaw)
        return to_uint8(self.generator.synthesis(turned[None]))[0]

    @torch.inference_mode()
    def landmarks(self, face: Face) -> npt.NDArray[np.float32]:
        """Return (478, 2) float32 landmark points of the posed mesh, pixels of the StyleGAN2 image."""
        own = face.coefficients
        cage, _ = self._rig.pose(own.identity, own.expression)
        world = pose_vertices(self.face_model.landmarks(cage), own.rotation[None], own.translation[None])
        size = self.generator.resolution
        projected: npt.NDArray[np.float32] = Camera.portrait(size, size).project(world)[0, :, :2].cpu().numpy()
        return projected

    @torch.inference_mode()
    def mesh(self, face: Face, level: int) -> FaceMesh:
        """Return the neutral, unposed, displaced mesh in metres at a level, 0 to 2."""
        _check_level(level)
        topology = self.face_model.topology(level)
        vertices = self._vertices(face, torch.zeros_like(face.coefficients.expression), level)
        normals = self._vertex_normals(level)(vertices)[0]
        return FaceMesh(
            vertices=_numpy(vertices[0] * METRES_PER_DECIMETRE, np.float32),
            faces=_numpy(topology.faces, np.int32),
            uv=_numpy(topology.uv, np.float32),
            uv_makehuman=_numpy(topology.uv_makehuman, np.float32),
            normals=_numpy(normals, np.float32),
            part=_numpy(topology.part, np.uint8),
            geometry_index=_numpy(topology.geometry_index, np.int64),
            makehuman_index=_numpy(topology.makehuman_index, np.int64),
        )

    @torch.inference_mode()
    def morph_targets(self, face: Face, level: int) -> MorphTargets:
        """Return the 52 ARKit targets of a face at a level, metres; lids end on this face's own lower lids."""
        deltas = self.face_model.refine(self._rig.unit_offsets(face.coefficients.identity, ARKIT_NAMES), level)
        return MorphTargets(ARKIT_NAMES, _numpy(deltas * METRES_PER_DECIMETRE, np.float32))

    @torch.inference_mode()
    def render(
        self,
        face: Face,
        size: int | tuple[int, int] = 512,
        yaw: float | None = None,
        pitch: float | None = None,
        roll: float | None = None,
        expression: Expression = None,
        add: Addition = None,
        gaze: Gaze = None,
        lighting: Lighting = None,
        background: Background = None,
        shading: str = "textured",
        view: View | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Render a face; None always means the face's own value.

        With an angle or a view given the head stands in the middle of the picture; without, where the StyleGAN2
        image has it.

        Args:
            face: the face.
            size: edge of a square picture, or (height, width), pixels.
            yaw: of the head, degrees, positive turns the nose to the viewer's right.
            pitch: degrees, positive looks up.
            roll: degrees, positive tilts counter-clockwise seen by the viewer.
            expression: None or "own", "neutral", a preset ("smile", "viseme_aa", see ``docs/expressions.md``),
                {unit: weight} on neutral, or 64 weights in [0, 1].
            add: {unit: weight} in [-1, 1], added to the expression.
            gaze: (yaw, pitch) of the eyes against the head, degrees; replaces the eyeLook units.
            lighting: None or "own", a preset, 9x3 coefficients, a
                :class:`~stylefaceuv.control.DirectionalLight`, an equirectangular image (float linear, uint8 sRGB) or
                its path, or a face whose light it is.
            background: None (grey), "image" (over the StyleGAN2 image), "transparent", or sRGB in [0, 1].
            shading: "textured", or "clay" for the bare shape.
            view: where the camera stands; the light stays with the scene.

        Returns:
            (height, width, 3) uint8 sRGB; (height, width, 4) with background="transparent".

        Raises:
            InvalidArgumentError: an argument is out of range or unknown.
        """
        own = face.coefficients
        height, width = parse_size(size)
        given = (yaw, pitch, roll)
        angles = [
            parse_angle(name, value, float(own_value))
            for name, value, own_value in zip(("yaw", "pitch", "roll"), given, own.rotation.tolist(), strict=True)
        ]
        weights = parse_expression(expression, own.expression, self.face_model.expression_names, add)
        light = parse_lighting(lighting, own.lighting.reshape(9, 3))
        backdrop = parse_background(background, GREY)
        orbit = parse_view(view)
        if backdrop == "image" and orbit.moved:
            raise InvalidArgumentError("view", "None over the StyleGAN2 image, whose camera stands still", orbit)
        free = backdrop != "image" and (orbit.moved or any(angle is not None for angle in given))
        place = own.translation.new_tensor(CENTRE) if free else own.translation
        camera = covering_camera(height, width) if backdrop == "image" else orbit.camera(height, width, place)
        vertices = self._vertices(face, weights, self.render_level, parse_gaze(gaze))
        world = pose_vertices(vertices, own.rotation.new_tensor([angles]), place[None])
        topology = self.face_model.topology(self.render_level)
        output = self.renderer.render(world, topology, self._albedo(face, shading), light[None], camera)
        return self._finish(face, output, backdrop)

    def _finish(self, face: Face, output: Any, backdrop: tuple[float, float, float] | str) -> npt.NDArray[np.uint8]:
        if backdrop == "image":
            region = sample_texture(self._replaceable(face), output.uv.permute(0, 2, 3, 1)) * output.alpha
            return composite_over_photo(output, _cut(face.image, *output.alpha.shape[-2:]), region)
        if backdrop == "transparent":
            straight = linear_to_srgb((output.color / output.alpha.clamp_min(1e-6)).clamp(0, 1))
            return _to_pixels(torch.cat([straight, output.alpha], dim=1)[0])
        color = srgb_to_linear(output.color.new_tensor(backdrop))
        return _to_pixels(linear_to_srgb(composite_over_color(output, color).clamp(0, 1))[0])

    def _replaceable(self, face: Face) -> torch.Tensor:
        """(1, 1, r, r): what of the head is laid over its photo; not the forehead where the photo's hair hangs."""
        support, forehead = self.matte_map.split(1, dim=1)
        seen = torch.from_numpy(face.confidence).to(support)[None, None]
        small = functional.adaptive_avg_pool2d(seen, (support.shape[-2], support.shape[-1]))
        hidden = torch.maximum(small, small.flip(-1)) < 0.5
        return support * (1 - forehead * hidden)

    def export(self, face: Face, path: Path, level: int = 1, morphs: bool = True, **options: Any) -> Path:
        """Write the neutral rest pose; the suffix chooses the format.

        Args:
            face: the face.
            path: ending in .glb, .obj, .ply or .usd.
            level: subdivision level, 0 to 2.
            morphs: whether to write the 52 ARKit morph targets, where the format has them.
            **options: as in :meth:`stylefaceuv.export.exporter.Exporter.export`.

        Returns:
            The path.
        """
        targets = self.morph_targets(face, level) if morphs else None
        return self.exporter.export(path, self.mesh(face, level), face.maps, targets, face.provenance, **options)

    def _vertices(
        self, face: Face, expression: torch.Tensor, level: int, gaze: tuple[float, float] | None = None
    ) -> torch.Tensor:
        """(1, V, 3) displaced vertices with an expression, unposed, decimetres."""
        cage, rest = self._rig.pose(face.coefficients.identity, expression, gaze)
        vertices = self.face_model.refine(cage, level)
        if not face.maps.displacement.any():
            return vertices
        neutral = self.face_model.refine(rest, level)
        normals = self._vertex_normals(level)
        displacement = torch.from_numpy(face.maps.displacement).to(vertices).permute(2, 0, 1)[None]
        return displace(vertices, normals(vertices), normals(neutral), displacement, self.face_model.topology(level))

    def _vertex_normals(self, level: int) -> VertexNormals:
        if level not in self._normals:
            topology: MeshTopology = self.face_model.topology(level)
            self._normals[level] = VertexNormals(topology)
        return self._normals[level]

    def _albedo(self, face: Face, shading: str) -> torch.Tensor:
        """(1, 3, h, w) linear albedo."""
        like = self.face_model.mean
        if shading == "clay":
            return like.new_tensor(CLAY_ALBEDO)[None, :, None, None]
        if shading != "textured":
            raise InvalidArgumentError("shading", "'textured' or 'clay'", repr(shading))
        pixels = torch.from_numpy(face.diffuse).to(like.device).permute(2, 0, 1)[None]
        return srgb_to_linear(pixels.to(like.dtype) / 255)


def _check_level(level: int) -> None:
    if level not in LEVELS:
        raise InvalidArgumentError("level", f"one of {LEVELS}", level)


def _numpy(tensor: torch.Tensor, dtype: Any) -> npt.NDArray[Any]:
    return np.ascontiguousarray(tensor.cpu().numpy().astype(dtype, copy=False))


def _cut(photo: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Cut a square photo to the shape of a picture, as :func:`covering_camera` does."""
    edge = len(photo)
    rows, columns = (max(1, round(edge * part / max(height, width))) for part in (height, width))
    top, left = (edge - rows) // 2, (edge - columns) // 2
    return photo[top : top + rows, left : left + columns]


def _to_pixels(image: torch.Tensor) -> npt.NDArray[np.uint8]:
    """(C, H, W) in [0, 1] to (H, W, C) uint8."""
    return np.ascontiguousarray((image * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy())

"""Pictures of a face at any pose, view, expression and light, on any background."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.control import (
    Addition,
    Background,
    Expression,
    Gaze,
    Lighting,
    View,
    check_over_photo,
    check_view_over_photo,
    covering_camera,
    is_own,
    parse_angle,
    parse_background,
    parse_expression,
    parse_gaze,
    parse_lighting,
    parse_size,
    parse_view,
)
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.pose import pose_vertices, rotation_matrix
from stylefaceuv.geometry import FaceGeometry
from stylefaceuv.lip_shade import LipShade
from stylefaceuv.rendering.cast_light import share_after_turn, under_cast_light
from stylefaceuv.rendering.compositing import composite_over_color, composite_over_photo
from stylefaceuv.rendering.interpolation import sample_texture
from stylefaceuv.rendering.renderer import Renderer, RenderOutput
from stylefaceuv.rendering.self_shadow import turned_light
from stylefaceuv.types import Face

GREY = (0.5, 0.5, 0.5)
CENTRE = (0.0, -0.12, -1.9)
"""Where a head stands that is turned to an asked pose, decimetres: in the middle, at one scale for all heads."""
CLAY_ALBEDO = (0.45, 0.42, 0.40)

Backdrop = tuple[float, float, float] | str


class PictureMaker:
    """Renders faces.

    Args:
        geometry: makes their surfaces.
        renderer: mesh to pixels.
        matte_map: (1, 2, r, r) float in [0, 1], atlas: what of a head is laid over its photo, and where hair may hang.
        level: subdivision level of rendered meshes.
    """

    def __init__(self, geometry: FaceGeometry, renderer: Renderer, matte_map: torch.Tensor, level: int = 1) -> None:
        self._geometry, self._renderer = geometry, renderer
        self._matte_map, self._level = matte_map, level
        self._lips = LipShade(geometry.face_model, level)

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
        self_shadow: bool = True,
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
            lighting: None or "own" (near the own pose with its cast shadows), a preset, 9x3 coefficients, a
                :class:`~stylefaceuv.control.DirectionalLight`, an equirectangular image (float linear; uint8 and uint16
                sRGB) or its path, or a face whose light it is.
            background: None (grey), "image" (over the StyleGAN2 image, for poses within 5 degrees of its own),
                "transparent", "#rrggbb", or sRGB in [0, 1].
            shading: "textured", or "clay" for the bare shape.
            view: where the camera stands; the light stays with the scene.
            self_shadow: whether ears, neck and all that the photo does not show are darker where the head hides the
                light, and textured eyes and mouths where lids and lips do; False is the harmonics' bare shading.

        Returns:
            (height, width, 3) uint8 sRGB; (height, width, 4) with background="transparent".

        Raises:
            InvalidArgumentError: an argument is out of range or unknown.
        """
        if not isinstance(self_shadow, bool):
            raise InvalidArgumentError("self_shadow", "True or False", repr(self_shadow)[:60])
        own, shape, backdrop = face.coefficients, parse_size(size), parse_background(background, GREY)
        light, orbit = parse_lighting(lighting, own.lighting.reshape(9, 3)), parse_view(view)
        weights = parse_expression(expression, own.expression, self._geometry.face_model.expression_names, add)
        angles = _angles((yaw, pitch, roll), own.rotation, backdrop)
        check_view_over_photo(backdrop, orbit)
        turned = any(angle is not None for angle in (yaw, pitch, roll))
        free = backdrop != "image" and (orbit.moved or turned)
        place = own.translation.new_tensor(CENTRE) if free else own.translation
        camera = covering_camera(*shape) if backdrop == "image" else orbit.camera(*shape, place)
        vertices = self._geometry.vertices(face, weights, self._level, parse_gaze(gaze))
        rotation = own.rotation.new_tensor([angles])
        albedo = self._albedo(face, shading, vertices[0] if self_shadow else None)
        if is_own(lighting) and shading == "textured":
            albedo = self._cast(face, albedo, rotation)
        world = pose_vertices(vertices, rotation, place[None])
        shadow = self._shadow(face, light, rotation, self_shadow)
        topology = self._geometry.face_model.topology(self._level)
        strips = self._renderer.strips(world, topology, albedo, light[None], camera, shadow)
        if backdrop == "image":
            return self._over_photo(face, strips, shape)
        return np.concatenate([_finish(strip, backdrop) for strip in strips])

    def _shadow(
        self, face: Face, light: torch.Tensor, rotation: torch.Tensor, self_shadow: bool
    ) -> torch.Tensor | None:
        """(1, V, 3) linear: what the head's own shape takes from the light; None if that is not asked for."""
        if not self_shadow:
            return None
        turned = turned_light(light[None], rotation_matrix(rotation))
        return self._geometry.self_shadow(face, turned[0], self._level)

    def _over_photo(self, face: Face, strips: Iterator[RenderOutput], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
        replaceable = self._replaceable(face)
        whole, top = replaceable.new_empty(1, 5, *shape), 0
        for strip in strips:
            region = sample_texture(replaceable, strip.uv.permute(0, 2, 3, 1)) * strip.alpha
            rows = torch.cat([strip.color, strip.alpha, region], dim=1)
            whole[:, :, top : top + rows.shape[2]] = rows
            top += rows.shape[2]
        color, alpha, region = whole.split([3, 1, 1], dim=1)
        return composite_over_photo(color, alpha, _cut(face.image, *shape), region)

    def _replaceable(self, face: Face) -> torch.Tensor:
        """(1, 1, r, r): what of the head is laid over its photo; not the forehead where the photo's hair hangs."""
        support, forehead = self._matte_map.split(1, dim=1)
        seen = torch.from_numpy(face.confidence).to(support)[None, None]
        small = functional.adaptive_avg_pool2d(seen, (support.shape[-2], support.shape[-1]))
        hidden = torch.maximum(small, small.flip(-1)) < 0.5
        return support * (1 - forehead * hidden)

    def _cast(self, face: Face, albedo: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        """(1, 3, h, w): an albedo under what the photo's light is over nine harmonics, in a rotation (1, 3)."""
        photo, now = rotation_matrix(torch.cat([face.coefficients.rotation[None], rotation]))
        share, light = share_after_turn(photo, now), torch.from_numpy(face.maps.cast_light).to(albedo)
        return under_cast_light(albedo, light.permute(2, 0, 1)[None], share) if share > 0 else albedo

    def _albedo(self, face: Face, shading: str, vertices: torch.Tensor | None) -> torch.Tensor:
        """(1, 3, h, w) linear albedo; with (V, 3) vertices and a texture, under the shade of lids and lips."""
        like = self._geometry.face_model.mean
        if shading == "clay":
            return like.new_tensor(CLAY_ALBEDO)[None, :, None, None]
        if shading != "textured":
            raise InvalidArgumentError("shading", "'textured' or 'clay'", repr(shading))
        pixels = torch.from_numpy(face.diffuse).to(like.device).permute(2, 0, 1)[None].to(like.dtype) / 255
        if vertices is None:
            return srgb_to_linear(pixels)
        light = self._geometry.lid_shade(self._level).on_map(vertices) * self._lips.on_map(vertices)
        light, shade = (
            functional.interpolate(each, pixels.shape[2:], mode="bilinear", align_corners=False)
            for each in (light, self._lips.in_map)
        )
        return srgb_to_linear((pixels / shade).clamp_max(1)) * light


def _finish(output: RenderOutput, backdrop: Backdrop) -> npt.NDArray[np.uint8]:
    """(H, W, 3 or 4): a render over one colour, or over nothing."""
    if backdrop == "transparent":
        straight = linear_to_srgb((output.color / output.alpha.clamp_min(1e-6)).clamp(0, 1))
        return _to_pixels(torch.cat([straight, output.alpha], dim=1)[0])
    color = srgb_to_linear(output.color.new_tensor(backdrop))
    return _to_pixels(linear_to_srgb(composite_over_color(output, color).clamp(0, 1))[0])


def _angles(given: tuple[float | None, ...], own: torch.Tensor, backdrop: Backdrop) -> list[float]:
    """Yaw, pitch and roll, degrees; the face's own where none is given."""
    names, angles = ("yaw", "pitch", "roll"), []
    for name, value, own_angle in zip(names, given, own.tolist(), strict=True):
        angles.append(parse_angle(name, value, own_angle))
        if backdrop == "image":
            check_over_photo(name, angles[-1], own_angle)
    return angles


def _cut(photo: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Cut a square photo to the shape of a picture, as :func:`covering_camera` does."""
    edge = len(photo)
    rows, columns = (max(1, round(edge * part / max(height, width))) for part in (height, width))
    top, left = (edge - rows) // 2, (edge - columns) // 2
    return photo[top : top + rows, left : left + columns]


def _to_pixels(image: torch.Tensor) -> npt.NDArray[np.uint8]:
    """(C, H, W) in [0, 1] to (H, W, C) uint8."""
    return np.ascontiguousarray((image * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy())

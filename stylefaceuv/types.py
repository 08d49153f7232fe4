"""The values that travel between the stages: frozen dataclasses, no behaviour that needs a network or a renderer.

Frames and units follow ``docs/conventions.md``: right-handed, +Y up, the face looks along +Z; decimetres
inside, metres in :class:`FaceMesh`; degrees for angles; UV origin at the top left. What holds arrays is compared by
identity: equality of arrays is no single truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

PART_NAMES: tuple[str, ...] = (
    "skin",
    "mouth",
    "eye_left",
    "eye_right",
    "teeth_upper",
    "teeth_lower",
    "tongue",
)
"""Part labels; ``MeshTopology.part`` and ``FaceMesh.part`` index this tuple. Left is the person's own left (+X)."""


@dataclass(frozen=True, eq=False)
class FaceCoefficients:
    """The 177 numbers of a face (leading batch dimensions allowed, written ``...``).

    Attributes:
        identity: (..., 80) float32, unit-variance coordinates in the identity basis.
        expression: (..., 64) float32 in [0, 1], ordered as ``expression_names``.
        rotation: (..., 3) float32, yaw, pitch, roll in degrees.
        lighting: (..., 27) float32, 9 spherical-harmonics coefficients x RGB, flattened from (9, 3), linear light.
        translation: (..., 3) float32, decimetres, world frame.
        expression_names: the 64 names, in order.
    """

    identity: torch.Tensor
    expression: torch.Tensor
    rotation: torch.Tensor
    lighting: torch.Tensor
    translation: torch.Tensor
    expression_names: tuple[str, ...] = field(default=(), repr=False)

    @property
    def named_expression(self) -> dict[str, float]:
        """Expression weights by name; for an unbatched face only."""
        return dict(zip(self.expression_names, self.expression.tolist(), strict=True))

    def clone(self) -> FaceCoefficients:
        """Return a copy that shares no memory."""
        return FaceCoefficients(
            self.identity.clone(),
            self.expression.clone(),
            self.rotation.clone(),
            self.lighting.clone(),
            self.translation.clone(),
            self.expression_names,
        )

    def __getitem__(self, index: int) -> FaceCoefficients:
        """Return the coefficients of one face of a batch."""
        return FaceCoefficients(
            self.identity[index],
            self.expression[index],
            self.rotation[index],
            self.lighting[index],
            self.translation[index],
            self.expression_names,
        )


@dataclass(frozen=True, eq=False)
class MeshTopology:
    """What all heads of one level share. Vertices are split at texture seams, so that uv is one row per vertex.

    Attributes:
        faces: (F, 3) int64, counter-clockwise seen from outside.
        uv: (V, 2) float32 in [0, 1], head atlas, origin top left (TEXCOORD_0).
        uv_makehuman: (V, 2) float32, MakeHuman's own layout, origin top left (TEXCOORD_1).
        geometry_index: (V,) int64, row of the unsplit vertex; rows on both sides of a seam share it.
        part: (F,) uint8, index into ``PART_NAMES``.
        makehuman_index: (V,) int64, MakeHuman base-mesh vertex of each row, -1 where subdivision made it.
    """

    faces: torch.Tensor
    uv: torch.Tensor
    uv_makehuman: torch.Tensor
    geometry_index: torch.Tensor
    part: torch.Tensor
    makehuman_index: torch.Tensor


@dataclass(frozen=True, eq=False)
class UVMaps:
    """The textures of one face in the head atlas; row 0 is the top of the head's chart.

    Attributes:
        diffuse: (H, W, 3) uint8 sRGB, delit.
        displacement: (h, w, 3) float32, millimetres, XYZ of the neutral head.
        confidence: (H, W) float32 in [0, 1], 1 where the texel was seen well, 0 where it was completed.
        cast_light: (q, q, 3) float32 above 0, what the photo's light is on the skin over the face's nine harmonics:
            cast shadows and colours of walls. Renders under the own light have it near the own pose; 1 is none.
    """

    diffuse: npt.NDArray[np.uint8]
    displacement: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    cast_light: npt.NDArray[np.float32] = field(default_factory=lambda: np.ones((1, 1, 3), np.float32))


@dataclass(frozen=True, eq=False)
class FaceMesh:
    """One head's mesh as a user holds it.

    Attributes:
        vertices: (V, 3) float32, metres, +Y up, facing +Z.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        uv: (V, 2) float32 in [0, 1], origin top left (TEXCOORD_0).
        uv_makehuman: (V, 2) float32 (TEXCOORD_1).
        normals: (V, 3) float32, unit length.
        part: (F,) uint8, index into ``PART_NAMES``.
        geometry_index: (V,) int64, row of the vertex before it was split at texture seams.
        makehuman_index: (V,) int64, MakeHuman vertex of each row or -1.
        occlusion: (V,) float32 in [0, 1], share of the light from all around that reaches the vertex; 1 where the
            diffuse map has its shade already, as on the skin of the face; less on eyes, under the lids.
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    uv: npt.NDArray[np.float32]
    uv_makehuman: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    part: npt.NDArray[np.uint8]
    geometry_index: npt.NDArray[np.int64]
    makehuman_index: npt.NDArray[np.int64]
    occlusion: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MorphTargets:
    """Named vertex offsets from the neutral rest pose.

    Attributes:
        names: (K,) names in order.
        deltas: (K, V, 3) float32, metres, same rows as ``FaceMesh.vertices``.
    """

    names: tuple[str, ...]
    deltas: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Provenance:
    """Where a face came from; written into exported files.

    Attributes:
        version: package version.
        seed: seed of the stylecode, or None when the user brought it.
        index: number of the stylecode under that seed, or None.
        truncation: truncation psi, or None.
        weights: sha256 of each weight file, by file name.
        licences: licence text line of each part, by part.
    """

    version: str
    seed: int | None = None
    index: int | None = None
    truncation: float | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    licences: Mapping[str, str] = field(default_factory=dict)


class FaceStudio(Protocol):
    """What a :class:`Face` needs from outside: the pipeline injects an object with these methods."""

    def image(self, face: Face) -> npt.NDArray[np.uint8]:
        """Return the StyleGAN2 image of the face, (1024, 1024, 3) uint8 sRGB."""

    def symmetric_image(self, face: Face) -> npt.NDArray[np.uint8]:
        """Return the StyleGAN2 image of the face seen from the other side, (1024, 1024, 3) uint8 sRGB."""

    def landmarks(self, face: Face) -> npt.NDArray[np.float32]:
        """Return the (478, 2) landmark points of the posed mesh in pixels of the image."""

    def mesh(self, face: Face, level: int) -> FaceMesh:
        """Return the neutral, unposed, displaced mesh at a subdivision level."""

    @property
    def render(self) -> Callable[..., npt.NDArray[np.uint8]]:
        """Make a picture of a face: ``render(face, size=..., ...)``; options as in :meth:`Face.render`."""

    @property
    def export(self) -> Callable[..., Path]:
        """Write a face to a file: ``export(face, path, ...)``; options as in :meth:`Face.export`."""


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """One generated head. Two faces are equal only if they are the same object, so that faces can be keys.

    Attributes:
        stylecode: (512,) float32, StyleGAN2 W.
        coefficients: unbatched :class:`FaceCoefficients`.
        maps: the textures.
        registration_error: mean landmark distance after registration, before displacement, in outer-eye distances (NaN
            if not registered).
        provenance: where the face came from.
    """

    stylecode: npt.NDArray[np.float32]
    coefficients: FaceCoefficients
    maps: UVMaps
    registration_error: float
    provenance: Provenance
    studio: FaceStudio

    def __repr__(self) -> str:
        """Name the stylecode and the sizes; the arrays themselves would fill screens."""
        source, (height, width) = self.provenance, self.maps.diffuse.shape[:2]
        known = {"seed": source.seed, "index": source.index, "truncation": source.truncation}
        words = [f"{name}={value}" for name, value in known.items() if value is not None]
        words += [f"texture={width}x{height}"]
        words += [f"registration_error={self.registration_error:.4f}"] if math.isfinite(self.registration_error) else []
        return f"Face({', '.join(words)})"

    @cached_property
    def image(self) -> npt.NDArray[np.uint8]:
        """The StyleGAN2 image, (1024, 1024, 3) uint8 sRGB, computed on first use."""
        return self.studio.image(self)

    @cached_property
    def symmetric_image(self) -> npt.NDArray[np.uint8]:
        """The StyleGAN2 image of the face seen from the other side, (1024, 1024, 3) uint8 sRGB.

        Source: StyleFaceUV, section 3.2.2. Its yaw is the mirror of the own, or 25 degrees where the own is below 15.
        """
        return self.studio.symmetric_image(self)

    @cached_property
    def landmarks(self) -> npt.NDArray[np.float32]:
        """(478, 2) float32, the posed mesh's own landmark points in pixels of :attr:`image`."""
        return self.studio.landmarks(self)

    @cached_property
    def mesh(self) -> FaceMesh:
        """Neutral, unposed, displaced mesh at level 1, metres."""
        return self.mesh_at(1)

    def mesh_at(self, level: int) -> FaceMesh:
        """Return the neutral, unposed, displaced mesh at subdivision level 0, 1 or 2."""
        return self.studio.mesh(self, level)

    @property
    def diffuse(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 sRGB, delit."""
        return self.maps.diffuse

    @property
    def displacement(self) -> npt.NDArray[np.float32]:
        """(h, w, 3) float32, millimetres."""
        return self.maps.displacement

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """(H, W) float32 in [0, 1]."""
        return self.maps.confidence

    def render(self, size: int | tuple[int, int] = 512, **options: Any) -> npt.NDArray[np.uint8]:
        """Render the face; see :meth:`stylefaceuv.picture.PictureMaker.render` for every option.

        Args:
            size: edge of a square picture, or (height, width), pixels.
            **options: None or left out is the face's own value.

                - yaw, pitch, roll: of the head, degrees;
                - expression: "neutral", a preset, ``{unit: weight}`` on neutral, or 64 weights;
                - add: ``{unit: weight}`` in [-1, 1], added to the expression;
                - gaze: (yaw, pitch) of the eyes against the head, degrees;
                - lighting: None is the photo's light, near its pose with cast shadows; or a preset, coefficients, a
                  ``stylefaceuv.control.DirectionalLight``, an environment image or its path, another face;
                - background: "image", "transparent", ``"#rrggbb"`` or three sRGB numbers in [0, 1];
                - view: a ``stylefaceuv.control.View``, where the camera stands: orbit, distance, field of view;
                - shading: "textured", or "clay" for the bare shape;
                - self_shadow: False leaves out the shade of the head's shape on ears and neck, of lids on eyes and of
                  lips on teeth.

        Returns:
            (height, width, 3) uint8 sRGB; (height, width, 4) with background="transparent".
        """
        return self.studio.render(self, size=size, **options)

    def export(self, path: str | Path, **options: Any) -> Path:
        """Write the neutral rest pose; the suffix chooses the format.

        Args:
            path: ending in ``.glb``, ``.obj``, ``.ply``, or, with the extra ``usd``, ``.usd``, ``.usda``, ``.usdc`` or
                ``.usdz``.
            **options: level (0, 1 or 2; default 1), morphs (True), texture_size (1024), texture_format ("jpeg"),
                normal_map, bake_normals, morph_normals and bake_occlusion (.glb), one_per_expression (.obj); see
                ``docs/export.md``.

        Returns:
            The path.
        """
        return self.studio.export(self, path, **options)

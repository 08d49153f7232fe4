"""From a stylecode to the coefficients and maps of a face, lifted from its image or painted without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from stylefaceuv.components import Components
from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.lifting.atlas_view import AtlasViewer
from stylefaceuv.lifting.hair_volume import HairShape, HairVolume
from stylefaceuv.lifting.landmark_relief import LandmarkRelief
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.painted_hair import lay_hair
from stylefaceuv.lifting.painted_head import PaintedHead
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.lifting.registration import Registrar
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.generator import to_unit_range
from stylefaceuv.networks.head_segmenter import SEGMENTS, hair_of, segments_of
from stylefaceuv.networks.uv_generator import AtlasView, UVGenerator, UVPrediction
from stylefaceuv.networks.yaw import rotate_stylecodes, symmetric_yaw
from stylefaceuv.plain_values import is_whole
from stylefaceuv.types import FaceCoefficients, UVMaps

HAIR = ("clean", "keep")
DETAIL = ("lifted", "two-views", "generator")
LARGEST_TEXTURE = 4096
_WORST_SECOND, _LEAST_HAIR = 0.03, 0.002
"""Registration error of a second view that is used; share of an image that surely shows hair, whose colour is told."""


@dataclass(frozen=True)
class MadeFace:
    """What is known of one stylecode after all networks have run.

    Attributes:
        coefficients: unbatched; registered on the image, lighting as estimated from it, where it was made.
        maps: the textures.
        registration_error: mean landmark distance in outer-eye distances; NaN where nothing was registered.
    """

    coefficients: FaceCoefficients
    maps: UVMaps
    registration_error: float


@dataclass(frozen=True)
class LookedAt:
    """A stylecode's photo after registration.

    Attributes:
        photo: with its segments, the relief that landmarks show and the UV generator paints, and its hair where
            that is kept.
        guess: (3, q, q) float in [0, 1], the skin that the UV generator paints; None without one.
        registration_error: mean landmark distance in outer-eye distances.
    """

    photo: Photo
    guess: torch.Tensor | None
    registration_error: float


class FaceMaker:
    """Runs the networks for one stylecode after the other, so that memory does not grow with the batch.

    Args:
        components: the parts.
        texture_size: edge of the diffuse map, texels, a multiple of the albedo model's, at most 4096.
        hair: "clean" completes bare skin under hair, "keep" paints the photo's hair on the scalp
            and gives it the volume of its outline.

    Raises:
        InvalidArgumentError: unknown choice.
    """

    def __init__(self, components: Components, texture_size: int = 1024, hair: str = "clean") -> None:
        if hair not in HAIR:
            raise InvalidArgumentError("hair", f"one of {HAIR}", repr(hair))
        _check_texture_size(texture_size, components.albedo_model.resolution)
        self.keep_hair = hair == "keep"
        self.components = components
        self.registrar = Registrar(components.face_model)
        self.lifter = Lifter(components.face_model, components.albedo_model, int(texture_size))
        self.painted_head = PaintedHead(self.lifter)
        self.hair_volume = HairVolume(components.face_model)
        self.landmark_relief = LandmarkRelief(self.hair_volume.surface)
        painter = components.uv_generator
        self.viewer = AtlasViewer(components.face_model, painter.config.resolution) if painter else None

    @torch.inference_mode()
    def make(self, stylecode: torch.Tensor, detail: str = "lifted") -> MadeFace:
        """Make one face.

        Args:
            stylecode: (512,) float32.
            detail: "lifted" reads the StyleGAN2 image; "two-views" also that of the face from its other side, where the
                own one is blind, unless no head can be registered in that; "generator" never makes one, which is
                several times faster.

        Returns:
            Coefficients, maps and registration error.

        Raises:
            InvalidArgumentError: unknown choice.
            WeightsError: "generator" without a UV generator, "two-views" without a yaw editor.
        """
        if detail not in DETAIL:
            raise InvalidArgumentError("detail", f"one of {DETAIL}", repr(detail))
        return self._painted(stylecode) if detail == "generator" else self._lifted(stylecode, detail == "two-views")

    @torch.inference_mode()
    def look(self, stylecode: torch.Tensor) -> LookedAt:
        """Make the StyleGAN2 image of a stylecode and tell what is where in it.

        Args:
            stylecode: (512,) float32.

        Returns:
            What a lifter needs.
        """
        parts = self.components
        image, trunk = self._synthesised(stylecode[None])
        detection = parts.landmarker.detect(image)
        points = detection.points[..., :2]
        registered = self.registrar(
            parts.mapper(stylecode[None]), points, detection.blendshapes, BLENDSHAPE_NAMES, image.shape[-1]
        )
        coefficients = registered.coefficients[0]
        segments, painted, guess = self._guess(stylecode[None], trunk)
        hair = self._hair(segments, coefficients)
        relief = self._relief(coefficients, points[0], image.shape[-1], painted)
        photo = Photo(image[0], coefficients, points[0], relief, hair, segments)
        return LookedAt(photo, guess, float(registered.error[0]))

    def _lifted(self, stylecode: torch.Tensor, both_views: bool) -> MadeFace:
        seen = self.look(stylecode)
        photo = seen.photo
        other = self._other_view(stylecode, photo.coefficients) if both_views else None
        lifted = self.lifter(photo, other=other, painted=seen.guess, keep_hair=self.keep_hair)
        coefficients = replace(photo.coefficients, lighting=lifted.lighting.reshape(27))
        displacement = _displacement(photo.displacement, photo.hair)
        cast_light = np.ascontiguousarray(lifted.cast_light.permute(1, 2, 0).cpu().numpy())
        maps = UVMaps(_to_pixels(lifted.diffuse), displacement, lifted.confidence.cpu().numpy(), cast_light)
        return MadeFace(coefficients, maps, seen.registration_error)

    def _other_view(self, stylecode: torch.Tensor, own: FaceCoefficients) -> Photo | None:
        """The photo of a stylecode (512,) from the side that its own one, of coefficients ``own``, does not show; None
        where a head is badly registered in it."""
        yaw = float(symmetric_yaw(own.rotation[:1]))
        seen = self.look(rotate_stylecodes(self.components.yaw_editor, stylecode, yaw))
        return seen.photo if seen.registration_error < _WORST_SECOND else None

    def _relief(
        self, coefficients: FaceCoefficients, detected: torch.Tensor, size: int, painted: UVPrediction | None
    ) -> torch.Tensor:
        """(3, r, r) millimetres: what the UV generator paints, and what then is missing at the landmarks (478, 2)."""
        rough = None if painted is None else painted.displacement[0]
        missing: torch.Tensor = self.landmark_relief(coefficients, detected, size, rough)
        return missing if rough is None else _sum([missing, rough])

    def _synthesised(self, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The image (1, 3, R, R) in [0, 1] of a stylecode (1, 512), and the trunk that other networks read, if any."""
        parts = self.components
        if parts.uv_generator is not None:
            resolution = parts.uv_generator.config.trunk_resolution
        elif parts.head_segmenter is not None:
            resolution = parts.head_segmenter.config.resolution
        else:
            return to_unit_range(parts.generator.synthesis(w)), None
        image, trunk = parts.generator.synthesis_with_features(w, resolution)
        return to_unit_range(image), trunk

    def _guess(
        self, w: torch.Tensor, trunk: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, UVPrediction | None, torch.Tensor | None]:
        """What the image of a stylecode (1, 512) shows, (S, r, r), what the UV generator paints for it, and the skin
        (3, q, q) in that; None where no network tells."""
        if self.viewer is None:
            return self._segments(w, trunk), None, None
        painter, trunk, view, _ = self._read(w, trunk)
        segments, painted = self._segments(w, trunk), painter(trunk, view, w)
        skin = self.painted_head.skin_of(painted.diffuse[0].clamp(0, 1), _shown(segments, view, "glasses"))
        return segments, painted, skin.texture[0]

    def _painted(self, stylecode: torch.Tensor) -> MadeFace:
        w = stylecode[None]
        painter, trunk, view, coefficients = self._read(w)
        painted, seen = painter(trunk, view, w), view.visibility[0]
        segments = self._segments(w, trunk)
        hair = self._hair(segments, coefficients[0])
        glasses, covered = (_shown(segments, view, name) for name in ("glasses", "hair"))
        diffuse = self.painted_head.enlarge(painted.diffuse[0].clamp(0, 1), seen, glasses, covered)
        if self.keep_hair:
            if painter.hair is None:
                raise WeightsError("hair: expected a UV generator that paints hair for 'keep', got one that does not")
            strands = painter.paint_hair(trunk, view, w)
            diffuse = lay_hair(self.lifter, diffuse, strands, hair, self._hair_tone(w, trunk, segments))
        displacement = _displacement(painted.displacement[0], hair)
        confidence = functional.interpolate(seen[None], diffuse.shape[-2:], mode="bilinear", align_corners=False)[0, 0]
        maps = UVMaps(_to_pixels(diffuse), displacement, confidence.cpu().numpy())
        return MadeFace(coefficients[0], maps, float("nan"))

    def _segments(self, w: torch.Tensor, trunk: torch.Tensor | None = None) -> torch.Tensor | None:
        """(S, r, r) in [0, 1]: what the image of a stylecode (1, 512) shows; None without a segmenter.

        A trunk that is there already is taken where it has the segmenter's resolution.
        """
        segmenter = self.components.head_segmenter
        return None if segmenter is None else segments_of(segmenter, self.components.generator, w, trunk)[0]

    def _hair_tone(self, w: torch.Tensor, trunk: torch.Tensor, segments: torch.Tensor | None) -> torch.Tensor | None:
        """(3,) in [0, 1]: the colour of the hair that the image of a stylecode (1, 512) shows; None of too little."""
        segmenter = self.components.head_segmenter
        if segmenter is None or segments is None:
            return None
        hair = hair_of(segmenter, self.components.generator, w, segments[None], trunk)
        return None if hair.share[0] < _LEAST_HAIR else hair.color[0]

    def _hair(self, segments: torch.Tensor | None, coefficients: FaceCoefficients) -> HairShape | None:
        """The volume of kept hair; None where none is kept or nothing tells where it is."""
        if segments is None or not self.keep_hair:
            return None
        shape: HairShape = self.hair_volume(segments, coefficients)
        return shape

    def paint(self, w: torch.Tensor) -> tuple[UVPrediction, AtlasView, FaceCoefficients]:
        """Run the UV generator alone.

        Args:
            w: (1, 512) float32.

        Returns:
            Its maps, the view of the atlas that it read them from, and the mapper's coefficients, batched.

        Raises:
            WeightsError: there is no UV generator.
        """
        painter, trunk, view, coefficients = self._read(w)
        return painter(trunk, view, w), view, coefficients

    def _read(
        self, w: torch.Tensor, trunk: torch.Tensor | None = None
    ) -> tuple[UVGenerator, torch.Tensor, AtlasView, FaceCoefficients]:
        """The UV generator, and what it reads of a stylecode (1, 512): the trunk's activations, unless they are there
        already, and their view."""
        parts, painter = self.components, self.components.uv_generator
        if painter is None or self.viewer is None:
            raise WeightsError("detail: expected a bundle with a UV generator for 'generator', got one without")
        coefficients = parts.mapper(w)
        if trunk is None:
            trunk = parts.generator.synthesis_features(w, painter.config.trunk_resolution)
        return painter, trunk, self.viewer(coefficients), coefficients


def _check_texture_size(size: int, unit: int) -> None:
    if not is_whole(size) or not unit <= size <= LARGEST_TEXTURE or size % unit:
        raise InvalidArgumentError(
            "texture_size", f"a multiple of {unit} texels, at most {LARGEST_TEXTURE}", repr(size)
        )


def _shown(segments: torch.Tensor | None, view: AtlasView, name: str) -> torch.Tensor | None:
    """(1, R, R) in [0, 1]: where on a painter's atlas the image shows a segment; None where nothing tells."""
    if segments is None:
        return None
    shown = segments[None, SEGMENTS.index(name), None]
    return functional.grid_sample(shown, view.grid, align_corners=False, padding_mode="zeros")[0] * view.visibility[0]


def _displacement(relief: torch.Tensor | None, hair: HairShape | None) -> npt.NDArray[np.float32]:
    """(r, r, 3) millimetres: a relief (3, s, s) and the volume of hair, at least one of them."""
    parts = [part for part in (relief, None if hair is None else hair.displacement) if part is not None]
    return np.ascontiguousarray(_sum(parts).permute(1, 2, 0).cpu().numpy().astype(np.float32))


def _sum(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """(C, r, r): the sum of maps (C, s, s), as fine as the finest."""
    size = max(part.shape[-1] for part in maps)
    large = [functional.interpolate(part[None], (size, size), mode="bilinear", align_corners=False) for part in maps]
    return torch.cat(large).sum(dim=0)


def _to_pixels(image: torch.Tensor) -> npt.NDArray[np.uint8]:
    """(3, H, W) in [0, 1] to (H, W, 3) uint8."""
    return np.ascontiguousarray((image * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy())

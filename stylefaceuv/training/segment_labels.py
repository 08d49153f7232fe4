"""Marks pixels whose segment the registered head model is sure of; no person marks any.

Skin where the albedo model explains the photo, and all of the face below its brows; hair where it does not explain
the crown; background far beside the head, and in the lower corners; glasses where there are dark lines, or no skin at
all, across the bridge of the nose and under the eyes. Close beside the head there may be hair or background, but no
face: fair hair looks like skin. Most pixels stay unmarked, and some marks are wrong: hats count as hair, wide hair as
background, folds as glasses. What is learned of many photos is what most marks agree on.
"""

from __future__ import annotations

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.lifting.dark_features import glasses_over
from stylefaceuv.lifting.hair_places import BROW_TOPS
from stylefaceuv.lifting.landmark_fit import OUTER_EYE_CORNERS
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.morphology import dilate, erode
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.lifting.projection import TexelView
from stylefaceuv.lifting.thin_lines import dark_lines
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import PART_NAMES, FaceCoefficients

UNMARKED = -1
BACKGROUND, FACE, HAIR, GLASSES = range(len(SEGMENTS))
NO_FACE = len(SEGMENTS)
"""Hair or background, whichever."""
_SURE, _UNLIKE = 0.9, 0.1
_INSIDE_MM, _OUTSIDE_MM, _BESIDE_MM, _FAR_MM = 8.0, 9.0, 28.0, 45.0
_ABOVE_EYES_MM, _CORNER = 10.0, 0.12
_BELOW_BROWS = -0.1
"""Decimetres from the tops of the brows."""
_CHIN, _NOSE_TIP = 152, 1
_WORN, _BARE, _RIM = 0.9, 0.1, 0.4


class SegmentMarker:
    """Marks photos of one resolution.

    Args:
        lifter: explains photos.
        size: edge of the marks, pixels.
    """

    def __init__(self, lifter: Lifter, size: int) -> None:
        self.lifter, self.size = lifter, size
        self.camera = Camera.portrait(size, size)
        surface, support = lifter.surface, lifter.texels.gather(lifter.support[0])[:, 0]
        points = surface.face_model.landmarks(surface.face_model.mean[None])[0]
        low = surface.rest_positions[:, 1] < points[list(BROW_TOPS), 1].mean() + _BELOW_BROWS
        self.skin = lifter.texels.part == PART_NAMES.index("skin")
        self.face = low & ((support > _SURE) | ~self.skin)
        self.below_eyes = surface.rest_positions[:, 1] < points[_NOSE_TIP, 1]
        self.rims = lifter.texels.gather(lifter.features[0, 2:]).amax(dim=1) > _SURE
        self.crown = lifter.texels.gather(lifter.crown[0])[:, 0] > _SURE

    @torch.inference_mode()
    def __call__(self, photo: Photo) -> torch.Tensor:
        """Mark one photo.

        Args:
            photo: with the landmarks detected in it.

        Returns:
            (size, size) int8, index into ``SEGMENTS``, ``NO_FACE`` or ``UNMARKED``.

        Raises:
            InvalidArgumentError: a photo without landmarks.
        """
        if photo.detected is None:
            raise InvalidArgumentError("photo.detected", "detected landmarks", None)
        inside = self._silhouette(photo.coefficients)
        marks = torch.full((self.size, self.size), UNMARKED, dtype=torch.int8, device=inside.device)
        points = photo.detected * (self.size / photo.image.shape[-1])
        marks[self._no_face(inside, points)] = NO_FACE
        marks[self._background(inside, points)] = BACKGROUND
        core = erode(inside, self._pixels(_INSIDE_MM))[0, 0] > 0
        view = self.lifter.surface.view(photo.coefficients, self.size)
        evidence = self.lifter.evidence(photo)
        explained = self.lifter.texels.gather(evidence.explained[0])[:, 0]
        share, known = self._mean(view, explained, self.skin), explained.new_ones(len(explained))
        lines = dark_lines(evidence.texture, self.lifter.texels.resolution // 128)
        glasses = float(glasses_over(lines, evidence.seen, evidence.explained, self.lifter.features))
        face = self.face if glasses < _BARE else self.face & self.below_eyes
        marks[core & (share > _SURE)] = FACE
        marks[core & (self._mean(view, face.to(known), None) > _SURE)] = FACE
        crown = self._mean(view, self.crown.to(known), None) > _SURE
        marks[core & crown & (share >= 0) & (share < _UNLIKE)] = HAIR
        if glasses > _WORN:
            foreign = torch.maximum(self.lifter.texels.gather(lines[0])[:, 0], 1 - explained)
            marks[core & (self._mean(view, foreign, self.skin & self.rims) > _RIM)] = GLASSES
        return marks

    def _pixels(self, millimetres: float) -> int:
        """How many pixels a length has at the distance of the head, rounded up."""
        return int(millimetres / 100 * self.camera.focal_px / self.camera.distance) + 1

    def _silhouette(self, coefficients: FaceCoefficients) -> torch.Tensor:
        """(1, 1, size, size) float, 1 where the head is."""
        return self.lifter.surface.silhouette(coefficients, self.size)[None, None]

    def _background(self, inside: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """(size, size) bool, of landmarks in pixels of the marks."""
        rows = torch.arange(self.size, device=inside.device)[:, None]
        columns = torch.arange(self.size, device=inside.device)[None]
        beside, far = (dilate(inside, self._pixels(reach))[0, 0] < 0.5 for reach in (_BESIDE_MM, _FAR_MM))
        eyes, chin = points[list(OUTER_EYE_CORNERS), 1].mean(), points[_CHIN, 1]
        edge = _CORNER * self.size
        corner = (rows > chin) & ((columns < edge) | (columns >= self.size - edge))
        above = rows < eyes - self._pixels(_ABOVE_EYES_MM)
        return (beside & above) | (far & (rows < chin - self._pixels(_ABOVE_EYES_MM))) | (beside & corner)

    def _no_face(self, inside: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """(size, size) bool: close beside the head, above the chin."""
        close, beside = (dilate(inside, self._pixels(reach))[0, 0] > 0.5 for reach in (_OUTSIDE_MM, _FAR_MM))
        above = torch.arange(self.size, device=inside.device)[:, None] < points[_CHIN, 1]
        return beside & ~close & above

    def _mean(self, view: TexelView, values: torch.Tensor, among: torch.Tensor | None) -> torch.Tensor:
        """(size, size) mean of (T,) values over the seen texels of each pixel; -1 where there is none."""
        seen = view.confidence > 0.5
        seen = seen if among is None else seen & among
        pixel = view.pixel[seen].long().clamp(0, self.size - 1)
        rows = pixel[:, 1] * self.size + pixel[:, 0]
        total, count = (values.new_zeros(self.size**2) for _ in range(2))
        total.index_add_(0, rows, values[seen])
        count.index_add_(0, rows, torch.ones_like(values[seen]))
        return torch.where(count > 0, total / count.clamp_min(1), -1.0).view(self.size, self.size)

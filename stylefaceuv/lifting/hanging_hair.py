"""Hair that hangs beside and behind a head, over its ears or behind them: how wide it is and how far down it goes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.lifting.hair_places import ear_weights
from stylefaceuv.lifting.projection import TexelView
from stylefaceuv.lifting.strands import HAIR_AXIS_Z
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.soft_steps import smoothstep, soft_threshold
from stylefaceuv.types import PART_NAMES, FaceCoefficients

_BACKGROUND, _FACE, _HAIR = (SEGMENTS.index(name) for name in ("background", "face", "hair"))
_ROWS, _TOP, _BOTTOM = 32, 0.45, -1.1
_BESIDE_FACE = (-0.3, 0.2)
"""Decimetres of height: where the picture is looked at, from the brows to below the chin; where hair beside the face is
measured, which ends at the first gap below that."""
_REACH_MM, _LEAST_MM, _LEAST_BEHIND_MM = 130, 6.0, 7.0
"""How far from the axis hair counts; how much of it beside the face hangs, over ears and behind them."""
_ENDS_MM, _ENDS_SHARE = 8.0, 0.5
"""With less hair it ends, or with less than this share of what is beside the face."""
_EAR_SHOWS, _EAR_RIM, _EAR_AWAY = 0.24, 0.66, -0.2
"""An ear that shows more skin is bare; its rim stands out so far, decimetres; one that looks away more is not seen."""
_LOWEST, _SHORTEST, _SHORTEST_BEHIND = -0.9, -0.1, -0.25
"""Decimetres: where hair ends at most; hair that ends above is short, over ears and behind them.
Seen on 78 heads (seeds 8080, 777, 20261128, truncation 0.8)."""
_WIDEST, _WIDEST_NAPE = (0.02, 0.42), 0.12
"""Decimetres beyond the skull, at the sides and behind it."""
_RING, _RING_HALF, _BINS, _BLUR = 0.5, 0.1, 73, 0.15
_SIDEWAYS = 0.98
_FRONT, _FRONT_BEHIND, _SOFT, _TEMPLES = 0.48, -0.05, 0.16, (-0.1, 0.45, 0.5)
"""Decimetres on Z: where hair begins that covers the ears, and hair behind them; over what depth it rises; from which
height on it begins further forward, by how much a decimetre, and over how many."""
_END_SOFT, _BLEND = 0.35, (0.35, 0.6)
"""Decimetres: over what height ends turn in towards the neck, and hair on the skull begins to hang."""
_FURTHER, _FRONT_PAINTED, _END_PAINTED, _EAR_PAINTED = 0.02, (-0.07, 0.07), (-0.13, 0.17), (0.3, 0.7)
"""Decimetres: paint begins in front of the volume, since skin on the slope up to it looks like the teeth of a saw; over
what width it grows there, and at the ends; and between which weights of ears it ends behind them."""
_TUCKED, _FOLDED = 0.05, (0.0, 0.4)
"""The back of an ear stays this far behind the hair, so that nothing of it comes through."""


@dataclass(frozen=True)
class HangingShape:
    """Hair that hangs, on the vertices of a head, and on its texels.

    Attributes:
        offset_mm: (V, 3) float, XYZ of the neutral head, towards the surface of the hair.
        weight: (V, 1) float in [0, 1], how much of that surface is hair that hangs.
        cover: (T, 1) float in [0, 1], on the texels, since vertices lie too far apart for a clean edge: above a half
            where it is painted.
    """

    offset_mm: torch.Tensor
    weight: torch.Tensor
    cover: torch.Tensor


class HangingHair(nn.Module):
    """Constants of a head, prepared once.

    The hair is a mantle around a vertical axis: above the ears as wide as the skull, below as wide as the picture
    shows it, behind a line in front of the ears, or behind them where the photo shows them bare.

    Args:
        surface: of the face model.
    """

    radius: torch.Tensor
    outward: torch.Tensor
    skull: torch.Tensor
    half_width: torch.Tensor
    tucked: torch.Tensor
    height: torch.Tensor
    ear: torch.Tensor
    rest: torch.Tensor
    ears: torch.Tensor
    levels: torch.Tensor

    def __init__(self, surface: Surface) -> None:
        super().__init__()
        self.surface, model = surface, surface.face_model
        rest = model.refine(model.mean[None], surface.level)[0]
        points = model.landmarks(model.mean[None])[0]
        flat = torch.stack([rest[:, 0], torch.zeros_like(rest[:, 0]), rest[:, 2] - HAIR_AXIS_Z], dim=1)
        radius = flat.norm(dim=1, keepdim=True).clamp_min(1e-3)
        outward = flat / radius
        inward = -(surface.normals(rest[None])[0] * outward).sum(dim=1, keepdim=True)
        ear = ear_weights(rest, points)
        skin = surface.texels.part == PART_NAMES.index("skin")
        ears = ear_weights(surface.rest_positions, points)[:, 0] * skin
        skull = skull_radius(rest, outward, radius)
        constants = {
            "radius": radius,
            "outward": outward,
            "skull": skull,
            "half_width": skull[outward[:, 0] > _SIDEWAYS].mean(),
            "tucked": _TUCKED * smoothstep(inward, _FOLDED) * (ear > 0.2),
            "height": rest[:, 1:2].clone(),
            "ear": ear,
            "rest": rest,
            "ears": ears,
            "levels": torch.linspace(_TOP, _BOTTOM, _ROWS, device=rest.device),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    @torch.no_grad()
    def forward(self, segments: torch.Tensor, coefficients: FaceCoefficients, view: TexelView) -> HangingShape | None:
        """Read the hair of one person.

        Args:
            segments: (S, s, s) float in [0, 1], of the picture, in the order of ``SEGMENTS``.
            coefficients: unbatched, registered on the picture.
            view: of the surface in that picture, in pixels of ``segments``.

        Returns:
            Its shape; None where none hangs.
        """
        amount, wide = self._profile(segments, coefficients)
        bare = self._ears_shown(segments, coefficients, view) >= _EAR_SHOWS
        end = self._end(amount, bare)
        if end is None:
            return None
        weight = _placed(self.rest, self.ear, bare, end)
        cover = _painted(self.surface.rest_positions, self.ears[:, None], bare, end)
        beyond = self._at_height((_running_mean(wide) / 100 - self.half_width).clamp(*_WIDEST))
        sideways = self.outward[:, :1].square()  # no picture shows how far hair stands off the nape
        beyond = sideways * beyond + (1 - sideways) * beyond.clamp_max(_WIDEST_NAPE)
        target = self.skull + beyond - self.tucked * (not bare)
        return HangingShape(100 * self.outward * (target - self.radius), weight, cover)

    def _profile(self, segments: torch.Tensor, coefficients: FaceCoefficients) -> tuple[torch.Tensor, torch.Tensor]:
        """(rows,) millimetres of hair, and of the whole head, on lines from the axis outwards, mean of both sides."""
        size = segments.shape[-1]
        camera, turn = Camera.portrait(size, size), rotation_matrix(coefficients.rotation)
        axis = torch.stack([0 * self.levels, self.levels, 0 * self.levels + HAIR_AXIS_Z], dim=1)
        origin = camera.project((axis @ turn.T + coefficients.translation)[None])[0]
        pixels_per_mm = camera.focal_px / origin[:, 2] / 100
        up = functional.normalize(origin[0, :2] - origin[-1, :2], dim=0)
        right = torch.stack([-up[1], up[0]])  # the head's left, for one who looks at the picture
        along = torch.arange(_REACH_MM, device=up.device, dtype=up.dtype)
        steps = torch.stack([along, -along])[:, None] * pixels_per_mm[:, None]  # side row step
        place = origin[None, :, None, :2] + steps[..., None] * right
        inside = ((place > 0) & (place < size)).all(dim=-1).to(up.dtype)
        shares = functional.grid_sample(
            segments[None].expand(2, -1, -1, -1), place * (2 / size) - 1, align_corners=False, padding_mode="border"
        )
        hair, person = shares[:, _HAIR] * inside, (1 - shares[:, _BACKGROUND]) * inside
        return hair.sum(dim=-1).mean(dim=0), person.sum(dim=-1).mean(dim=0)

    def _ears_shown(self, segments: torch.Tensor, coefficients: FaceCoefficients, view: TexelView) -> float:
        """How much of the ears that the picture shows is bare skin, mean of both."""
        grid = (view.pixel * (2 / segments.shape[-1]) - 1)[None, None]
        face = functional.grid_sample(segments[None], grid, align_corners=False, padding_mode="border")[0, _FACE, 0]
        towards = float(rotation_matrix(coefficients.rotation)[2, 0])  # Z of the head's left
        shown = []
        for sign in (1, -1):
            rim = self.ears * (self.surface.rest_positions[:, 0] * sign > _EAR_RIM)
            if sign * towards >= _EAR_AWAY:
                shown.append(float((face * rim).sum() / rim.sum().clamp_min(1e-6)))
        return sum(shown) / len(shown)

    def _end(self, hair: torch.Tensor, bare: bool) -> float | None:
        """At which height, decimetres, hair of (rows,) millimetres ends that hangs beside the face, over the ears or
        behind ``bare`` ones; None where none hangs. On both sides or on none: half a mantle ends in the middle of the
        nape."""
        amount = float(hair[(self.levels > _BESIDE_FACE[0]) & (self.levels < _BESIDE_FACE[1])].mean())
        if amount <= (_LEAST_BEHIND_MM if bare else _LEAST_MM):
            return None
        little = _running_mean(hair, 1) < min(_ENDS_MM, _ENDS_SHARE * amount)  # below a gap come clothes
        gaps = self.levels[little & (self.levels < _BESIDE_FACE[1])]
        end = max(float(gaps.max()) if len(gaps) else _LOWEST, _LOWEST)
        return end if end <= (_SHORTEST_BEHIND if bare else _SHORTEST) else None

    def _at_height(self, rows: torch.Tensor) -> torch.Tensor:
        """(V, 1) of (rows,), at the height of each vertex."""
        place = ((_TOP - self.height) / (_TOP - _BOTTOM) * (_ROWS - 1)).clamp(0, _ROWS - 1.001)
        low = place.long()
        return rows[low] + (place - low) * (rows[low + 1] - rows[low])


def _placed(positions: torch.Tensor, ears: torch.Tensor, bare: bool, end: float) -> torch.Tensor:
    """(N, 1) in [0, 1]: how much hair stands out at (N, 3) points of the mean head, over ears (N, 1) or behind ``bare``
    ones, down to the height ``end``, decimetres."""
    height = positions[:, 1:2]
    before = _front(height, bare) - positions[:, 2:]
    hangs = (1 - smoothstep(height, _BLEND)) * smoothstep(height - end, (0.0, _END_SOFT))
    return hangs * smoothstep(before, (0.0, _SOFT)) * (1 - ears * bare)


def _painted(positions: torch.Tensor, ears: torch.Tensor, bare: bool, end: float) -> torch.Tensor:
    """(N, 1) in [0, 1]: the same, a half at the edge of what is painted; straight slopes, which small maps can hold."""
    height = positions[:, 1:2]
    before = _front(height, bare) + _FURTHER - positions[:, 2:]
    hangs = soft_threshold(-height, (-_BLEND[1], -_BLEND[0])) * soft_threshold(height - end, _END_PAINTED)
    return hangs * soft_threshold(before, _FRONT_PAINTED) * (1 - soft_threshold(ears, _EAR_PAINTED) * bare)


def _front(height: torch.Tensor, bare: bool) -> torch.Tensor:
    """(N, 1): how far forward hair hangs at heights (N, 1), decimetres; it comes from the temples."""
    if bare:
        return torch.full_like(height, _FRONT_BEHIND)
    return _FRONT + _TEMPLES[1] * (height - _TEMPLES[0]).clamp(0, _TEMPLES[2])


def skull_radius(rest: torch.Tensor, outward: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """How far from the axis the skull is above the ears, in the direction of each vertex.

    Args:
        rest: (V, 3) float, decimetres, the neutral head.
        outward: (V, 3) float, unit length and level, from the axis.
        radius: (V, 1) float, decimetres, distance from the axis.

    Returns:
        (V, 1) float, decimetres.
    """
    angle = torch.atan2(outward[:, 0], -outward[:, 2])
    ring = (((rest[:, 1] - _RING).abs() < _RING_HALF) & (radius[:, 0] > 0.4)).to(rest.dtype)
    bins = torch.linspace(-torch.pi, torch.pi, _BINS, device=rest.device)
    apart = torch.remainder(angle[None] - bins[:, None] + torch.pi, 2 * torch.pi) - torch.pi
    near = torch.exp(-0.5 * (apart / _BLUR).square()) * ring + 1e-9
    mean = (near @ radius)[:, 0] / near.sum(dim=1)
    place = ((angle + torch.pi) / (2 * torch.pi) * (_BINS - 1)).clamp(0, _BINS - 1.001)
    low = place.long()
    return (mean[low] + (place - low) * (mean[low + 1] - mean[low]))[:, None]


def _running_mean(values: torch.Tensor, reach: int = 3) -> torch.Tensor:
    """Mean of each value and its ``reach`` neighbours on both sides, (K,)."""
    wide = functional.pad(values[None, None], (reach, reach), mode="replicate")
    return functional.avg_pool1d(wide, 2 * reach + 1, stride=1)[0, 0]

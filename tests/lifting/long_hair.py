"""Pictures of heads with long hair of known width and length."""

from __future__ import annotations

from dataclasses import replace

import torch

from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import FaceCoefficients
from tests.lifting.lifted_scene import Scene
from tests.lifting.scenes import neutral

SIZE = 192
TEMPLE_DM = 0.56
"""Half the width of the face that hair leaves free."""


def framed(yaw: float = 0.0) -> FaceCoefficients:
    return replace(neutral(yaw), translation=torch.tensor([0.0, -0.3, -1.0]))


def portrait(
    scene: Scene, own: FaceCoefficients, half_width: float, lowest: float, left: bool = True, right: bool = True
) -> torch.Tensor:
    """(S, SIZE, SIZE): hair from the crown down to a height, decimetres, as wide as said, on the head's sides."""
    camera = Camera.portrait(SIZE, SIZE)
    heights = torch.tensor([[0.0, 0.45, 0.1], [0.0, lowest, 0.1]])
    (x, top, depth), (_, bottom, _) = camera.project((heights + own.translation)[None])[0].tolist()
    scale = camera.focal_px / depth
    rows = torch.arange(SIZE)[:, None] + 0.5
    across = (torch.arange(SIZE)[None] + 0.5 - x) / scale
    sides = ((across > 0) & torch.tensor(left)) | ((across < 0) & torch.tensor(right))
    mantle = (across.abs() < half_width) & (across.abs() > TEMPLE_DM) & (rows > top) & (rows < bottom) & sides
    head = scene.lifter.surface.silhouette(own, SIZE) > 0
    hair = mantle | (head & (rows < top - 0.3 * scale))
    face = head & ~hair
    made = torch.zeros(len(SEGMENTS), SIZE, SIZE)
    for name, where in (("hair", hair), ("face", face), ("background", ~hair & ~face)):
        made[SEGMENTS.index(name)][where] = 1
    return made

"""One face under measurement: the heads made of its stylecode, its images, and what the judges see in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from stylefaceuv.evaluation.judges import HeadPoints, Judges, Sight
from stylefaceuv.evaluation.tensors import shrink, to_tensor
from stylefaceuv.networks.generator import to_unit_range
from stylefaceuv.types import Face

RENDER_SIZE, IMAGE_SIZE = 256, 512
"""Edges of the judged renders and of the judged StyleGAN2 images, pixels."""

FRONTAL: dict[str, Any] = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0}


@dataclass
class Subject:
    """What several measurements of a face share; everything is made on first use.

    Attributes:
        judges: the networks.
        w: (512,) float32 stylecode.
        other_w: (512,) float32, of a face that belongs to no other set.
        strips: pictures for the report, by name, (N, 3, 256, 256) in [0, 1].
    """

    judges: Judges
    w: torch.Tensor
    other_w: torch.Tensor
    strips: dict[str, torch.Tensor] = field(default_factory=dict)

    @cached_property
    def lifted(self) -> Face:
        """The head in full detail."""
        return self._make("lifted")

    @cached_property
    def painted(self) -> Face | None:
        """The UV generator's head; None where the model has none."""
        return self._make("generator") if self.judges.model.components.uv_generator else None

    @cached_property
    def image(self) -> torch.Tensor:
        """(1, 3, 512, 512) StyleGAN2 image."""
        return to_tensor(self.lifted.image, IMAGE_SIZE)

    @cached_property
    def symmetric_image(self) -> torch.Tensor:
        """(1, 3, 512, 512) StyleGAN2 image of the other side."""
        return to_tensor(self.lifted.symmetric_image, IMAGE_SIZE)

    @cached_property
    def image_sight(self) -> Sight:
        """What is seen in the StyleGAN2 image."""
        return self.judges.look(self.image)

    @cached_property
    def own_render(self) -> torch.Tensor:
        """(1, 3, 256, 256) lifted head in its own pose on grey."""
        return self.render()

    @cached_property
    def own_sight(self) -> Sight:
        """What is seen in the own render."""
        return self.judges.look(self.own_render)

    @cached_property
    def points(self) -> HeadPoints:
        """The head's points, with its own expression."""
        return self.judges.head_points(self.lifted.coefficients)

    def render(self, face: Face | None = None, **options: Any) -> torch.Tensor:
        """(1, 3, 256, 256) render of the lifted head or another one."""
        return to_tensor((face or self.lifted).render(size=RENDER_SIZE, **options))

    @torch.inference_mode()
    def synthesize(self, w: torch.Tensor) -> torch.Tensor:
        """(1, 3, 512, 512) StyleGAN2 image of any (512,) stylecode."""
        image = to_unit_range(self.judges.model.components.generator.synthesis(w[None]))
        return shrink(image, IMAGE_SIZE)

    def keep(self, name: str, images: Sequence[torch.Tensor]) -> None:
        """Keep pictures for the report."""
        self.strips[name] = torch.cat([shrink(image, RENDER_SIZE) for image in images])

    def _make(self, detail: str) -> Face:
        face = self.judges.model.generate(self.w, detail=detail)
        assert isinstance(face, Face)
        return face

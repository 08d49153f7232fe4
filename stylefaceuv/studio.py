"""What stands behind a :class:`~stylefaceuv.types.Face`: its image, mesh, pictures and files, made on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.exporter import Exporter
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.geometry import FaceGeometry
from stylefaceuv.networks.generator import Generator, to_uint8
from stylefaceuv.networks.yaw import YawEditor, rotate_stylecodes, symmetric_yaw
from stylefaceuv.picture import PictureMaker
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.types import Face, FaceMesh


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
        self.generator, self.face_model, self.exporter = generator, face_model, exporter
        self.yaw_editor = yaw_editor
        self._geometry = FaceGeometry(face_model)
        self._pictures = PictureMaker(self._geometry, renderer, matte_map, render_level)

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
        return self._geometry.landmarks(face, self.generator.resolution)

    @torch.inference_mode()
    def mesh(self, face: Face, level: int) -> FaceMesh:
        """Return the neutral, unposed, displaced mesh in metres at a level, 0 to 2."""
        return self._geometry.mesh(face, level)

    @property
    def render(self) -> Callable[..., npt.NDArray[np.uint8]]:
        """:meth:`stylefaceuv.picture.PictureMaker.render`."""
        return self._pictures.render

    @torch.inference_mode()
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

        Raises:
            InvalidArgumentError: an unknown suffix, level or option.
            OutputError: the folder cannot be written.
        """
        if not isinstance(morphs, bool):
            raise InvalidArgumentError("morphs", "True or False", repr(morphs))
        mesh = self._geometry.mesh(face, level)
        targets = self._geometry.morph_targets(face, level) if morphs else None
        return self.exporter.export(path, mesh, face.maps, targets, face.provenance, **options)

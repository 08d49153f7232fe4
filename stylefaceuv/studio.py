"""What stands behind a :class:`~stylefaceuv.types.Face`: its image, mesh, pictures and files, made on demand."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.exporter import Exporter, check_request
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.geometry import FaceGeometry, check_level
from stylefaceuv.networks.generator import Generator, to_uint8
from stylefaceuv.networks.yaw import YawEditor, rotate_stylecodes, symmetric_yaw
from stylefaceuv.picture import PictureMaker
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.types import Face, FaceMesh

RENDER_OPTIONS = tuple(signature(PictureMaker.render).parameters)[2:]  # without self and the face


def check_export_request(path: str | Path, level: int = 1, morphs: bool = True, **options: Any) -> Path:
    """Refuse an export that no head could be written by, before there is a head.

    Args:
        path: as in :meth:`Studio.export`, like all that follow.
        level: subdivision level.
        morphs: whether morph targets are written.
        **options: of the exporter.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: an unknown suffix or option, or a value that cannot be.
        OutputError: USD without the package usd-core.
    """
    check_level(level)
    if not isinstance(morphs, bool):
        raise InvalidArgumentError("morphs", "True or False", repr(morphs)[:60])
    target = check_request(path, **options)
    if options.get("one_per_expression") and not morphs:
        raise InvalidArgumentError("morphs", "True, as one_per_expression is set", morphs)
    return target


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

    def render(self, face: Face, **options: Any) -> npt.NDArray[np.uint8]:
        """Make a picture of a face.

        Args:
            face: the face.
            **options: as in :meth:`stylefaceuv.picture.PictureMaker.render`.

        Returns:
            (height, width, 3) uint8 sRGB, or 4 channels with a transparent background.

        Raises:
            InvalidArgumentError: an unknown option, or a value that cannot be.
        """
        for name, value in options.items():
            if name not in RENDER_OPTIONS:
                known = f"an option of render ({', '.join(RENDER_OPTIONS)}; the camera's are in view)"
                raise InvalidArgumentError(name, known, repr(value)[:60])
        return self._pictures.render(face, **options)

    @torch.inference_mode()
    def export(self, face: Face, path: str | Path, level: int = 1, morphs: bool = True, **options: Any) -> Path:
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
        target = check_export_request(path, level, morphs, **options)
        mesh = self._geometry.mesh(face, level)
        targets = self._geometry.morph_targets(face, level) if morphs else None
        return self.exporter.export(target, mesh, face.maps, targets, face.provenance, **options)

"""The facade: opens a bundle, wires its parts, and turns stylecodes into faces. No maths here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.bundle import Bundle, provenances
from stylefaceuv.components import Components, check_texture_size, load_components, resolve_device
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_maker import FaceMaker
from stylefaceuv.networks.yaw import rotate_stylecodes
from stylefaceuv.sampling import sample_latents
from stylefaceuv.studio import Studio
from stylefaceuv.stylecodes import check_stylecodes, truncate
from stylefaceuv.types import Face, Provenance


class StyleFaceUV:
    """A StyleGAN2 stylecode in, a relightable, riggable 3D head out.

    Args:
        components: the parts; :meth:`from_pretrained` brings the trained ones.
        bundle: where they came from, for provenance and :meth:`save_pretrained`; None for parts of your own.
        texture_size: edge of the diffuse map, texels.
        hair: "clean" makes bald heads, "keep" paints the photo's hair on the scalp and gives it volume.
    """

    def __init__(
        self, components: Components, bundle: Bundle | None = None, texture_size: int = 1024, hair: str = "clean"
    ) -> None:
        self.components = components
        self.bundle = bundle
        self.texture_size = check_texture_size(texture_size, components.albedo_model)
        self.maker = FaceMaker(components, self.texture_size, hair)
        parts = components
        matte_map = self.maker.lifter.matte_map()
        self.studio = Studio(
            parts.generator, parts.face_model, parts.renderer, parts.exporter, matte_map, parts.yaw_editor
        )

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path | None = None,
        revision: str | None = None,
        device: str | torch.device | None = None,
        hair: str = "clean",
        texture_size: int = 1024,
    ) -> StyleFaceUV:
        """Load a bundle.

        Args:
            source: None for the embedded bundle, a directory, or a Hub id ("org/name").
            revision: branch, tag or commit of a Hub id.
            device: where to run; None is the CPU.
            hair: "clean" or "keep".
            texture_size: edge of the diffuse map, texels, a multiple of 256 up to 8192.

        Returns:
            The pipeline.

        Raises:
            WeightsError: a file is missing, truncated, altered or of an unknown format.
            DeviceError: the device does not exist here.
        """
        where = resolve_device(device)
        bundle = Bundle.open(source, revision=revision)
        return cls(load_components(bundle, where), bundle, texture_size, hair)

    def save_pretrained(self, directory: str | Path, push_to_hub: str | None = None) -> Path:
        """Write the bundle to a directory, and push it to the Hub when a repository id is given.

        Args:
            directory: where to write; made when missing.
            push_to_hub: a Hub id ("org/name"), or None.

        Returns:
            The directory.

        Raises:
            InvalidArgumentError: the pipeline was made of loose parts.
            OutputError: the directory cannot be written.
        """
        if self.bundle is None:
            raise InvalidArgumentError("bundle", "a pipeline made by from_pretrained", "one made of loose parts")
        return self.bundle.save(directory, push_to_hub=push_to_hub)

    @torch.no_grad()  # not inference_mode: stylecodes are the user's to edit
    def sample(self, count: int, seed: int, truncation: float = 0.7, start: int = 0) -> torch.Tensor:
        """Draw stylecodes; row i depends on (seed, start + i) only.

        Args:
            count: number of stylecodes.
            seed: whole number, not negative.
            truncation: psi in [0, 2]; small is typical, 1 is the full variety.
            start: number of the first stylecode under this seed.

        Returns:
            (count, 512) float32, StyleGAN2 W.
        """
        generator = self.components.generator
        latents = torch.from_numpy(sample_latents(count, seed, start)).to(generator.mean_stylecode.device)
        rows = [generator.mapping(latent[None]) for latent in latents]  # one by one: equal bits in any batch
        mapped = torch.cat(rows) if rows else latents
        return truncate(mapped, generator.mean_stylecode, truncation)

    @torch.no_grad()
    def rotate(self, w: torch.Tensor | npt.NDArray[np.float32], yaw: float | Sequence[float]) -> torch.Tensor:
        """Turn the faces of stylecodes, (N, 512) or (512,), to a yaw in [-45, 45] degrees (StyleFaceUV, Eq. 2)."""
        return rotate_stylecodes(self.components.yaw_editor, w, yaw)

    def generate(
        self,
        w: torch.Tensor | npt.NDArray[np.float32],
        *,
        detail: str = "lifted",
        seed: int | None = None,
        start: int | None = None,
        truncation: float | None = None,
    ) -> list[Face] | Face:
        """Make heads of stylecodes.

        Args:
            w: (N, 512) float32, or (512,) for a single head.
            detail: "lifted" for every freckle; "two-views" for those of the far side, too; "generator" for crowds:
                faster, its image is never made.
            seed: kept in the provenance of exported files.
            start: number of the first stylecode under that seed, for the provenance.
            truncation: for the provenance.

        Returns:
            A list of N faces, or one face for a (512,) stylecode.

        Raises:
            InvalidArgumentError: wrong shape or dtype, not finite or beyond ±1000; a seed that cannot be.
        """
        batch = check_stylecodes(w).to(self.components.face_model.mean.device)
        sources = provenances(self.bundle, len(batch), seed, start, truncation)
        faces = [self._face(row, detail, source) for row, source in zip(batch, sources, strict=True)]
        return faces[0] if w.ndim == 1 else faces

    def _face(self, stylecode: torch.Tensor, detail: str, provenance: Provenance) -> Face:
        made = self.maker.make(stylecode, detail)
        code, coefficients = stylecode.cpu().numpy(), made.coefficients.clone()
        return Face(code, coefficients, made.maps, made.registration_error, provenance, self.studio)

"""Two ways to make the images of the training set: this package's generator, or the wheel's own networks."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.mobile_stylegan import load_mobile_stylegan
from stylefaceuv.training.pretrained_sources import fetch

ENGINES = ("torch", "openvino")


class ImageEngine(Protocol):
    """Latent to stylecode to image.

    Attributes:
        mean_stylecode: (512,) float32.
    """

    mean_stylecode: torch.Tensor

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        """Map (N, 512) float32 latents to (N, 512) stylecodes."""

    def synthesis(self, w: torch.Tensor) -> torch.Tensor:
        """Make (N, 3, 1024, 1024) float32 images, about [-1, 1], sRGB, on the engine's device."""


def make_engine(name: str, device: torch.device | None = None, source: Path | None = None) -> ImageEngine:
    """Make an engine.

    Args:
        name: ``torch`` for the embedded generator, ``openvino`` for the networks of the ``random-face`` wheel.
        device: of the torch engine; ``None`` for the CPU.
        source: folder with the wheel's networks for the openvino engine; ``None`` to fetch them.

    Returns:
        The engine; its stylecodes are on the CPU.

    Raises:
        InvalidArgumentError: unknown name.
        WeightsError: weights are missing or cannot be fetched.
    """
    if name == "torch":
        return _TorchEngine(device or torch.device("cpu"))
    if name == "openvino":
        return _OpenVinoEngine(source or fetch("random-face") / "random_face" / "data")
    raise InvalidArgumentError("engine", f"one of {ENGINES}", name)


def embedded_weights(component: str) -> Path:
    """Path of an embedded weight file."""
    return Path(__file__).parents[1] / "weights" / f"{component}.safetensors"


class _TorchEngine:
    def __init__(self, device: torch.device) -> None:
        self._generator = load_mobile_stylegan(embedded_weights("generator")).to(device).eval()
        self._device = device
        self.mean_stylecode = self._generator.mean_stylecode.cpu()

    @torch.inference_mode()
    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        return self._generator.mapping(z.to(self._device)).cpu()

    @torch.inference_mode()
    def synthesis(self, w: torch.Tensor) -> torch.Tensor:
        return self._generator.synthesis(w.to(self._device))


class _OpenVinoEngine:
    def __init__(self, folder: Path) -> None:
        import openvino

        core = openvino.Core()
        self._mapping = core.compile_model(core.read_model(folder / "MappingNetwork.xml"), "CPU")
        self._synthesis = core.compile_model(core.read_model(folder / "SynthesisNetwork.xml"), "CPU")
        self.mean_stylecode = load_mobile_stylegan(embedded_weights("generator")).mean_stylecode

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        return self._run(self._mapping, z)

    def synthesis(self, w: torch.Tensor) -> torch.Tensor:
        return self._run(self._synthesis, w)

    @staticmethod
    def _run(network: object, inputs: torch.Tensor) -> torch.Tensor:
        rows = [next(iter(network(row[None].numpy()).values())) for row in inputs]  # type: ignore[operator]
        return torch.from_numpy(np.concatenate(rows))

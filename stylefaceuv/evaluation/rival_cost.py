"""What a user would otherwise run, ready to be measured: other generators and another rasteriser."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch

from stylefaceuv.networks.stylegan2 import StyleGAN2, StyleGAN2Config
from stylefaceuv.pipeline import StyleFaceUV
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.training.pretrained_sources import default_cache_dir
from stylefaceuv.types import Face

Rival = tuple[str, Callable[[int], object]]

STYLEGAN2_256 = StyleGAN2Config(channels=(512, 512, 512, 512, 512, 256, 128))
_EDGE = 512


def rivals(
    threads: int, model: StyleFaceUV, face: Face, openvino_folder: Path | None = None
) -> tuple[list[Rival], list[str]]:
    """Make the rivals that can run here.

    Args:
        threads: of OpenVINO; torch's own number is the caller's.
        model: gives the mesh that rasterisers draw.
        face: whose mesh is drawn.
        openvino_folder: with ``SynthesisNetwork.xml``; None for the package's cache.

    Returns:
        Names with calls that take a batch size; and why others cannot run.
    """
    found: list[Rival] = [("rival: StyleGAN2-256, eager PyTorch, random weights", _stylegan2())]
    missing = []
    network = (openvino_folder or default_cache_dir() / "random-face" / "random_face" / "data") / "SynthesisNetwork.xml"
    if importlib.util.find_spec("openvino") is None or not network.is_file():
        missing.append("the published generator under OpenVINO: openvino or its networks are not here")
    else:
        found.append(("rival: published generator, OpenVINO", _openvino(network, threads)))
    found.append(("rasteriser numba, 512 px", _rasteriser(model, face, "numba")))
    if importlib.util.find_spec("pytorch3d") is None:
        missing.append("PyTorch3D's rasteriser: pytorch3d is not installed")
    else:
        found.append(("rival: rasteriser PyTorch3D, 512 px", _rasteriser(model, face, "pytorch3d")))
    return found, missing


def _stylegan2() -> Callable[[int], object]:
    network = StyleGAN2(STYLEGAN2_256).eval().requires_grad_(False)

    @torch.inference_mode()
    def run(batch: int) -> object:
        return network.synthesis(torch.zeros(batch, STYLEGAN2_256.style_dim))

    return run


def _openvino(path: Path, threads: int) -> Callable[[int], object]:
    import openvino

    core = openvino.Core()
    network = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_NUM_THREADS": threads})
    row = torch.zeros(1, 512).numpy()
    return lambda batch: [network(row) for _ in range(batch)]


def _rasteriser(model: StyleFaceUV, face: Face, backend: str) -> Callable[[int], object]:
    cage = model.components.face_model
    own = face.coefficients
    with torch.inference_mode():
        vertices = cage.refine(cage(own.identity[None], own.expression[None]), 1)
        screen = Camera.portrait(_EDGE, _EDGE).project(vertices)
    triangles = cage.topology(1).faces
    return lambda batch: rasterize(screen.expand(batch, -1, -1), triangles, _EDGE, _EDGE, backend)

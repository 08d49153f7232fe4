"""The parts of a pipeline, and how a bundle's files become them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.errors import DeviceError, InvalidArgumentError
from stylefaceuv.export.exporter import Exporter
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.albedo_model import AlbedoModel, load_albedo_model
from stylefaceuv.networks.generator import Generator
from stylefaceuv.networks.head_segmenter import HeadSegmenter, load_head_segmenter
from stylefaceuv.networks.landmarker import Landmarker, load_landmarker
from stylefaceuv.networks.load_generator import load_generator
from stylefaceuv.networks.mapper import Mapper, load_mapper
from stylefaceuv.networks.uv_generator import UVGenerator, load_uv_generator
from stylefaceuv.networks.yaw import YawEditor, load_yaw_editor
from stylefaceuv.plain_values import is_whole
from stylefaceuv.rendering.renderer import Renderer

_LARGEST_TEXTURE = 8192


@dataclass(frozen=True)
class Components:
    """Everything a pipeline is made of; any part can be another one with the same interface.

    Attributes:
        generator: latent to stylecode to image.
        mapper: stylecode to coefficients.
        face_model: coefficients to mesh.
        landmarker: image to landmarks.
        albedo_model: completes lifted textures.
        renderer: mesh to pixels.
        exporter: mesh to files.
        yaw_editor: turns a stylecode's face; None where there is none.
        uv_generator: paints maps without an image; None where there is none.
        head_segmenter: tells background, face, hair and glasses apart in images; None where there is none.
    """

    generator: Generator
    mapper: Mapper
    face_model: MorphableModel
    landmarker: Landmarker
    albedo_model: AlbedoModel
    renderer: Renderer
    exporter: Exporter
    yaw_editor: YawEditor | None = None
    uv_generator: UVGenerator | None = None
    head_segmenter: HeadSegmenter | None = None


def load_components(bundle: Bundle, device: torch.device) -> Components:
    """Load every part of a bundle onto a device.

    Args:
        bundle: an opened and verified bundle.
        device: where the networks and the face model shall live.

    Returns:
        The parts, in evaluation mode.

    Raises:
        WeightsError: a file does not hold what its component needs.
    """
    known, path = bundle.config.components, bundle.path
    return Components(
        generator=load_generator(path("generator")).to(device).eval(),
        mapper=load_mapper(path("mapper")).to(device).eval(),
        face_model=load_face_model(path("face_model")).to(device),
        landmarker=load_landmarker(path("landmarker")).to(device).eval(),
        albedo_model=load_albedo_model(path("albedo")).to(device),
        renderer=Renderer(),
        exporter=Exporter(),
        yaw_editor=load_yaw_editor(path("yaw")).to(device) if "yaw" in known else None,
        uv_generator=load_uv_generator(path("uv_generator")).to(device) if "uv_generator" in known else None,
        head_segmenter=load_head_segmenter(path("head_segmenter")).to(device) if "head_segmenter" in known else None,
    )


def check_texture_size(texture_size: int, albedo_model: AlbedoModel) -> int:
    """Return the edge of diffuse maps.

    Args:
        texture_size: texels.
        albedo_model: completes the maps.

    Returns:
        The same edge.

    Raises:
        InvalidArgumentError: not a multiple of the albedo model's edge, up to 8192.
    """
    step = albedo_model.resolution
    if not is_whole(texture_size) or not 0 < texture_size <= _LARGEST_TEXTURE or texture_size % step:
        expected = f"a multiple of {step} up to {_LARGEST_TEXTURE}"
        raise InvalidArgumentError("texture_size", expected, repr(texture_size)[:60])
    return int(texture_size)


def resolve_device(device: str | torch.device | None) -> torch.device:
    """Return the device to run on.

    Args:
        device: a torch device or its name; None is the CPU.

    Returns:
        The device.

    Raises:
        DeviceError: unknown name, or CUDA asked for where there is none.
    """
    try:
        resolved = torch.device(device or "cpu")
    except (RuntimeError, TypeError) as error:
        raise DeviceError(f"device: expected a torch device such as 'cpu' or 'cuda', got {device!r}") from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device: expected a device of this machine, got {device!r} and CUDA is not available")
    if resolved.type not in ("cpu", "cuda"):
        raise DeviceError(f"device: expected 'cpu' or 'cuda', got {device!r}")
    return resolved

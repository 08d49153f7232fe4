"""StyleGAN2 stylecodes to textured, relightable, riggable 3D heads.

    from stylefaceuv import StyleFaceUV

    model = StyleFaceUV.from_pretrained()
    face = model.generate(model.sample(1, seed=7))[0]
    face.export("head.glb")

Names are imported on first use, so that ``import stylefaceuv`` alone is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylefaceuv.errors import (
        DeviceError,
        InvalidArgumentError,
        OutputError,
        StyleFaceUVError,
        WeightsError,
    )
    from stylefaceuv.pipeline import StyleFaceUV
    from stylefaceuv.types import Face, FaceCoefficients, FaceMesh, UVMaps

__version__ = "0.1.0"

__all__ = [
    "DeviceError",
    "Face",
    "FaceCoefficients",
    "FaceMesh",
    "InvalidArgumentError",
    "OutputError",
    "StyleFaceUV",
    "StyleFaceUVError",
    "UVMaps",
    "WeightsError",
]

_TYPES = ("Face", "FaceCoefficients", "FaceMesh", "UVMaps")


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "pipeline" if name == "StyleFaceUV" else "types" if name in _TYPES else "errors"
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})

"""Load whichever generator a weight file holds."""

from __future__ import annotations

from pathlib import Path

from stylefaceuv.errors import WeightsError
from stylefaceuv.networks import mobile_stylegan, stylegan2
from stylefaceuv.networks.style_generator import StyleGenerator
from stylefaceuv.weights_file import load_config

_LOADERS = {
    mobile_stylegan.ARCHITECTURE: mobile_stylegan.load_mobile_stylegan,
    stylegan2.ARCHITECTURE: stylegan2.load_stylegan2,
}


def load_generator(path: str | Path) -> StyleGenerator:
    """Load a generator in evaluation mode, without gradients on its parameters, float32, on the CPU.

    Args:
        path: a safetensors file made by one of the converters in ``stylefaceuv.training``.

    Returns:
        A :class:`MobileStyleGAN` or a :class:`StyleGAN2`, as the header of the file says.

    Raises:
        WeightsError: the file is missing, damaged or of an unknown architecture.
    """
    architecture = load_config(path).get("architecture")
    loader = _LOADERS.get(str(architecture))
    if loader is None:
        raise WeightsError(f"{path}: expected architecture {' or '.join(sorted(_LOADERS))}, got {architecture!r}")
    return loader(path)

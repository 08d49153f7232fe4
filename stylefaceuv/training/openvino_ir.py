"""A minimal reader of OpenVINO IR graphs (``.xml`` + ``.bin``): nodes, edges and constants, no runtime needed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stylefaceuv.errors import WeightsError

_DTYPES = {"f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "u8": np.uint8}


@dataclass
class Node:
    """One operation of the graph.

    Attributes:
        kind: operation type, e.g. ``Convolution``.
        name: friendly name, for messages only.
        inputs: the nodes that feed it, by port.
        consumers: the nodes it feeds.
        value: the content of a ``Const``, else ``None``.
    """

    kind: str
    name: str
    inputs: list[Node] = field(default_factory=list, repr=False)
    consumers: list[Node] = field(default_factory=list, repr=False)
    value: npt.NDArray[np.generic] | None = field(default=None, repr=False)

    def constant(self, port: int) -> npt.NDArray[np.float32]:
        """The constant at an input port, as float32."""
        if port >= len(self.inputs) or self.inputs[port].value is None:
            raise WeightsError(f"{self.kind} {self.name}: expected a constant at input {port}, got none")
        return np.asarray(self.inputs[port].value, np.float32)

    def operands(self) -> tuple[Node, npt.NDArray[np.float32]]:
        """The computed and the constant input of a binary operation, whichever way round they are."""
        constants = [n for n in self.inputs if n.value is not None]
        computed = [n for n in self.inputs if n.value is None]
        if len(constants) != 1 or len(computed) != 1:
            raise WeightsError(f"{self.kind} {self.name}: expected one constant operand, got {len(constants)}")
        return computed[0], np.asarray(constants[0].value, np.float32)

    def only_consumer(self, kind: str) -> Node:
        """The one consumer of a type."""
        found = [n for n in self.consumers if n.kind == kind]
        if len(found) != 1:
            raise WeightsError(f"{self.kind} {self.name}: expected one {kind} after it, got {len(found)}")
        return found[0]


def read_graph(xml: Path) -> list[Node]:
    """Read a graph and its constants.

    Args:
        xml: the ``.xml`` file; the ``.bin`` lies beside it.

    Returns:
        The nodes in the order of the file, which is topological.

    Raises:
        WeightsError: a file is missing, or a constant points outside the ``.bin``.
    """
    try:
        root = ElementTree.parse(xml).getroot()
        blob = xml.with_suffix(".bin").read_bytes()
    except (OSError, ElementTree.ParseError) as error:
        raise WeightsError(f"{xml}: expected a readable OpenVINO IR, got {error}") from error
    nodes = {layer.get("id"): _node(layer, blob, xml) for layer in root.iterfind("layers/layer")}
    edges = [(e.get("to-layer"), int(e.get("to-port", "0")), e.get("from-layer")) for e in root.iterfind("edges/edge")]
    for target, _, source in sorted(edges, key=lambda edge: edge[1]):
        nodes[target].inputs.append(nodes[source])
        nodes[source].consumers.append(nodes[target])
    return list(nodes.values())


def _node(layer: ElementTree.Element, blob: bytes, xml: Path) -> Node:
    node = Node(layer.get("type", ""), layer.get("name", ""))
    data = layer.find("data")
    if node.kind != "Const" or data is None:
        return node
    try:
        dtype = np.dtype(_DTYPES[data.get("element_type", "")])
        shape = [int(s) for s in data.get("shape", "").split(",") if s.strip()]
        offset, size = int(data.get("offset", "")), int(data.get("size", ""))
        node.value = np.frombuffer(blob, dtype, size // dtype.itemsize, offset).reshape(shape)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{xml}: constant {node.name}: expected data inside the .bin file, got {error}") from error
    return node

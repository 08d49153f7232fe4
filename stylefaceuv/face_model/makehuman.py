"""Loads and saves the MakeHuman head's weight file."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.face_model.mirrored_basis import fold, half_rows, mirrored, unfold
from stylefaceuv.face_model.morphable import HeadTensors, MorphableModel
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS, load_config, load_tensors, save_tensors

FACE_MODEL_FILE = "face_model.safetensors"
_ASYMMETRY_DM = 1e-5
"""How far apart both sides may be before they are rounded to half precision."""

_DTYPES: dict[str, torch.dtype] = {
    "mean": torch.float32,
    "identity_basis": torch.float16,
    "expression_basis": torch.float16,
    "quads": torch.int32,
    "quad_part": torch.uint8,
    "corner_uv": torch.float32,
    "makehuman_corner_uv": torch.float32,
    "mirror_index": torch.int32,
    "identity_mirror_sign": torch.float32,
    "expression_mirror": torch.int32,
    "makehuman_index": torch.int32,
    "neck_ring": torch.int32,
    "landmark_vertices": torch.int32,
    "landmark_weights": torch.float32,
    "origin_in_makehuman": torch.float32,
    "self_shadow": torch.float16,
}


def load_face_model(path: str | Path | None = None) -> MorphableModel:
    """Load the head.

    Args:
        path: a face model file; ``None`` for the one in the package.

    Returns:
        The model in evaluation mode, on the CPU, float32.

    Raises:
        WeightsError: the file is missing, truncated, altered in keys, shapes or dtypes, or has bad indices.
    """
    source = Path(path) if path is not None else EMBEDDED_WEIGHTS / FACE_MODEL_FILE
    tensors = load_tensors(source)
    names = load_config(source).get("expression_names")
    _check(source, tensors, names)
    half, signs = tensors["identity_basis"], tensors["identity_mirror_sign"]
    tensors["identity_basis"] = unfold(half, tensors["mirror_index"], signs)
    return MorphableModel(HeadTensors(**tensors), tuple(names)).eval()  # type: ignore[arg-type]


def save_face_model(model: MorphableModel, path: str | Path) -> None:
    """Write a model to a file that :func:`load_face_model` reads; appears whole or not at all.

    Args:
        model: the model; its bases are stored in half precision, and of the identities' one half of the head.
        path: the file.

    Raises:
        OutputError: the folder cannot be written.
        InvalidArgumentError: an identity's halves are no mirror images.
    """
    state = model.state_dict()
    whole = state["identity_basis"]
    apart = float((mirrored(whole, state["mirror_index"], state["identity_mirror_sign"]) - whole).abs().max())
    if not apart <= _ASYMMETRY_DM:
        raise InvalidArgumentError("model", "identities whose halves are mirror images", f"{apart:.2g} dm apart")
    tensors = {name: state[name].to(dtype) for name, dtype in _DTYPES.items()}
    tensors["identity_basis"] = fold(tensors["identity_basis"], tensors["mirror_index"])
    save_tensors(path, tensors, {"expression_names": list(model.expression_names)})


def _expected_shapes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    vertices, quads, mirror = len(tensors["mean"]), len(tensors["quads"]), tensors["mirror_index"]
    half = len(half_rows(mirror)) if mirror.ndim == 1 else 0
    return {
        "mean": (vertices, 3),
        "identity_basis": (80, half, 3),
        "expression_basis": (64, vertices, 3),
        "quads": (quads, 4),
        "quad_part": (quads,),
        "corner_uv": (quads, 4, 2),
        "makehuman_corner_uv": (quads, 4, 2),
        "mirror_index": (vertices,),
        "identity_mirror_sign": (80,),
        "expression_mirror": (64,),
        "makehuman_index": (vertices,),
        "neck_ring": (len(tensors["neck_ring"]),),
        "landmark_vertices": (478, 3),
        "landmark_weights": (478, 3),
        "origin_in_makehuman": (3,),
        "self_shadow": (vertices, 9),
    }


def _check(source: Path, tensors: dict[str, torch.Tensor], names: object) -> None:
    expected_names = {field.name for field in fields(HeadTensors)}
    if tensors.keys() != expected_names:
        difference = sorted(tensors.keys() ^ expected_names)
        raise WeightsError(f"{source}: keys differ: {difference}")
    for name, shape in _expected_shapes(tensors).items():
        got = tensors[name]
        if tuple(got.shape) != shape or got.dtype != _DTYPES[name]:
            expected = f"{_DTYPES[name]} of shape {shape}"
            raise WeightsError(f"{source}: tensor {name!r}: expected {expected}, got {got.dtype} {tuple(got.shape)}")
    limit = len(tensors["mean"])
    for name in ("quads", "mirror_index", "neck_ring"):
        if int(tensors[name].min()) < 0 or int(tensors[name].max()) >= limit:
            raise WeightsError(f"{source}: tensor {name!r}: expected indices from 0 to {limit - 1}, got others")
    mirror = tensors["mirror_index"].long()
    if not torch.equal(mirror[mirror], torch.arange(limit)):
        raise WeightsError(f"{source}: tensor 'mirror_index': expected pairs of vertices, got others")
    if not isinstance(names, list) or len(names) != 64 or len(set(names)) != 64:
        raise WeightsError(f"{source}: expected 64 different expression names in the header, got {names!r:.80}")

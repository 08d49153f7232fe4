"""Makes a unit at weight 1 look as a photo that a detector scores 1.

    python -m stylefaceuv.training calibrate-units --root DATA --face-model OLD.safetensors --out NEW.safetensors

MakeHuman's smile lifts the corners of the mouth more and widens it less than smiles in photos do. A fit then explains a
smile of score 0.9 by a third of the unit and a wider mouth in the identity, and the head keeps that mouth when its
expression is set to zero. Here the shape of broadly smiling faces less that of sober ones, of the unit and of the
identity together, becomes the unit, where the unit moves the skin at all. Too few faces raise their brows for the same;
that unit is scaled until a detector reads it off a render.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from stylefaceuv.face_model.makehuman import load_face_model, save_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.training.rest_face import LARGEST_YAW, WORST_ERROR
from stylefaceuv.weights_file import load_tensors

PAIRS = ("mouthSmile",)
"""Units, left and right together, whose far end is read off the data set."""
GAINS = {"browInnerUp": 1.5}
"""Units that are scaled: at weight 0.9 the detector read 0.02 to 0.65 off ten renders before and 0.2 to 0.85 after."""
SOBER, BROAD = 0.1, 0.8
"""Scores below and above which faces are compared."""
_SUPPORT_DM = (0.003, 0.015)


@dataclass(frozen=True)
class ScoreSlope:
    """What changes with a score, per unit of score.

    Attributes:
        weight: change of the unit's fitted weight, left and right averaged.
        identity: (80,) float, change of the fitted identity.
        sober: faces below :data:`SOBER`.
        broad: faces above :data:`BROAD`.
    """

    weight: float
    identity: torch.Tensor
    sober: int
    broad: int


def score_slope(root: Path, model: MorphableModel, pair: str) -> ScoreSlope:
    """Compare faces that score high with faces that score low.

    Args:
        root: folder of the fitted data set.
        model: the head it was fitted with.
        pair: name of the unit without its side.

    Returns:
        The slopes, mirror-symmetric.
    """
    names = list(model.expression_names)
    units = [names.index(f"{pair}{side}") for side in ("Left", "Right")]
    columns = [BLENDSHAPE_NAMES.index(f"{pair}{side}") for side in ("Left", "Right")]
    rows = []
    for path in sorted(root.glob("shard-*.fits.safetensors")):
        fits, labels = load_tensors(path), load_tensors(path.with_name(path.name.replace(".fits.", ".labels.")))
        keep = (fits["rotation"][:, 0].abs() < LARGEST_YAW) & (fits["error"] < WORST_ERROR)
        score = labels["blendshapes"][:, columns].mean(1, keepdim=True)
        weight = fits["expression"][:, units].mean(1, keepdim=True)
        rows.append(torch.cat([score, weight, fits["identity"]], dim=1)[keep])
    table = torch.cat(rows)
    sober, broad = table[table[:, 0] < SOBER], table[table[:, 0] > BROAD]
    change = broad.mean(0) - sober.mean(0)
    identity = change[2:] / change[0] * (model.identity_mirror_sign > 0)
    return ScoreSlope(float(change[1] / change[0]), identity, len(sober), len(broad))


def calibrate_pair(model: MorphableModel, pair: str, slope: ScoreSlope) -> None:
    """Give a pair of units the shape that faces of score 1 have, in place.

    Args:
        model: the head; stays mirror-symmetric.
        pair: name of the unit without its side.
        slope: what changes with its score.
    """
    left, right = (list(model.expression_names).index(f"{pair}{side}") for side in ("Left", "Right"))
    motion = model.expression_basis[[left, right]].norm(dim=-1)  # (2, V0)
    low, high = _SUPPORT_DM
    support = ((motion - low) / (high - low)).clamp(0, 1)
    support = support / support.sum(0).clamp_min(1)
    widened = torch.einsum("k,kvc->vc", slope.identity, model.identity_basis)
    flip = model.mean.new_tensor([-1.0, 1.0, 1.0])
    unit = slope.weight * model.expression_basis[left] + support[0, :, None] * widened
    model.expression_basis[left] = unit
    model.expression_basis[right] = unit[model.mirror_index.long()] * flip


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder, fitted with this face model")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--no-gains", action="store_true", help="leave scaled units alone: a second pass, after new fits"
    )
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = load_face_model(args.face_model)
    with torch.no_grad():
        for pair in PAIRS:
            slope = score_slope(args.root, model, pair)
            calibrate_pair(model, pair, slope)
            found = {"unit": pair, "weight_per_score": round(slope.weight, 3), "faces": [slope.sober, slope.broad]}
            logging.getLogger(__name__).info("%s", json.dumps(found))
        for name, gain in () if args.no_gains else GAINS.items():
            model.expression_basis[list(model.expression_names).index(name)] *= gain
    save_face_model(model, args.out)


if __name__ == "__main__":
    main()

"""Makes the zero of the face model the resting face of the data set.

    python -m stylefaceuv.training rest-face --root DATA --face-model OLD.safetensors --out NEW.safetensors

MakeHuman's mean head opens its eyes wider and rolls its lips out further than people at rest do, so fits explain every
neutral portrait by a third of a squint and a rolled-in lip, and a head put back to zero expression stares. The mean
coefficients of the data set's neutral faces, made mirror-symmetric, are therefore moved into the mean head. Units keep
the face at their far end: what rests in the mean is taken off them, and a blink takes the resting squint back first, so
that lids close as before. Gaze is not moved into the mean; the balls are shifted by what it did to the irises.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.makehuman import load_face_model, save_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.weights_file import load_tensors

NEUTRAL_SCORES = {
    "mouthSmileLeft": 0.2,
    "mouthSmileRight": 0.2,
    "jawOpen": 0.06,
    "eyeBlinkLeft": 0.3,
    "mouthPucker": 0.5,
}
"""A face at rest scores less than this on each."""
LARGEST_YAW, WORST_ERROR = 18.0, 0.02
LIPS = (13, 14)
"""Landmarks in the middle of the upper and of the lower lip's rim."""
LIPS_OVERLAP_DM = 0.008
"""How far the lower lip's rim stands above the upper one's, behind which it lies, on the resting head."""
_IRISES = {"eye_right": 468, "eye_left": 473}


@dataclass(frozen=True)
class RestingFaces:
    """Mean of the data set's neutral faces.

    Attributes:
        identity: (80,) float.
        expression: (64,) float.
        scores: (52,) float, median of the detector's scores.
        count: faces.
    """

    identity: torch.Tensor
    expression: torch.Tensor
    scores: torch.Tensor
    count: int


def resting_faces(root: Path) -> RestingFaces:
    """Average the neutral faces of a fitted data set.

    Args:
        root: folder of the data set.

    Returns:
        Their means.
    """
    identity, expression, scores = [], [], []
    for path in sorted(root.glob("shard-*.fits.safetensors")):
        fits, labels = load_tensors(path), load_tensors(path.with_name(path.name.replace(".fits.", ".labels.")))
        keep = (fits["rotation"][:, 0].abs() < LARGEST_YAW) & (fits["error"] < WORST_ERROR)
        for name, limit in NEUTRAL_SCORES.items():
            keep &= labels["blendshapes"][:, BLENDSHAPE_NAMES.index(name)] < limit
        identity.append(fits["identity"][keep])
        expression.append(fits["expression"][keep])
        scores.append(labels["blendshapes"][keep])
    joined = [torch.cat(column) for column in (identity, expression, scores)]
    return RestingFaces(joined[0].mean(0), joined[1].mean(0), joined[2].median(0).values, len(joined[0]))


def symmetric(model: MorphableModel, faces: RestingFaces) -> tuple[torch.Tensor, torch.Tensor]:
    """Average coefficients with those of the mirrored face: (80,) identity and (64,) expression."""
    identity = faces.identity * (model.identity_mirror_sign > 0)
    return identity, (faces.expression + faces.expression[model.expression_mirror.long()]) / 2


def rest(model: MorphableModel, identity: torch.Tensor, expression: torch.Tensor) -> None:
    """Move resting coefficients into a model's mean, in place.

    Args:
        model: the head.
        identity: (80,) float, mirror-symmetric.
        expression: (64,) float in [0, 1], mirror-symmetric.
    """
    names = list(model.expression_names)
    is_gaze = torch.tensor([name.startswith("eyeLook") for name in names])
    skin, gaze = expression * ~is_gaze, expression * is_gaze
    skin = close_lips(model, identity, skin)
    balls = ball_shift(model, identity, gaze)
    basis = model.expression_basis.clone()
    head = model.mean + torch.einsum("k,kvc->vc", identity, model.identity_basis)
    model.mean.copy_(head + torch.einsum("k,kvc->vc", skin, basis))
    for side, shift in balls.items():
        model.mean[part_rows(model, side)] += shift
    mirrored = model.mean[model.mirror_index.long()] * model.mean.new_tensor([-1.0, 1.0, 1.0])
    model.mean.copy_((model.mean + mirrored) / 2)  # exactly, not to a rounding
    model.expression_basis.mul_((1 - skin)[:, None, None])
    for side in ("Left", "Right"):
        lids = [names.index(f"{unit}{side}") for unit in ("eyeBlink", "eyeSquint")]
        resting = torch.einsum("k,kvc->vc", skin[lids], basis[lids])
        model.expression_basis[lids[0]] = basis[lids[0]] - resting


def close_lips(model: MorphableModel, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
    """Close the jaw until the lips overlap: (64,) with jawOpen below 0 where they do not; else teeth shine through."""
    jaw = list(model.expression_names).index("jawOpen")
    still = torch.zeros_like(expression)
    opened = still.clone()
    opened[jaw] = 1
    heads = model(torch.stack([identity * 0, identity * 0, identity]), torch.stack([still, opened, expression]))
    upper, lower = model.landmarks(heads)[:, list(LIPS), 1].unbind(1)
    closed, wide, resting = (upper - lower).tolist()
    result = expression.clone()
    result[jaw] -= (resting + LIPS_OVERLAP_DM) / (wide - closed)
    return result


def ball_shift(model: MorphableModel, identity: torch.Tensor, gaze: torch.Tensor) -> dict[str, torch.Tensor]:
    """How far resting gaze moves each iris, sideways and up: {part: (3,)} dm."""
    before, after = (model.landmarks(model(identity[None], one[None]))[0] for one in (torch.zeros_like(gaze), gaze))
    flat = before.new_tensor([1.0, 1.0, 0.0])
    return {side: (after - before)[row] * flat for side, row in _IRISES.items()}


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder, fitted with this face model")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model = load_face_model(args.face_model)
    faces = resting_faces(args.root)
    identity, expression = symmetric(model, faces)
    with torch.no_grad():
        rest(model, identity, expression)
    save_face_model(model, args.out)
    scores = dict(zip(BLENDSHAPE_NAMES, faces.scores.tolist(), strict=True))
    resting = {name: round(score, 3) for name, score in scores.items() if score > 0.03}
    logging.getLogger(__name__).info("%s", json.dumps({"faces": faces.count, "resting_scores": resting}))


if __name__ == "__main__":
    main()

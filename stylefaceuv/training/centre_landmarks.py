"""Moves the mean head's lips, lids and nose to where the data set's landmarks lie on average.

    python -m stylefaceuv.training centre-landmarks --root DATA --face-model OLD.safetensors --out NEW.safetensors

Fits of thousands of faces agree on what they miss: the mean head's upper lip is too high by a millimetre and a half and
its lower lids hang too low, on everybody, and no identity component mends that without a price elsewhere. What the
fits miss in the mean is moved into the mean head, spread over the skin around, and the faces are fitted again. On
brows, cheeks and forehead it is the landmarks that move, over the skin: nothing shows there where skin is.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import torch

from stylefaceuv.face_model.makehuman import load_face_model, save_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices, rotation_matrix
from stylefaceuv.lifting.landmark_fit import EYE_CONTOURS, FACE_OVAL, LIPS
from stylefaceuv.lifting.landmark_warp import FIRST_IRIS_LANDMARK, landmark_spread
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.training.build_landmarks import SIZE, with_landmarks_at
from stylefaceuv.training.dataset import LABEL_SIZE
from stylefaceuv.training.fitting import DatasetFitter
from stylefaceuv.weights_file import load_tensors

LARGEST_YAW, WORST_ERROR = 30.0, 0.02
"""Beyond this yaw a detector guesses half of the landmarks."""
DEPTH_RIDGE = 0.3
"""Of an offset along the head's depth, as a share of the faces: it is seen by the sine of their yaw only."""
MILLIMETRES = 100.0
NOSE = (1, 2, 4, 5, 19, 94, 98, 327, 97, 326, 64, 294, 48, 278, 115, 344, 131, 360, 6, 197, 195)
_NEAR_DM = 0.06


def mean_miss(
    model: MorphableModel, fits: dict[str, torch.Tensor], landmarks: torch.Tensor, camera: Camera
) -> torch.Tensor:
    """Return what the fits miss in the mean.

    Args:
        model: the head that was fitted.
        fits: identity (N, 80), expression (N, 64), rotation (N, 3) degrees, translation (N, 3) dm.
        landmarks: (N, 478, 2) float, pixels of the camera.
        camera: of the pictures.

    Returns:
        (478, 3) float, offset of each landmark on the unposed head, decimetres: least squares, its depth damped.
    """
    turned = rotation_matrix(fits["rotation"])  # world from head
    cages = model(fits["identity"], fits["expression"])
    world = pose_vertices(model.landmarks(cages), fits["rotation"], fits["translation"])
    at = camera.project(world)[..., :2]
    depth = camera.distance - world[..., 2:]
    miss = (landmarks - at) * depth / camera.focal_px * at.new_tensor([1.0, -1.0])  # dm along the world's x and y
    rows = turned[:, :2]  # (N, 2, 3): the head's offset as the picture sees it
    system = torch.einsum("nik,nil->kl", rows, rows)
    system = system + len(rows) * DEPTH_RIDGE * torch.diag(system.new_tensor([0.0, 0.0, 1.0]))
    return torch.linalg.solve(system, torch.einsum("nik,npi->kp", rows, miss)).T


def shaped_landmarks(model: MorphableModel) -> torch.Tensor:
    """(478,) bool: landmarks that stand on shapes, lids, lips and nose; the others lie on plain skin, or on hair."""
    points = model.landmarks(model.mean[None])[0]
    shapes = points[[*LIPS, *EYE_CONTOURS, *NOSE]]
    near = torch.cdist(points, shapes).amin(dim=1) < _NEAR_DM
    near[FIRST_IRIS_LANDMARK:] = False
    near[list(FACE_OVAL)] = False
    return near


def move_mean(model: MorphableModel, miss: torch.Tensor) -> torch.Tensor:
    """Move the mean head, in place; its eyeballs stay.

    Args:
        model: the head.
        miss: (478, 3) float, decimetres; of other landmarks than :func:`shaped_landmarks` it does not count.

    Returns:
        (V0, 3) float, the mirror-symmetric offset, decimetres.
    """
    offset = landmark_spread(model) @ (miss * shaped_landmarks(model)[:, None])
    mirrored = offset[model.mirror_index.long()] * offset.new_tensor([-1.0, 1.0, 1.0])
    offset = (offset + mirrored) / 2
    model.mean.add_(offset)
    return offset


def slide_landmarks(model: MorphableModel, miss: torch.Tensor) -> MorphableModel:
    """Slide the landmarks of plain skin and brows over the head, to where the detector sees them on average.

    Args:
        model: the head; its outline is left alone: there landmarks slide as the head turns.
        miss: (478, 3) float, decimetres.

    Returns:
        The same head with other landmarks, mirror-symmetric.
    """
    slides = ~shaped_landmarks(model)
    slides[FIRST_IRIS_LANDMARK:] = False
    slides[list(FACE_OVAL)] = False
    camera, rest = Camera.portrait(SIZE, SIZE), model.landmarks(model.mean[None])
    still, moved = (camera.project(at)[0, :, :2].double().numpy() for at in (rest, rest + miss * slides[:, None]))
    return with_landmarks_at(model, slides, still, moved)


def fit_faces(model: MorphableModel, labels: list[Path]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Fit the faces of label files; the fits and the landmarks (N, 478, 2) of those that are seen and fitted well."""
    fitter, kept = DatasetFitter(model), []
    for path in labels:
        known = load_tensors(path)
        points = known["points"].float()
        fits = fitter.fit(points, known["blendshapes"].float())
        good = (fits["rotation"][:, 0].abs() < LARGEST_YAW) & (fits["error"] < WORST_ERROR)
        kept.append({**{name: value[good] for name, value in fits.items()}, "landmarks": points[good, :, :2]})
    joined = {name: torch.cat([part[name] for part in kept]) for name in kept[0]}
    return joined, joined.pop("landmarks")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder, labelled")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--shards", type=int, default=24, help="label files to fit (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of fitting and moving (default: %(default)s)")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model, camera = load_face_model(args.face_model), Camera.portrait(LABEL_SIZE, LABEL_SIZE)
    labels = sorted(args.root.glob("shard-*.labels.safetensors"))[: args.shards]
    with torch.no_grad():
        for round_number in range(args.rounds + 1):
            fits, landmarks = fit_faces(model, labels)
            miss = mean_miss(model, fits, landmarks, camera)
            size = float(miss[:, :2].norm(dim=1).mean()) * MILLIMETRES
            report = {"round": round_number, "faces": len(landmarks), "mean_miss_mm": round(size, 3)}
            report["error_percent"] = round(100 * float(fits["error"].median()), 3)
            logging.getLogger(__name__).info("%s", json.dumps(report))
            if round_number < args.rounds:
                move_mean(model, miss)
                model = slide_landmarks(model, miss)
    save_face_model(model, args.out)


if __name__ == "__main__":
    main()

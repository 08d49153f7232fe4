"""Draw docs/images/threejs.jpg: exported heads in three.js beside this package's own renders.

python -m tests.export.threejs.picture docs/images/threejs.jpg
"""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stylefaceuv import Face, StyleFaceUV
from tests.export.threejs.browser import show

SIZE, YAW = 384, 30.0
SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.15}


def row(face: Face, folder: Path) -> np.ndarray:
    """three.js at rest and smiling, our render of the smile."""
    still = replace(face.coefficients, rotation=torch.zeros(3), expression=torch.zeros(64))
    resting = replace(face, coefficients=still)
    place = [float(value) / 10 for value in still.translation]
    turned = {"position": place, "yaw": math.radians(YAW), "morphs": SMILE}
    seen = show(resting.export(folder / "head.glb", level=1), {"rest": {"position": place}, "smile": turned}, SIZE)
    ours = resting.render(size=SIZE, yaw=YAW, pitch=0.0, roll=0.0, expression=SMILE, lighting="studio")
    return np.concatenate([seen.pictures["rest"], seen.pictures["smile"], ours], axis=1)


def main() -> None:
    """Command line."""
    model = StyleFaceUV.from_pretrained()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(model.generate(w), Path(folder)) for w in model.sample(8, seed=2013)[[3, 7]]]
    Image.fromarray(np.concatenate(rows, axis=0)).save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()

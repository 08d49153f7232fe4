"""Walk from one person to another: shape, texture and light together."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylefaceuv import StyleFaceUV
from stylefaceuv.animation import morph_frames, write_animation

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("out", nargs="?", type=Path, default=Path("out"), help="folder to write")
parser.add_argument("frames", nargs="?", type=int, default=24, help="frames from one to the other")
arguments = parser.parse_args()
out, frames = arguments.out, arguments.frames
model = StyleFaceUV.from_pretrained()
faces = model.generate(model.sample(2, seed=5))
path = write_animation(out / "morph.webp", morph_frames(faces, frames, size=256, yaw=20.0), fps=24)
print(path)

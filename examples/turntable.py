"""Turn a head around and write a WebP animation."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylefaceuv import StyleFaceUV
from stylefaceuv.animation import turntable_frames, write_animation

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("out", nargs="?", type=Path, default=Path("out"), help="folder to write")
parser.add_argument("frames", nargs="?", type=int, default=48, help="number of frames")
arguments = parser.parse_args()
out, frames = arguments.out, arguments.frames
model = StyleFaceUV.from_pretrained()
face = model.generate(model.sample(1, seed=7)[0])
path = write_animation(out / "turntable.webp", turntable_frames(face, frames, size=256), fps=24)
print(path)

"""Walk from one person to another: shape, texture and light together."""

from __future__ import annotations

import sys
from pathlib import Path

from stylefaceuv import StyleFaceUV
from stylefaceuv.animation import morph_frames, write_animation

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
frames = int(sys.argv[2]) if len(sys.argv) > 2 else 24
model = StyleFaceUV.from_pretrained()
faces = model.generate(model.sample(2, seed=5))
path = write_animation(out / "morph.webp", morph_frames(faces, frames, size=256, yaw=20.0), fps=24)
print(path)

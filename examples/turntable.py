"""Turn a head around and write a WebP animation."""

from __future__ import annotations

import sys
from pathlib import Path

from stylefaceuv import StyleFaceUV
from stylefaceuv.animation import turntable_frames, write_animation

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
frames = int(sys.argv[2]) if len(sys.argv) > 2 else 48
model = StyleFaceUV.from_pretrained()
face = model.generate(model.sample(1, seed=7)[0])
path = write_animation(out / "turntable.webp", turntable_frames(face, frames, size=256), fps=24)
print(path)

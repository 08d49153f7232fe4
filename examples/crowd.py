"""Make a crowd of distinct people as light GLBs on the fast path, one after the other so that memory stays flat."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylefaceuv import StyleFaceUV

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("out", nargs="?", type=Path, default=Path("out"), help="folder to write")
parser.add_argument("count", nargs="?", type=int, default=10, help="number of heads")
arguments = parser.parse_args()
out, count = arguments.out, arguments.count
model = StyleFaceUV.from_pretrained()
for index in range(count):
    w = model.sample(1, seed=11, truncation=0.9, start=index)
    face = model.generate(w, detail="generator", seed=11, start=index, truncation=0.9)[0]
    face.export(out / f"{index:06d}.glb", level=0, morphs=False, texture_size=512)
print(f"{count} heads in {out}")

"""Save the bundle to a folder, where its files can be replaced by your own, and load it from there."""

from __future__ import annotations

import sys
from pathlib import Path

from stylefaceuv import StyleFaceUV

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
folder = StyleFaceUV.from_pretrained().save_pretrained(out / "bundle")
model = StyleFaceUV.from_pretrained(folder)
print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
print(model.sample(1, seed=7).shape)

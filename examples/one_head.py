"""Make one head, look at it from the side, write it as GLB and OBJ."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from stylefaceuv import StyleFaceUV

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
model = StyleFaceUV.from_pretrained()
face = model.generate(model.sample(1, seed=7)[0])
out.mkdir(parents=True, exist_ok=True)
Image.fromarray(face.render(size=512, yaw=40, lighting="studio")).save(out / "one_head.png")
face.export(out / "one_head.glb")
face.export(out / "one_head.obj")
print(f"{out}/one_head.glb, landmark error {100 * face.registration_error:.1f} % of the eye distance")

"""USD with blend shapes; needs the optional package ``usd-core``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from stylefaceuv.types import FaceMesh, MorphTargets, Provenance, UVMaps

USD_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")


def write_usd(
    path: str | Path,
    mesh: FaceMesh,
    maps: UVMaps,
    morphs: MorphTargets | None,
    provenance: Provenance,
    *,
    texture_size: int = 1024,
    normal_map: npt.NDArray[np.uint8] | None = None,
) -> Path:
    raise NotImplementedError

"""Occlusion maps: which share of the light from all around reaches each texel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stylefaceuv.export.atlas_raster import AtlasRasters
from stylefaceuv.export.tangents import TangentMesh
from stylefaceuv.types import FaceMesh

LARGEST = 256
"""Edge in texels: a vertex knows its share, and nothing finer is known."""


class OcclusionMapBaker:
    """Bakes what vertices know into the atlas.

    Args:
        rasters: shared with other bakers.
    """

    def __init__(self, rasters: AtlasRasters) -> None:
        self._rasters = rasters

    def bake(self, mesh: FaceMesh, tangents: TangentMesh | None, size: int) -> npt.NDArray[np.uint8] | None:
        """Bake a mesh's occlusion.

        Args:
            mesh: the head.
            tangents: its tangents if they are known: then the raster is that of its normal map.
            size: edge of the other textures, texels.

        Returns:
            (s, s) uint8, s = min(size, ``LARGEST``), 255 in the open; None where all of the head is.
        """
        if bool((mesh.occlusion == 1).all()):
            return None
        uv, occlusion = mesh.uv, mesh.occlusion
        faces: npt.NDArray[np.integer] = mesh.faces
        if tangents is not None:
            uv, faces, occlusion = uv[tangents.source], tangents.faces, occlusion[tangents.source]
        raster = self._rasters.get(uv, faces, min(size, LARGEST))
        shares = raster.interpolation @ occlusion.astype(np.float32)
        return raster.fill((shares * 255 + 0.5).astype(np.uint8))

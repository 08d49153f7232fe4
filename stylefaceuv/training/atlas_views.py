"""Where the mapper's head shows each texel of the atlas, for a whole set of stylecodes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import torch
from tqdm import tqdm

from stylefaceuv.components import Components
from stylefaceuv.lifting.atlas_view import AtlasViewer
from stylefaceuv.networks.uv_generator import AtlasView
from stylefaceuv.types import PART_NAMES

_PICTURE = 512
_CHUNK = 256
_OUTSIDE = 2.0


class AtlasViews:
    """Views of many faces, made once and kept in half precision: about 12 R² bytes a face at atlas edge R.

    Making them is many small steps, which CPU threads do faster than a GPU.

    Args:
        parts: mapper and face model, on the CPU.
        stylecodes: (n, 512) float.
        resolution: edge R of the atlas.
        device: where they are kept; None is the CPU.

    Attributes:
        texels: the atlas's covered texels.
        part: (T,) uint8, of each of them.
    """

    def __init__(
        self, parts: Components, stylecodes: torch.Tensor, resolution: int, device: torch.device | None = None
    ) -> None:
        surface = AtlasViewer(parts.face_model, resolution).surface
        self.texels, self.part = surface.texels, surface.texels.part
        self._pixels = self.texels.flat_index.to(device or "cpu")
        with torch.inference_mode():
            coefficients = parts.mapper(stylecodes.cpu())

        @torch.inference_mode()
        def one(row: int) -> torch.Tensor:
            view = surface.view(coefficients[row], _PICTURE)
            place = view.pixel * (2 / _PICTURE) - 1
            return torch.cat([place, view.normal, view.confidence[:, None]], dim=1).half()

        count, threads = len(stylecodes), torch.get_num_threads()
        chunks = []
        with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            bar = tqdm(total=count, desc="views", unit="face", mininterval=10)
            for start in range(0, count, _CHUNK):
                rows = list(pool.map(one, range(start, min(start + _CHUNK, count))))
                chunks.append(torch.stack(rows).clone().to(device or "cpu"))
                bar.update(len(rows))
            bar.close()
        torch.set_num_threads(threads)
        self.rows = torch.cat(chunks) if chunks else torch.zeros(0, len(self.part), 6, dtype=torch.float16)

    def chart_and_eyes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(1, 1, R, R) float each, on the CPU: 1 on all charts, and 1 on the islands of the eyes."""
        eyes = (self.part == PART_NAMES.index("eye_left")) | (self.part == PART_NAMES.index("eye_right"))
        both = self.texels.scatter(torch.stack([torch.ones_like(eyes), eyes], dim=1).float())[None]
        return both[:, :1], both[:, 1:]

    def __getitem__(self, rows: torch.Tensor) -> AtlasView:
        """Return the views of some faces, (n,) int64."""
        values = self.rows[rows].float().transpose(1, 2)  # (n, 6, T)
        side, count = self.texels.resolution, len(rows)
        places = values.new_full((count, 2, side * side), _OUTSIDE).index_copy(2, self._pixels, values[:, :2])
        others = values.new_zeros(count, 4, side * side).index_copy(2, self._pixels, values[:, 2:])
        grid = places.view(count, 2, side, side).permute(0, 2, 3, 1)
        normal, visibility = others.view(count, 4, side, side).split([3, 1], dim=1)
        return AtlasView(grid, visibility, normal)

"""Smooth vertex normals through one fixed sparse product."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
import torch
import torch.nn.functional as functional

from stylefaceuv.face_model.sparse import SparseMap
from stylefaceuv.types import MeshTopology


class VertexNormals:
    """Area-weighted normals, shared by the rows on both sides of a texture seam.

    Args:
        topology: the mesh.
        like: tensor whose dtype and device the vertices will have; None is those of ``topology.uv``.
    """

    def __init__(self, topology: MeshTopology, like: torch.Tensor | None = None) -> None:
        self.faces = topology.faces
        self._sum_faces = SparseMap(_faces_of_rows(topology), topology.uv if like is None else like)

    def __call__(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return unit normals.

        Args:
            vertices: (N, V, 3) float.

        Returns:
            (N, V, 3) float, unit length, outward for counter-clockwise faces.
        """
        first, second, third = (vertices[:, self.faces[:, corner]] for corner in range(3))
        face_normals = torch.linalg.cross(second - first, third - first)
        return functional.normalize(self._sum_faces(face_normals), dim=-1, eps=1e-12)


def _faces_of_rows(topology: MeshTopology) -> sparse.csr_matrix:
    """(V, F): which faces touch the unsplit vertex of each row."""
    index = topology.geometry_index.cpu().numpy()
    faces = topology.faces.cpu().numpy()
    count = len(faces)
    entries = (np.ones(3 * count), (index[faces].ravel(), np.repeat(np.arange(count), 3)))
    touching = sparse.csr_matrix(entries, shape=(int(index.max()) + 1, count))
    return touching[index]

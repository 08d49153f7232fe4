"""The binary chunk of a GLB: arrays in, numbers of glTF accessors and buffer views out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pygltflib

ALIGNMENT = 4
TYPE_OF_WIDTH = {2: pygltflib.VEC2, 3: pygltflib.VEC3, 4: pygltflib.VEC4}
LARGEST_SHORT_INDEX = 65534  # 65535 restarts a primitive
SMALLEST_MORPH = 1e-6
"""Morph offsets below this, metres, are not written."""


class BinaryBuilder:
    """Collects the arrays of one file.

    Attributes:
        accessors: glTF accessors so far.
        views: glTF buffer views so far.
    """

    def __init__(self) -> None:
        self.accessors: list[pygltflib.Accessor] = []
        self.views: list[pygltflib.BufferView] = []
        self._chunks: list[bytes] = []
        self._length = 0
        self._sparse: list[tuple[pygltflib.Accessor, npt.NDArray[np.unsignedinteger], npt.NDArray[np.float32]]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes.

        Args:
            data: the bytes.
            target: what a graphics card will use them for, or None.

        Returns:
            Number of the buffer view.
        """
        self.views.append(pygltflib.BufferView(buffer=0, byteOffset=self._length, byteLength=len(data), target=target))
        padding = -len(data) % ALIGNMENT
        self._chunks.append(data + bytes(padding))
        self._length += len(data) + padding
        return len(self.views) - 1

    def indices(self, faces: npt.NDArray[np.integer]) -> int:
        """Append triangles.

        Args:
            faces: (F, 3) integers.

        Returns:
            Number of the accessor.
        """
        short = int(faces.max()) <= LARGEST_SHORT_INDEX
        data = np.ascontiguousarray(faces, np.uint16 if short else np.uint32)
        view = self.view(data.tobytes(), pygltflib.ELEMENT_ARRAY_BUFFER)
        kind = pygltflib.UNSIGNED_SHORT if short else pygltflib.UNSIGNED_INT
        return self._add(pygltflib.Accessor(bufferView=view, componentType=kind, count=data.size, type="SCALAR"))

    def attribute(self, values: npt.NDArray[np.floating], bounds: bool = False) -> int:
        """Append one value for each vertex.

        Args:
            values: (V, 2..4) float.
            bounds: whether to state the smallest and largest values, as positions must.

        Returns:
            Number of the accessor.
        """
        data = np.ascontiguousarray(values, np.float32)
        accessor = _float_accessor(data.shape)
        accessor.bufferView = self.view(data.tobytes(), pygltflib.ARRAY_BUFFER)
        if bounds:
            _set_bounds(accessor, data)
        return self._add(accessor)

    def offsets(self, values: npt.NDArray[np.float32], bounds: bool = False) -> int:
        """Append one offset for each vertex, storing only what is not nearly zero where that is shorter.

        Args:
            values: (V, 3) float32.
            bounds: whether to state the smallest and largest values, as positions must.

        Returns:
            Number of the accessor.
        """
        rows = np.flatnonzero((np.abs(values) >= SMALLEST_MORPH).any(axis=1))
        index_type = np.uint16 if len(values) <= LARGEST_SHORT_INDEX + 1 else np.uint32
        if len(rows) * (12 + np.dtype(index_type).itemsize) >= len(values) * 12:
            return self.attribute(values, bounds)
        accessor = _float_accessor(values.shape)
        kept = np.ascontiguousarray(values[rows], np.float32)
        if bounds:
            _set_bounds(accessor, np.concatenate([kept, np.zeros((1, 3), np.float32)]))
        if len(rows):
            self._sparse.append((accessor, rows.astype(index_type), kept))
        return self._add(accessor)

    def finish(self) -> bytes:
        """Append what sparse accessors hold, in one view of indices and one of values each.

        Returns:
            The whole binary chunk.
        """
        for index_type, kind in ((np.uint16, pygltflib.UNSIGNED_SHORT), (np.uint32, pygltflib.UNSIGNED_INT)):
            group = [entry for entry in self._sparse if entry[1].dtype == index_type]
            if group:
                self._finish_sparse(group, kind)
        self._sparse = []
        return b"".join(self._chunks)

    def _finish_sparse(
        self,
        group: list[tuple[pygltflib.Accessor, npt.NDArray[np.unsignedinteger], npt.NDArray[np.float32]]],
        kind: int,
    ) -> None:
        index_view = self.view(b"".join(rows.tobytes() for _, rows, _ in group))
        value_view = self.view(b"".join(values.tobytes() for _, _, values in group))
        index_offset = value_offset = 0
        for accessor, rows, values in group:
            accessor.sparse = pygltflib.Sparse(
                count=len(rows),
                indices=pygltflib.AccessorSparseIndices(
                    bufferView=index_view, byteOffset=index_offset, componentType=kind
                ),
                values=pygltflib.AccessorSparseValues(bufferView=value_view, byteOffset=value_offset),
            )
            index_offset += rows.nbytes
            value_offset += values.nbytes

    def _add(self, accessor: pygltflib.Accessor) -> int:
        accessor.byteOffset = None  # the default 0 is an error beside a sparse accessor without a view
        accessor.normalized = None
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _float_accessor(shape: tuple[int, ...]) -> pygltflib.Accessor:
    return pygltflib.Accessor(componentType=pygltflib.FLOAT, count=shape[0], type=TYPE_OF_WIDTH[shape[1]])


def _set_bounds(accessor: pygltflib.Accessor, values: npt.NDArray[np.float32]) -> None:
    accessor.min, accessor.max = values.min(axis=0).tolist(), values.max(axis=0).tolist()

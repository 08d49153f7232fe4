"""Which triangle each pixel centre sees. Three back-ends behind one function; two of them agree to the bit.

Rule: vertices are snapped to 1/4096 pixel, coverage is decided by integer edge functions with the top-left rule,
the largest inverse depth wins and, on a tie, the lowest triangle. Triangles are seen from both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.errors import InvalidArgumentError

SUBPIXEL = 4096
LARGEST_COORDINATE = 2.0**17
BACKENDS = ("numba", "torch", "pytorch3d")


@dataclass(frozen=True)
class Fragments:
    """Result of rasterisation.

    Attributes:
        pix_to_face: (N, H, W) int64, row of ``faces``; -1 where nothing is seen.
        inverse_depth: (N, H, W) float32, 1 / depth in 1 / decimetres; 0 where nothing is seen.
    """

    pix_to_face: torch.Tensor
    inverse_depth: torch.Tensor


@torch.no_grad()
def rasterize(
    vertices_screen: torch.Tensor,
    faces: torch.Tensor,
    height: int,
    width: int,
    backend: str | None = None,
    top: int = 0,
) -> Fragments:
    """Rasterise triangles. Not differentiable: gradients flow through what is recomputed from ``pix_to_face``.

    Args:
        vertices_screen: (N, V, 3) float: x px, y px (down), depth > 0 in decimetres. A triangle with a vertex at
            depth <= 0 is not drawn.
        faces: (F, 3) int64.
        height: of the picture, or of a strip of its rows, pixels.
        width: of the picture, pixels.
        backend: "numba", "torch" or "pytorch3d"; None is numba on the CPU and torch elsewhere.
        top: row of the picture where the strip begins; with "numba" and "torch" a strip has the bits of the whole.

    Returns:
        The visible triangle and inverse depth of each pixel.

    Raises:
        InvalidArgumentError: wrong shapes, non-finite or huge coordinates, unknown back-end.
    """
    _check(vertices_screen, faces, height, width)
    vertices_screen = _drawable(vertices_screen)
    chosen = backend or ("numba" if vertices_screen.device.type == "cpu" else "torch")
    if chosen == "numba":
        from stylefaceuv.rendering.rasterize_numba import rasterize_numba

        return Fragments(*rasterize_numba(vertices_screen, faces, height, width, top))
    if chosen == "torch":
        from stylefaceuv.rendering.rasterize_torch import rasterize_torch

        return Fragments(*rasterize_torch(vertices_screen, faces, height, width, top))
    if chosen == "pytorch3d":
        from stylefaceuv.rendering.rasterize_pytorch3d import rasterize_pytorch3d

        shifted = vertices_screen - vertices_screen.new_tensor([0, top, 0])
        return Fragments(*rasterize_pytorch3d(shifted, faces, height, width))
    raise InvalidArgumentError("backend", f"one of {BACKENDS}", repr(backend))


def _check(vertices: torch.Tensor, faces: torch.Tensor, height: int, width: int) -> None:
    if vertices.ndim != 3 or vertices.shape[2] != 3:
        raise InvalidArgumentError("vertices_screen", "shape (N, V, 3)", tuple(vertices.shape))
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype != torch.int64:
        raise InvalidArgumentError("faces", "int64 of shape (F, 3)", f"{faces.dtype} of shape {tuple(faces.shape)}")
    if height < 1 or width < 1:
        raise InvalidArgumentError("size", "at least 1 x 1 pixels", (height, width))
    if len(faces):
        lowest, highest = (int(row) for row in _extremes(faces))
        if lowest < 0 or highest >= vertices.shape[1]:
            got = lowest if lowest < 0 else highest
            raise InvalidArgumentError("faces", f"rows of {vertices.shape[1]} vertices", got)


def _extremes(values: torch.Tensor) -> tuple[float, float]:
    """The least and the largest of some numbers, NaN if there is one.

    By numpy on the CPU: torch's threads go on spinning for milliseconds after an operation, on the cores that the
    bands of the compiled back-end need next. That doubled the time of a call on two cores.
    """
    if values.device.type != "cpu":
        lowest, highest = values.aminmax()
        return float(lowest), float(highest)
    array = values.detach().numpy()
    return float(array.min()), float(array.max())


def _drawable(vertices: torch.Tensor) -> torch.Tensor:
    """Check coordinates; those of vertices behind the camera, which may be anything, become 0."""
    if vertices.numel() == 0:
        return vertices
    largest = max(abs(part) for part in _extremes(vertices))
    if largest <= LARGEST_COORDINATE:  # false for NaN
        return vertices
    vertices = torch.where(vertices[..., 2:] <= 0, torch.zeros_like(vertices), vertices)
    if not bool(torch.isfinite(vertices).all()):
        raise InvalidArgumentError("vertices_screen", "finite numbers", "NaN or Inf")
    largest = float(vertices[..., :2].abs().max())
    if largest > LARGEST_COORDINATE:
        raise InvalidArgumentError("vertices_screen", f"coordinates within {LARGEST_COORDINATE:.0f} px", largest)
    return vertices

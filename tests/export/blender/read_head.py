"""Opens a GLB in Blender and writes what it holds: PYTHON_WITH_BPY read_head.py HEAD.glb OUT.npz."""

from __future__ import annotations

import os
import sys

import bpy
import numpy as np


def world_points(item: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    """(V, 3) metres, from Blender's axes (z up) to glTF's (y up)."""
    matrix = np.array(item.matrix_world)
    x, y, z = (points @ matrix[:3, :3].T + matrix[:3, 3]).T
    return np.stack([x, z, -y], axis=1)


def main(source: str, target: str) -> None:
    """Read and write."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=source)
    bpy.context.view_layer.update()
    found: dict[str, np.ndarray] = {}
    for item in bpy.data.objects:
        if item.type != "MESH":
            continue
        keys = item.data.shape_keys.key_blocks
        found[f"{item.name}/names"] = np.array([key.name for key in keys])
        found[f"{item.name}/materials"] = np.array([slot.name for slot in item.data.materials])
        for key in (keys[0], keys["jawOpen"]):
            flat = np.empty(3 * len(item.data.vertices), np.float32)
            key.data.foreach_get("co", flat)
            found[f"{item.name}/{key.name}"] = world_points(item, flat.reshape(-1, 3).astype(np.float64))
    np.savez(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # Blender as a module may crash while it shuts down, after everything is written

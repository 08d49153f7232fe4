"""Time a full render through ``Renderer``: projection, rasterising, normals, texture, light, anti-aliasing.

    python benchmarks/render.py --count 40

Prints median and best time of a call after warm-up (bar: 150 ms at level 1, 512 px, 1024 px texture) without
gradients, of ``Face.render`` with ``--face``, and forward and backward together as training does with ``--training``.
Processor time is what other jobs on the machine disturb least. ``--save FILE`` keeps the pictures,
``--compare FILE`` prints how far they are from kept ones.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from stylefaceuv import StyleFaceUV
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.rendering.renderer import Renderer, RenderOutput

YAWS = (0.0, 35.0, -60.0)


class Scene:
    """The mean head at one of some yaws, with a texture of noise, which no cache or constant colour flatters."""

    def __init__(self, level: int, size: int, texture: int) -> None:
        model = load_face_model()
        vertices, self.topology = model.refine(model.mean[None], level), model.topology(level)
        self.views = [pose_vertices(vertices, torch.tensor([[yaw, 0.0, 0.0]]), torch.zeros(1, 3)) for yaw in YAWS]
        self.albedo = torch.rand(1, 3, texture, texture, generator=torch.Generator().manual_seed(0))
        self.light, self.camera = light_preset("studio")[None], Camera.portrait(size, size)

    def render(self, renderer: Renderer, index: int) -> RenderOutput:
        """Render one of the views."""
        world = self.views[index % len(self.views)]
        return renderer.render(world, self.topology, self.albedo, self.light, self.camera)

    def train(self, renderer: Renderer, index: int) -> None:
        """Render one of the views and send a gradient to vertices, texture and light."""
        leaves = [part.clone().requires_grad_() for part in (self.views[index % 3], self.albedo, self.light)]
        renderer.render(leaves[0], self.topology, leaves[1], leaves[2], self.camera).color.square().mean().backward()


def report(name: str, call: Callable[[int], object], count: int) -> None:
    """Print median and best time and processor time of ``count`` calls, after three that are not counted."""
    times, work = [], []
    for index in range(count + 3):
        start, busy = time.perf_counter(), time.process_time()
        call(index)
        times.append(1e3 * (time.perf_counter() - start))
        work.append(1e3 * (time.process_time() - busy))
    counted = times[3:]
    print(
        f"{name:22s} median {statistics.median(counted):.1f} ms, best {min(counted):.1f} ms of {count} calls; "
        f"processor median {statistics.median(work[3:]):.1f} ms, best {min(work[3:]):.1f} ms"
    )


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", type=int, default=1)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--texture", type=int, default=1024)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves its default")
    parser.add_argument("--training", action="store_true", help="time forward and backward as well")
    parser.add_argument("--face", action="store_true", help="time Face.render of a generated face as well")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--compare", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    scene, renderer = Scene(options.level, options.size, options.texture), Renderer()
    print(f"level {options.level}, {options.size} px, supersample {renderer.supersample}, {len(YAWS)} views in turn")
    with torch.inference_mode():
        report("render", lambda index: scene.render(renderer, index), options.count)
        outputs = [scene.render(renderer, index) for index in range(len(YAWS))]
    pictures = {f"{name}_{i}": getattr(o, name) for i, o in enumerate(outputs) for name in ("color", "normals", "uv")}
    if options.save:
        save_file({name: picture.contiguous() for name, picture in pictures.items()}, options.save)
    if options.compare:
        kept = load_file(options.compare)
        worst = {name: float((kept[name] - picture).abs().max()) for name, picture in pictures.items()}
        print("largest difference to the kept pictures:", {name: f"{value:.1e}" for name, value in worst.items()})
    if options.face:
        model = StyleFaceUV.from_pretrained()
        face = model.generate(model.sample(1, seed=2007))[0]
        report("Face.render", lambda index: face.render(options.size, yaw=YAWS[index % 3]), options.count)
    if options.training:
        report("training, supersample 1", lambda index: scene.train(Renderer(supersample=1), index), options.count)
        for flag in (False, True):
            kept = Renderer(supersample=1, antialias=flag)
            name = "  kept, antialias" if flag else "  with a kept renderer"
            report(name, lambda index, kept=kept: scene.train(kept, index), options.count)


if __name__ == "__main__":
    main()

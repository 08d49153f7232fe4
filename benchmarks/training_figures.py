"""Draw the pictures of docs/training.md: two views and their masks, displacement, and what an image shows.

    python benchmarks/training_figures.py two-views --count 3 --out docs/images/two_views.jpg
    python benchmarks/training_figures.py displacement --count 4 --out docs/images/displacement.jpg
    python benchmarks/training_figures.py segments --seed 6200 --count 4 --out docs/images/segments.jpg

``two-views`` is the paper's figure 3 for this package: both images, both masks (white 1, grey 0.5), what the own view
gives alone, what both give, and the head turned to the side that the own view does not see, with either.
``displacement`` shows the generator's heads in clay without and with displacement, how far it moves the skin, and the
textured render. ``segments`` shows images, the marks that the head model makes on them, and what the segmenter says.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn import functional

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.lifting.completion import solid_mask
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.networks.uv_generator import UVPrediction
from stylefaceuv.training.segmenter import MarkedPhotos
from stylefaceuv.training.uv_masks import accessed_texels, view_masks
from stylefaceuv.training.uv_scene import Scene
from stylefaceuv.types import FaceCoefficients

CELL, RESOLUTION = 192, 512
SEGMENT_COLORS = torch.tensor([[0.1, 0.2, 0.8], [1.0, 0.7, 0.5], [0.1, 0.7, 0.2], [0.9, 0.0, 0.1]])
"""Of background, face, hair and glasses."""


def picture(image: torch.Tensor) -> Image.Image:
    """(C, H, W) float in [0, 1], one or three channels, to a cell of the sheet."""
    pixels = (image.clamp(0, 1).expand(3, -1, -1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels.numpy())).resize((CELL, CELL), Image.Resampling.LANCZOS)


def sheet(rows: list[list[Image.Image]], labels: list[str]) -> Image.Image:
    """Cells in rows under a line of labels."""
    result = Image.new("RGB", (CELL * len(labels), 24 + CELL * len(rows)), (250, 250, 250))
    pen = ImageDraw.Draw(result)
    for column, label in enumerate(labels):
        pen.text((CELL * column + 8, 5), label, (40, 40, 40), font_size=13)
        for row, cells in enumerate(rows):
            result.paste(cells[column], (CELL * column, 24 + CELL * row))
    return result


def batched(one: FaceCoefficients) -> FaceCoefficients:
    """A batch of one."""
    names = ("identity", "expression", "rotation", "lighting", "translation")
    return replace(one, **{name: getattr(one, name)[None] for name in names})


def masks(model: StyleFaceUV, own: Face, other: Face) -> tuple[torch.Tensor, torch.Tensor]:
    """Both views' masks in the atlas, (1, R, R) each, by the gradient of a rendered constant map."""
    scene = Scene(model.components, 1024, 1)
    flat = UVPrediction(torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 3, 8, 8))
    seen = []
    for face in (own, other):
        view = scene.render(flat, own.coefficients.identity[None], batched(face.coefficients))
        seen.append(accessed_texels(view.uv, view.alpha, RESOLUTION // 2))
    first, second = view_masks(*seen)
    return first[0], second[0]


def photo(face: Face) -> Photo:
    """The face's image with its registration."""
    image = torch.from_numpy(face.image.copy()).permute(2, 0, 1).float() / 255
    return Photo(image, face.coefficients, torch.from_numpy(face.landmarks.copy()))


def turned(face: Face, diffuse: torch.Tensor, yaw: float) -> Image.Image:
    """The head with another diffuse map, turned."""
    pixels = (diffuse.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy()
    maps = replace(face.maps, diffuse=np.ascontiguousarray(pixels))
    view = replace(face, maps=maps).render(size=2 * CELL, yaw=yaw, pitch=0, roll=0, lighting="studio")
    return picture(torch.from_numpy(view.copy()).permute(2, 0, 1) / 255)


def two_views(model: StyleFaceUV, seed: int, count: int) -> Image.Image:
    """The paper's figure 3: faces that look to a side, because only there the second view adds something."""
    lifter = Lifter(model.components.face_model, model.components.albedo_model, RESOLUTION)
    chart = lifter.skin_chart
    rows: list[list[Image.Image]] = []
    for w in model.sample(12 * count, seed=seed, truncation=0.7):
        own = model.generate(w)
        assert isinstance(own, Face)
        yaw = float(own.coefficients.rotation[0])
        if abs(yaw) < 18:
            continue
        other = model.generate(model.rotate(w, -yaw))
        assert isinstance(other, Face)
        alone, both = lifter(photo(own)), lifter(photo(own), photo(other))
        raw = [seen_only(lifter, photo(face), chart) for face in (own, other)]
        first, second = masks(model, own, other)
        side = -50.0 if yaw > 0 else 50.0
        cells = [own.image, other.image]
        row = [picture(torch.from_numpy(cell.copy()).permute(2, 0, 1) / 255) for cell in cells]
        row += [picture(first), picture(second), picture(raw[0]), picture(raw[1])]
        row += [picture(both.diffuse), turned(own, alone.diffuse, side), turned(own, both.diffuse, side)]
        rows.append(row)
        if len(rows) == count:
            break
    labels = ["own view", "symmetric view", "own mask", "symmetric mask", "seen in own", "seen in symmetric"]
    return sheet(rows, [*labels, "both, complete", "turned: own view alone", "turned: both views"])


def seen_only(lifter: Lifter, one: Photo, chart: torch.Tensor) -> torch.Tensor:
    """(3, R, R): the delit texture where the view shows it, black elsewhere."""
    texels, lifted, _, _ = lifter._lift(one)
    seen = solid_mask(lifter.texels.scatter(texels.confidence[:, None])[None] * chart, 1, 1)
    return (lifter.texels.scatter(lifted)[None] * seen)[0]


def displacement(model: StyleFaceUV, seed: int, count: int) -> Image.Image:
    """Clay without and with displacement."""
    rows = []
    faces = model.generate(model.sample(count, seed=seed, truncation=0.7), detail="generator")
    assert isinstance(faces, list)
    for face in faces:
        bare = replace(face, maps=replace(face.maps, displacement=np.zeros_like(face.maps.displacement)))
        view = {"size": 2 * CELL, "yaw": 30.0, "pitch": 0.0, "roll": 0.0, "expression": "neutral", "lighting": "left"}
        length = torch.from_numpy(np.linalg.norm(face.displacement, axis=-1))[None, None]
        large = functional.interpolate(length, (CELL, CELL), mode="bilinear", align_corners=False)[0]
        clay = [one.render(shading="clay", **view) for one in (bare, face)]
        cells = [face.image, *clay, face.render(**view)]
        row = [picture(torch.from_numpy(cell.copy()).permute(2, 0, 1) / 255) for cell in cells]
        rows.append([*row, picture(large / 3)])
    labels = ["image", "clay, no displacement", "clay, with it", "textured", "length, white = 3 mm"]
    return sheet(rows, labels)


def segments(model: StyleFaceUV, seed: int, count: int) -> Image.Image:
    """Marks and segments of images."""
    segmenter = model.components.head_segmenter
    assert segmenter is not None
    photos = MarkedPhotos(model.components, segmenter.config)
    rows = []
    for w in model.sample(count, seed=seed, truncation=0.7)[:, None]:
        photo = photos.photo(w)
        marks = photos.marker(photo)
        marked = torch.stack([marks == row for row in range(len(SEGMENTS))]).float()
        with torch.no_grad():
            shares = segmenter(model.components.generator.synthesis_features(w, segmenter.config.resolution))[0]
        colored = [torch.einsum("shw,sc->chw", each, SEGMENT_COLORS) for each in (marked, shares)]
        small = functional.adaptive_avg_pool2d(photo.image, segmenter.config.resolution)
        rows.append([picture(photo.image), *(picture(each) for each in colored), picture((small + colored[1]) / 2)])
    half = (count + 1) // 2
    blank = [Image.new("RGB", (CELL, CELL), (250, 250, 250))] * 4
    pairs = [left + right for left, right in zip(rows[:half], [*rows[half:], blank][:half], strict=True)]
    return sheet(pairs, 2 * ["image", "marks; black: none", "segments", "both"])


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=tuple(FIGURES))
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--bundle", default=None, help="folder of a bundle; default: the embedded one")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    model = StyleFaceUV.from_pretrained(args.bundle) if args.bundle else StyleFaceUV.from_pretrained()
    FIGURES[args.figure](model, args.seed, args.count).save(args.out, quality=75, optimize=True)
    return 0


FIGURES = {"two-views": two_views, "displacement": displacement, "segments": segments}


if __name__ == "__main__":
    sys.exit(main())

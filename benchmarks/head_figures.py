"""Draw the pictures of heads in README and docs.

    python benchmarks/head_figures.py detail --seed 7 --count 4 --out docs/images/detail.jpg
    python benchmarks/head_figures.py hair --seed 5151 --count 5 --out docs/images/hair.jpg

``detail``: StyleGAN2 image, symmetric image, the lifted head and the generator's from two sides, both diffuse maps.
``hair``: StyleGAN2 image, the head with clean skin, with the photo's hair from three sides, with the UV generator's,
and the diffuse map with the photo's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from stylefaceuv import Face, StyleFaceUV

CELL = 192
FRONT, SIDE, OTHER = ({"yaw": yaw, "pitch": 0.0, "roll": 0.0} for yaw in (0.0, 35.0, -60.0))


def cell(picture: np.ndarray) -> np.ndarray:
    """Shrink a picture to a cell of the sheet."""
    return np.asarray(Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS))


def heads(model: StyleFaceUV, options: argparse.Namespace, detail: str = "lifted") -> list[Face]:
    """The heads of a seed."""
    made = model.generate(model.sample(options.count, seed=options.seed), detail=detail)
    assert isinstance(made, list)
    return made


def views(face: Face, *poses: dict[str, float]) -> list[np.ndarray]:
    """Renders, twice as large as a cell."""
    return [face.render(size=2 * CELL, **pose) for pose in poses]


def detail_rows(options: argparse.Namespace) -> list[list[np.ndarray]]:
    """Both ways to make a head's maps."""
    model = StyleFaceUV.from_pretrained()
    pairs = zip(heads(model, options), heads(model, options, "generator"), strict=True)
    return [
        [a.image, a.symmetric_image, *views(a, FRONT, SIDE), *views(b, FRONT, SIDE), a.diffuse, b.diffuse]
        for a, b in pairs
    ]


def hair_rows(options: argparse.Namespace) -> list[list[np.ndarray]]:
    """Both ways to treat hair, and the UV generator's own."""
    keeping = StyleFaceUV.from_pretrained(hair="keep")
    clean, kept = heads(StyleFaceUV.from_pretrained(), options), heads(keeping, options)
    painted = heads(keeping, options, "generator")
    return [
        [a.image, *views(a, FRONT, SIDE), *views(b, FRONT, SIDE, OTHER), *views(c, FRONT, SIDE), b.diffuse]
        for a, b, c in zip(clean, kept, painted, strict=True)
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=("detail", "hair"))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = detail_rows(options) if options.figure == "detail" else hair_rows(options)
    sheet = np.concatenate([np.concatenate([cell(picture) for picture in row], axis=1) for row in rows])
    Image.fromarray(sheet).save(options.out, quality=75, optimize=True)


if __name__ == "__main__":
    main()

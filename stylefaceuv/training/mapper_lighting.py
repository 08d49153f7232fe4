"""Teaches a trained mapper the light: its 27 lighting outputs become a ridge regression on lifted light.

    python -m stylefaceuv.training.mapper_lighting --root DIR --mapper mapper.safetensors --out mapper.safetensors

Light is known only where faces were lifted (:mod:`stylefaceuv.training.uv_targets`), which is a part of the data set;
pose, identity and expression are not touched, bit for bit. Both views of a face are samples.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import cast

import torch
from torch import nn

from stylefaceuv.networks.mapper import EXPRESSION, IDENTITY, LIGHTING, ROTATION, Mapper, load_mapper
from stylefaceuv.training.uv_dataset import TargetSet, read_targets
from stylefaceuv.weights_file import load_config, save_tensors

_FIRST = IDENTITY + EXPRESSION + ROTATION
ROWS = slice(_FIRST, _FIRST + LIGHTING)
"""Lighting's place among the 177 coefficients."""

HELD_OUT_EVERY = 48


def ridge(inputs: torch.Tensor, outputs: torch.Tensor, penalty: float) -> torch.Tensor:
    """Solve min |X A - Y|² + penalty |A|².

    Args:
        inputs: (n, d) float.
        outputs: (n, k) float.
        penalty: not negative.

    Returns:
        (d, k) float.
    """
    x, y = inputs.double(), outputs.double()
    normal = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(normal, x.T @ y).to(inputs)


@torch.no_grad()
def teach_lighting(mapper: Mapper, targets: TargetSet, penalty: float) -> dict[str, float]:
    """Set the lighting outputs of a compact mapper in place.

    Args:
        mapper: preset "compact", trained.
        targets: faces with light.
        penalty: of the ridge.

    Returns:
        Mean absolute errors on held-out faces: of the mapper, and of always saying the mean light.
    """
    w = torch.cat([targets.w, targets.w_sym])
    light = torch.cat([targets.lighting, targets.lighting_sym])
    held = (torch.cat([targets.number, targets.number]) % HELD_OUT_EVERY) == 0
    mean, spread = light[~held].mean(dim=0), light[~held].std(dim=0)
    style = (w - mapper.style_mean) / mapper.style_spread
    centre = style[~held].mean(dim=0)
    matrix = ridge(style[~held] - centre, (light[~held] - mean) / spread, penalty)
    body = mapper.body
    linear, last = cast(nn.Linear, body.linear), cast(nn.Linear, body.last)
    linear.weight[ROWS] = matrix.T
    linear.bias[ROWS] = -(centre @ matrix)
    last.weight[ROWS], last.bias[ROWS] = 0.0, 0.0
    mapper.mean[ROWS], mapper.spread[ROWS] = mean, spread
    error = (mapper(w[held]).lighting - light[held]).abs().mean()
    return {
        "mapper": float(error),
        "mean_light": float((mean - light[held]).abs().mean()),
        "faces": float(len(targets)),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="data set folder with targets")
    parser.add_argument("--mapper", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--penalty", type=float, default=400.0)
    args = parser.parse_args()
    mapper = load_mapper(args.mapper)
    figures = teach_lighting(mapper, read_targets(args.root), args.penalty)
    save_tensors(
        args.out, {name: value.half() for name, value in mapper.state_dict().items()}, load_config(args.mapper)
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()

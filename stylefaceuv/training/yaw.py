"""Learns the yaw direction and the yaw regressor (StyleFaceUV, section 3.2.2, Eq. 2).

Run ``python -m stylefaceuv.training.yaw --help``. 200,000 stylecodes, their yaw by the mapper, the top and bottom
2 % as two classes, a linear SVM whose unit normal is the direction; then F_yaw so that the mapper sees the asked
yaw after the step. The 36,000 pairs of the paper are not needed: the mapper is the teacher.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stylefaceuv.networks.generator import Generator
from stylefaceuv.networks.mapper import Mapper, load_mapper
from stylefaceuv.networks.mobile_stylegan import load_mobile_stylegan
from stylefaceuv.networks.yaw import YawEditor
from stylefaceuv.weights_file import save_tensors

WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True)
class YawConfig:
    """Constants of the training.

    Attributes:
        count: stylecodes (paper: 200,000).
        tail: share of each class (paper: 2 %).
        target_limit: asked yaw ~ U(-limit, limit), degrees (paper: 30).
        steps: of Adam on F_yaw.
        batch: stylecodes a step.
        learning_rate: of Adam, falling to zero by a cosine.
        seed: of stylecodes and targets.
    """

    count: int = 200_000
    tail: float = 0.02
    target_limit: float = 32.0
    steps: int = 3000
    batch: int = 512
    learning_rate: float = 1e-3
    seed: int = 1


@torch.inference_mode()
def sample_stylecodes(generator: Generator, count: int, seed: int) -> torch.Tensor:
    """Draw stylecodes with psi ~ U(0.5, 1) as in the data set.

    Args:
        generator: its mapping network is used.
        count: number of codes.
        seed: of NumPy's Philox.

    Returns:
        (count, 512) float32.
    """
    source = np.random.Generator(np.random.Philox(seed))
    mean = generator.mean_stylecode
    rows = []
    for start in tqdm(range(0, count, 4096), desc="map", unit="batch"):
        size = min(4096, count - start)
        z = torch.from_numpy(source.standard_normal((size, 512)).astype(np.float32))
        psi = torch.from_numpy(source.uniform(0.5, 1.0, (size, 1)).astype(np.float32))
        rows.append(mean + psi * (generator.mapping(z) - mean))
    return torch.cat(rows)


@torch.inference_mode()
def mapped_yaw(mapper: Mapper, w: torch.Tensor) -> torch.Tensor:
    """Return the yaw that the mapper sees, (N,) degrees."""
    return torch.cat([mapper(part).rotation[:, 0] for part in w.split(4096)])


def find_direction(w: torch.Tensor, yaw: torch.Tensor, tail: float) -> torch.Tensor:
    """Separate the most left- from the most right-looking stylecodes.

    Args:
        w: (N, 512) float.
        yaw: (N,) float, degrees.
        tail: share of each class.

    Returns:
        (512,) float32, unit normal, towards larger yaw.
    """
    from sklearn.svm import LinearSVC

    size = max(int(tail * len(w)), 2)
    order = yaw.argsort()
    rows = torch.cat([order[:size], order[-size:]])
    label = np.repeat([0, 1], size)
    machine = LinearSVC(C=1.0, dual="auto", max_iter=20_000).fit(w[rows].numpy(), label)
    normal = torch.from_numpy(machine.coef_[0]).float()
    return torch.nn.functional.normalize(normal, dim=0)


def train_regressor(editor: YawEditor, mapper: Mapper, w: torch.Tensor, config: YawConfig) -> list[float]:
    """Train F_yaw in place.

    Args:
        editor: with its direction set.
        mapper: frozen teacher.
        w: (N, 512) float, training stylecodes.
        config: constants.

    Returns:
        The mean absolute yaw error of every step, degrees.
    """
    mapper.requires_grad_(False)
    optimizer = torch.optim.Adam(editor.network.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    source = torch.Generator().manual_seed(config.seed)
    curve = []
    for _ in tqdm(range(config.steps), desc="F_yaw", unit="step"):
        batch = w[torch.randint(len(w), (config.batch,), generator=source)]
        target = (torch.rand(config.batch, generator=source) * 2 - 1) * config.target_limit
        error = (mapper(editor(batch, target)).rotation[:, 0] - target).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
        curve.append(float(error.detach()))
    return curve


def train(generator: Generator, mapper: Mapper, config: YawConfig) -> tuple[YawEditor, dict[str, float]]:
    """Run both stages.

    Args:
        generator: maps latents.
        mapper: sees yaw.
        config: constants.

    Returns:
        The editor, and figures of the training.
    """
    w = sample_stylecodes(generator, config.count, config.seed)
    yaw = mapped_yaw(mapper, w)
    editor = YawEditor()
    editor.direction.copy_(find_direction(w, yaw, config.tail))
    editor.mean_stylecode.copy_(w.mean(dim=0))
    editor.spread.copy_(w.std(dim=0))
    w = w.clone()
    curve = train_regressor(editor, mapper, w, config)
    figures = {
        "yaw_standard_deviation": float(yaw.std()),
        "first_error_degrees": float(np.mean(curve[:20])),
        "last_error_degrees": float(np.mean(curve[-100:])),
    }
    return editor.eval(), figures


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder with generator and mapper")
    parser.add_argument("--out", type=Path, required=True, help="yaw.safetensors to write")
    parser.add_argument("--count", type=int, default=YawConfig.count)
    parser.add_argument("--steps", type=int, default=YawConfig.steps)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = YawConfig(count=args.count, steps=args.steps)
    generator = load_mobile_stylegan(args.weights / "generator.safetensors")
    mapper = load_mapper(args.weights / "mapper.safetensors")
    editor, figures = train(generator, mapper, config)
    save_tensors(args.out, {name: value.half() for name, value in editor.state_dict().items()})
    args.out.with_suffix(".json").write_text(json.dumps({"config": asdict(config), **figures}, indent=1))


if __name__ == "__main__":
    main()

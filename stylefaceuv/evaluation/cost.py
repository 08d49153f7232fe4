"""What each stage costs, beside what a user would otherwise run; nothing here is a bar, machines differ."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation.process_cost import cost_of, torch_threads
from stylefaceuv.evaluation.rival_cost import Rival, rivals
from stylefaceuv.pipeline import StyleFaceUV
from stylefaceuv.types import Face

Stage = tuple[str, Callable[[], object]]

BATCHES, THREADS = (1, 8), (1, 2)
SEED = 2000
PACKAGES = ("torch", "numpy", "numba", "openvino", "pytorch3d")
_TEXTURES, _LEVELS, _COUNTS = (256, 512, 1024, 2048), (0, 1, 2), (1, 2, 4)


@dataclass(frozen=True)
class CostRow:
    """The cost of one stage in one configuration.

    Attributes:
        stage: what ran.
        batch: heads or pictures in the call.
        threads: of torch and of compiled code.
        cpu_seconds: processor time of the call, all threads together.
        wall_seconds: of the call.
        peak_mb: memory above that before the call, megabytes; NaN where unknown.
    """

    stage: str
    batch: int
    threads: int
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class CostReport:
    """All costs of one run.

    Attributes:
        rows: in the order of measuring.
        versions: of Python and the packages that did the work; "not installed" where one is missing.
        missing: rivals that could not run, each with the reason.
    """

    rows: tuple[CostRow, ...]
    versions: dict[str, str]
    missing: tuple[str, ...] = ()

    def as_markdown(self) -> str:
        """Return the table, the versions below it, and what could not run."""
        lines = ["| stage | batch | threads | CPU seconds | wall seconds | peak MB |", "|" + " --- |" * 6]
        for row in self.rows:
            figures = f"{row.cpu_seconds:.4g} | {row.wall_seconds:.4g} | {row.peak_mb:.4g}"
            lines.append(f"| {row.stage} | {row.batch} | {row.threads} | {figures} |")
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return "\n".join(
            [*lines, "", f"Versions: {versions}.", *(f"Not measured: {reason}." for reason in self.missing)]
        )


def measure_cost(
    model: StyleFaceUV,
    *,
    repeats: int,
    batches: tuple[int, ...] = BATCHES,
    threads: tuple[int, ...] = THREADS,
    openvino_folder: Path | None = None,
) -> CostReport:
    """Measure every stage, its rivals, and how cost grows.

    Args:
        model: the pipeline.
        repeats: counted calls of each, at least 1; the median is kept.
        batches: heads in a call. Stages that run head by head are called so often.
        threads: numbers of threads; the number from before is restored.
        openvino_folder: folder with the published networks; None for the cache of the package, if they are there.

    Returns:
        The report.

    Raises:
        InvalidArgumentError: fewer than one repeat.
    """
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 1:
        raise InvalidArgumentError("repeats", "a whole number, at least 1", repr(repeats))
    rows: list[CostRow] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        faces = [_face(model, index) for index in range(max(batches))]
        for count in threads:
            with torch_threads(count):
                others, missing = rivals(count, model, faces[0], openvino_folder)
                for batch in batches:
                    stages = [*_stages(model, faces[:batch], folder), *_at_batch(others, batch)]
                    rows += [_row(stage, batch, count, repeats) for stage in stages]
        with torch_threads(1):
            rows += [_row(stage, batch, 1, repeats) for stage, batch in _growth(model, faces[0], folder)]
    return CostReport(tuple(rows), _versions(), tuple(missing))


def _row(stage: Stage, batch: int, threads: int, repeats: int) -> CostRow:
    cost = cost_of(stage[1], repeats, warm_up=batch == 1)
    return CostRow(stage[0], batch, threads, cost.cpu_seconds, cost.wall_seconds, cost.peak_mb)


def _at_batch(others: list[Rival], batch: int) -> list[Stage]:
    return [(name, partial(work, batch)) for name, work in others]


def _face(model: StyleFaceUV, index: int) -> Face:
    """A head without its image, which the stages need only as something to draw and to write."""
    made = model.generate(model.sample(1, SEED, start=index)[0], detail="generator")
    assert isinstance(made, Face)
    return made


def _stages(model: StyleFaceUV, faces: list[Face], folder: Path) -> Iterator[Stage]:
    """Each stage on some heads."""
    parts, w = model.components, torch.stack([torch.from_numpy(face.stylecode) for face in faces])
    z = torch.randn(len(faces), w.shape[1], generator=torch.Generator().manual_seed(SEED))
    yield "mapping", _quiet(lambda: parts.generator.mapping(z))
    yield "mapper", _quiet(lambda: parts.mapper(w))
    if parts.uv_generator is not None:
        yield "UV generator, with its trunk", _quiet(lambda: [model.maker.paint(row[None]) for row in w])
    yield "synthesis", _quiet(lambda: [parts.generator.synthesis(row[None]) for row in w])
    yield "lifting, with synthesis", _quiet(lambda: [model.maker.make(row, "lifted") for row in w])
    yield "mesh, level 1", lambda: [face.studio.mesh(face, 1) for face in faces]
    yield "render, 512 px", lambda: [face.render(size=512, yaw=30.0) for face in faces]
    for suffix in (".glb", ".obj", ".ply"):
        yield f"export {suffix[1:]}", partial(_export, faces, folder / f"head{suffix}")


def _growth(model: StyleFaceUV, face: Face, folder: Path) -> Iterator[tuple[Stage, int]]:
    """GLB files and heads of growing size, each with its count of heads."""
    target = folder / "grown.glb"
    for size in _TEXTURES:
        yield (f"export glb, texture {size}", partial(_export, [face], target, texture_size=size)), 1
    for level in _LEVELS:
        yield (f"export glb, level {level}", partial(_export, [face], target, level=level)), 1
    for morphs in (False, True):
        yield (f"export glb, {'52' if morphs else 'no'} morphs", partial(_export, [face], target, morphs=morphs)), 1
    for count in _COUNTS:
        w = model.sample(count, SEED)
        yield ("generate, detail generator", partial(model.generate, w, detail="generator")), count


def _export(faces: list[Face], target: Path, **options: int) -> None:
    for face in faces:
        face.export(target, **options)


def _quiet(call: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with torch.inference_mode():
            return call()

    return run


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        present = importlib.util.find_spec(name) is not None
        found[name] = importlib.metadata.version(name) if present else "not installed"
    return found

"""Many heads into a folder: in batches, with flat memory, and resumed where an earlier call stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from stylefaceuv import __version__
from stylefaceuv.bundle import Bundle
from stylefaceuv.contact_sheet import ContactSheet
from stylefaceuv.crowd_record import CrowdRecord, HeadRecord
from stylefaceuv.manifest import sha256_of
from stylefaceuv.types import Face

SHEET_NAME = "contact_sheet.png"


class HeadModel(Protocol):
    """What a crowd needs of :class:`stylefaceuv.StyleFaceUV`."""

    bundle: Bundle | None

    def sample(self, count: int, seed: int, truncation: float = 0.7, start: int = 0) -> torch.Tensor:
        """Draw stylecodes, (count, 512) float32."""

    def generate(
        self,
        w: torch.Tensor,
        *,
        detail: str = "lifted",
        seed: int | None = None,
        start: int | None = None,
        truncation: float | None = None,
    ) -> list[Face] | Face:
        """Make heads of stylecodes."""


@dataclass(frozen=True)
class CrowdOptions:
    """Everything that the files of a crowd depend on, besides the weights.

    Attributes:
        seed: of the stylecodes.
        truncation: psi.
        suffix: of the files, which chooses the format.
        export: options of :meth:`stylefaceuv.types.Face.export`, JSON-serialisable.
        detail: "lifted", or "generator" for the fast path that never makes the StyleGAN2 image.
        hair: "clean" or "keep", as the model was made with.
    """

    seed: int
    truncation: float = 0.7
    suffix: str = ".glb"
    export: Mapping[str, Any] = field(default_factory=dict)
    detail: str = "lifted"
    hair: str = "clean"


@dataclass(frozen=True)
class CrowdRange:
    """Which heads to make, and how.

    Attributes:
        count: number of heads.
        start: number of the first stylecode under the seed.
        batch: heads that are in memory at a time.
        sheet_rows: rows of the contact sheet, 0 for none.
    """

    count: int
    start: int = 0
    batch: int = 4
    sheet_rows: int = 16

    @property
    def indices(self) -> range:
        """Numbers of the heads."""
        return range(self.start, self.start + self.count)


def generate_crowd(
    model: HeadModel,
    folder: str | Path,
    options: CrowdOptions,
    heads: CrowdRange,
    on_head: Callable[[], object] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write heads, a contact sheet and ``manifest.json``; a call with the same arguments goes on where one stopped.

    A head that the folder already holds unchanged is not made again. Every file appears whole or not at all.

    Args:
        model: makes the heads.
        folder: where to write; made when missing.
        options: what the files depend on.
        heads: which heads.
        on_head: called once for each head, also for those that are there already.
        overwrite: replace heads that were made with other arguments.

    Returns:
        Path of ``manifest.json``.

    Raises:
        OutputError: the folder cannot be written, or holds heads made with other arguments.
        InvalidArgumentError: an option is out of range.
    """
    target = Path(folder)
    record = CrowdRecord(target, _arguments(model, options), overwrite)
    sheet = ContactSheet()
    wanted = set(heads.indices[: heads.sheet_rows])
    missing = []
    for index in heads.indices:
        if index in record.heads and record.heads[index].matches(target):
            _call(on_head)
        else:
            missing.append(index)
    for index, face in _faces(model, options, missing, heads.batch):
        record.add(_export(face, index, target, options))
        if index in wanted:
            sheet.add(face, index)
        _call(on_head)
    _finish_sheet(model, options, heads, sheet, target / SHEET_NAME, changed=bool(missing))
    return record.finish(licences=_licences(model), contact_sheet=SHEET_NAME if heads.sheet_rows else None)


def _call(on_head: Callable[[], object] | None) -> None:
    if on_head is not None:
        on_head()


def _faces(model: HeadModel, options: CrowdOptions, indices: list[int], batch: int) -> Iterator[tuple[int, Face]]:
    """Make the heads with these ascending numbers, run by run, at most ``batch`` at a time."""
    while indices:
        run = 1
        while run < min(batch, len(indices)) and indices[run] == indices[0] + run:
            run += 1
        chunk, indices = indices[:run], indices[run:]
        w = model.sample(run, options.seed, options.truncation, chunk[0])
        made = model.generate(
            w, detail=options.detail, seed=options.seed, start=chunk[0], truncation=options.truncation
        )
        yield from zip(chunk, made if isinstance(made, list) else [made], strict=True)


def _export(face: Face, index: int, folder: Path, options: CrowdOptions) -> HeadRecord:
    path = face.export(folder / f"{index:06d}{options.suffix}", **options.export)
    error = None if math.isnan(face.registration_error) else round(face.registration_error, 6)
    digest, size = sha256_of(path), path.stat().st_size
    return HeadRecord(index, options.seed, options.truncation, path.name, digest, size, error)


def _finish_sheet(
    model: HeadModel, options: CrowdOptions, heads: CrowdRange, sheet: ContactSheet, path: Path, changed: bool
) -> None:
    wanted = list(heads.indices[: heads.sheet_rows])
    if not wanted or (path.is_file() and not changed):
        return
    for index, face in _faces(model, options, [index for index in wanted if index not in sheet.rows], heads.batch):
        sheet.add(face, index)
    sheet.save(path)


def _arguments(model: HeadModel, options: CrowdOptions) -> dict[str, Any]:
    weights = model.bundle.hashes if model.bundle else {}
    return {"version": __version__, **asdict(options), "export": dict(options.export), "weights": weights}


def _licences(model: HeadModel) -> dict[str, dict[str, Any]]:
    terms = model.bundle.terms if model.bundle else {}
    return {name: asdict(entry) for name, entry in terms.items()}

"""Many heads into a folder: in batches, with flat memory, and resumed where an earlier call stopped."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from stylefaceuv import __version__
from stylefaceuv.bundle import Bundle
from stylefaceuv.contact_sheet import ContactSheet
from stylefaceuv.crowd_record import CrowdRecord, HeadRecord
from stylefaceuv.crowd_workers import side_by_side
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.exporter import SUFFIXES
from stylefaceuv.face_maker import DETAIL, HAIR
from stylefaceuv.manifest import sha256_of
from stylefaceuv.plain_values import as_path, is_whole, number, whole
from stylefaceuv.studio import check_export_request
from stylefaceuv.types import Face

SHEET_NAME = "contact_sheet.png"
_USUAL_TEXTURE = 1024
_KEYS = 2**64
"""Number of seeds, and of stylecodes under each."""


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
        detail: "lifted", "two-views", or "generator" for the fast path that never makes the StyleGAN2 image.
        hair: "clean" or "keep", as the model was made with.

    Raises:
        InvalidArgumentError: a value that cannot be.
    """

    seed: int
    truncation: float = 0.7
    suffix: str = ".glb"
    export: Mapping[str, Any] = field(default_factory=dict)
    detail: str = "lifted"
    hair: str = "clean"

    def __post_init__(self) -> None:
        """Refuse what no head could be made with; numbers are kept as Python's own, for the manifest."""
        object.__setattr__(self, "seed", whole("seed", self.seed, 0, _KEYS - 1))
        object.__setattr__(self, "truncation", number("truncation", self.truncation, 0, 2))
        for name, known in (("suffix", SUFFIXES), ("detail", DETAIL), ("hair", HAIR)):
            if getattr(self, name) not in known:
                raise InvalidArgumentError(name, f"one of {', '.join(known)}", repr(getattr(self, name))[:60])
        if not isinstance(self.export, Mapping):
            raise InvalidArgumentError("export", "options by name", repr(self.export)[:60])
        check_export_request(f"0{self.suffix}", **self.export)
        options = {name: int(value) if is_whole(value) else value for name, value in self.export.items()}
        try:
            json.dumps(options)
        except TypeError as error:
            raise InvalidArgumentError("export", "options that JSON can hold", error) from error
        object.__setattr__(self, "export", options)


@dataclass(frozen=True)
class CrowdRange:
    """Which heads to make, and how.

    Attributes:
        count: number of heads.
        start: number of the first stylecode under the seed.
        batch: heads that are in memory at a time.
        sheet_rows: rows of the contact sheet, 0 for none.
        workers: heads made side by side, at most ``batch``: each then takes one core, which gets more done than all
            cores on one head. Its bytes do not depend on how many there are above 1; with 1, torch's threads round
            otherwise (by a grey level in a thousandth of the texels).

    Raises:
        InvalidArgumentError: not whole numbers, no batch, more workers than that, or heads beyond number 2^64 − 1.
    """

    count: int
    start: int = 0
    batch: int = 4
    sheet_rows: int = 16
    workers: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no range of stylecodes."""
        object.__setattr__(self, "start", whole("start", self.start, 0, _KEYS - 1))
        object.__setattr__(self, "count", whole("count", self.count, 0, _KEYS))
        if self.start + self.count > _KEYS:
            got = f"{self.count} heads from number {self.start}"
            raise InvalidArgumentError("count", "heads with numbers below 2^64", got)
        object.__setattr__(self, "batch", whole("batch", self.batch, 1))
        object.__setattr__(self, "sheet_rows", whole("sheet_rows", self.sheet_rows, 0, _KEYS))
        object.__setattr__(self, "workers", whole("workers", self.workers, 1, self.batch))

    @property
    def indices(self) -> range:
        """Numbers of the heads."""
        return range(self.start, self.start + self.count)

    @property
    def on_sheet(self) -> range:
        """Numbers of the heads that the contact sheet shows."""
        return self.indices[: self.sheet_rows]


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
        InvalidArgumentError: the model was made with another choice of hair.
    """
    target = as_path("folder", folder)
    _check_hair(model, options)
    record = CrowdRecord(target, _arguments(model, options), overwrite)
    call = on_head or (lambda: None)
    sheet = ContactSheet()
    changed = False
    for head in _heads(model, options, heads, _missing(record, heads, call), target, sheet):
        record.add(head)
        changed = True
        call()
    stale = changed or not (target / SHEET_NAME).is_file() or record.sheet_heads != list(heads.on_sheet)
    if heads.on_sheet and stale:
        _finish_sheet(model, options, heads, sheet, target / SHEET_NAME)
    shown = list(heads.on_sheet)
    return record.finish(shown, licences=_licences(model), contact_sheet=SHEET_NAME if shown else None)


def _check_hair(model: HeadModel, options: CrowdOptions) -> None:
    """Refuse a manifest that would tell other hair than the model makes; a model without the choice is not asked."""
    keeps = getattr(getattr(model, "maker", None), "keep_hair", None)
    if keeps is not None and keeps is not (options.hair == "keep"):
        own = "keep" if keeps else "clean"
        raise InvalidArgumentError("hair", f"{own!r}, as the model was made with", repr(options.hair))


def _missing(record: CrowdRecord, heads: CrowdRange, on_head: Callable[[], object]) -> Iterator[int]:
    """Numbers of the heads that the folder does not hold, one by one: a list of all would fill the memory."""
    for index in heads.indices:
        if index in record.heads and record.heads[index].matches(record.folder):
            on_head()
        else:
            yield index


def _runs(indices: Iterable[int], batch: int) -> Iterator[range]:
    """Cut ascending numbers into runs without gaps, of at most ``batch``."""
    run = range(0)
    for index in indices:
        if run and (index != run.stop or len(run) == batch):
            yield run
            run = range(0)
        run = range(run.start if run else index, index + 1)
    if run:
        yield run


def _faces(model: HeadModel, options: CrowdOptions, indices: Iterable[int], batch: int) -> Iterator[tuple[int, Face]]:
    """Make the heads with these ascending numbers, run by run, at most ``batch`` at a time."""
    for run in _runs(indices, batch):
        w = model.sample(len(run), options.seed, options.truncation, run.start)
        made = model.generate(
            w, detail=options.detail, seed=options.seed, start=run.start, truncation=options.truncation
        )
        yield from zip(run, made if isinstance(made, list) else [made], strict=True)


def _heads(
    model: HeadModel,
    options: CrowdOptions,
    heads: CrowdRange,
    indices: Iterable[int],
    folder: Path,
    sheet: ContactSheet,
) -> Iterator[HeadRecord]:
    """Make and write the heads with these ascending numbers, and draw their rows of the sheet."""

    def finish(number: int, face: Face) -> HeadRecord:
        record = _export(face, number, folder, options)
        if number in heads.on_sheet:
            sheet.add(face, number)
        return record

    if heads.workers == 1:
        yield from (finish(index, face) for index, face in _faces(model, options, indices, heads.batch))
        return

    def make(number: int) -> HeadRecord:
        ((_, face),) = _faces(model, options, [number], 1)
        return finish(number, face)

    yield from side_by_side(make, indices, heads.workers, heads.batch)


def _export(face: Face, index: int, folder: Path, options: CrowdOptions) -> HeadRecord:
    path = face.export(folder / f"{index:06d}{options.suffix}", **options.export)
    error = None if math.isnan(face.registration_error) else round(face.registration_error, 6)
    digest, size = sha256_of(path), path.stat().st_size
    return HeadRecord(index, options.seed, options.truncation, path.name, digest, size, error)


def _finish_sheet(model: HeadModel, options: CrowdOptions, heads: CrowdRange, sheet: ContactSheet, path: Path) -> None:
    """Make the heads again that were there already, for their rows, and write the sheet."""
    absent = [index for index in heads.on_sheet if index not in sheet.rows]
    for index, face in _faces(model, options, absent, heads.batch):
        sheet.add(face, index)
    sheet.save(path)


def _arguments(model: HeadModel, options: CrowdOptions) -> dict[str, Any]:
    weights = model.bundle.hashes if model.bundle else {}
    size = getattr(model, "texture_size", _USUAL_TEXTURE)
    lifted = {} if size == _USUAL_TEXTURE else {"model_texture_size": size}
    return {"version": __version__, **asdict(options), "export": dict(options.export), "weights": weights, **lifted}


def _licences(model: HeadModel) -> dict[str, dict[str, Any]]:
    terms = model.bundle.terms if model.bundle else {}
    return {name: asdict(entry) for name, entry in terms.items()}

"""``generate`` and ``sheet``: many heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stylefaceuv.cli.session import DETAIL, START, TRUNCATION, Session, common_options

_BATCH = 4
"""Heads in memory at a time, unless told otherwise: each takes some 400 MB."""
_COUNT = click.option("--count", type=click.IntRange(min=1), default=4, help="Number of heads.")


def _power_of_two(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    """Refuse textures that no exporter writes before a head is made."""
    if value is not None and (not 16 <= value <= 8192 or value & (value - 1)):
        raise click.BadParameter(f"expected a power of two from 16 to 8192, got {value}", ctx, param)
    return value


def export_options(function: Any) -> Any:
    """Add the options of exported files."""
    options = (
        click.option("--level", type=click.IntRange(0, 2), default=None, help="Subdivision level.  [default: 1]"),
        click.option("--morphs/--no-morphs", default=None, help="The 52 ARKit morph targets.  [default: morphs]"),
        click.option("--texture-size", type=int, callback=_power_of_two, help="Edge of the textures, texels."),
        click.option(
            "--texture-format",
            type=click.Choice(["jpeg", "png", "webp"]),
            default=None,
            help="Of the textures in GLB files; other formats have PNG.  [default: jpeg]",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def chosen_export(values: dict[str, Any]) -> dict[str, Any]:
    """Take the values of :func:`export_options` out of a verb's values; what was not asked for is left out."""
    options = {name: values.pop(name) for name in ("level", "morphs", "texture_size", "texture_format")}
    return {name: value for name, value in options.items() if value is not None}


@click.command()
@common_options("heads", "Folder of the heads, made when missing.")
@_COUNT
@START
@TRUNCATION
@DETAIL
@click.option("--format", "suffix", type=click.Choice(["glb", "obj", "ply"]), default="glb", help="Of the heads.")
@export_options
@click.option("--sheet-rows", type=click.IntRange(min=0), default=16, help="Heads on contact_sheet.png, 0 for none.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=None,
    help="Heads made side by side, a core each.  [default: as many as cores, at most 4]",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=None,
    help="Heads in memory at a time.  [default: 4, or as many as workers]",
)
@click.option("--overwrite", is_flag=True, help="Replace heads that were made with other arguments.")
def generate(session: Session, **values: Any) -> None:
    """Make heads: files, a contact sheet and manifest.json.

    The same command goes on where an earlier one stopped; a finished head is not made again.
    """
    from stylefaceuv.crowd import CrowdOptions, CrowdRange, generate_crowd
    from stylefaceuv.files import check_writable

    suffix, detail = f".{values['suffix']}", values["detail"]
    options = CrowdOptions(session.seed, values["truncation"], suffix, chosen_export(values), detail, session.hair)
    workers = _workers(values["workers"], values["batch"], session.device)
    batch = values["batch"] or max(_BATCH, workers)
    heads = CrowdRange(values["count"], values["start"], batch, values["sheet_rows"], workers)
    folder = session.folder
    check_writable(folder / "manifest.json")
    model = session.model()
    with session.bar(heads.count, "head") as bar:
        manifest = generate_crowd(model, folder, options, heads, bar.update, values["overwrite"])
    result = {"out": str(folder), "manifest": str(manifest), "count": heads.count, "start": heads.start}
    session.report(result, f"{folder}: {heads.count} heads, {manifest.name}")


def _workers(asked: int | None, batch: int | None, device: str | None) -> int:
    """How many heads to make side by side: a head on another device than the CPU has that for itself."""
    import torch

    if asked is not None:
        return asked
    return min(torch.get_num_threads(), batch or _BATCH) if device in (None, "cpu") else 1


@click.command()
@common_options("contact_sheet.png", "PNG file to write.")
@_COUNT
@START
@TRUNCATION
@click.option("--cell", type=click.IntRange(32, 1024), default=256, help="Edge of each picture, pixels.")
def sheet(session: Session, count: int, start: int, truncation: float, cell: int) -> None:
    """Draw a contact sheet: each head from all sides, with a smile, in clay, and its texture."""
    from stylefaceuv.cli.session import make_head
    from stylefaceuv.contact_sheet import ContactSheet
    from stylefaceuv.crowd import CrowdRange

    picture_file(session.target, (".png",))
    heads, drawing = CrowdRange(count, start), ContactSheet(cell)
    model = session.model()
    for index in session.progress(heads.indices, count, "head"):
        drawing.add(make_head(model, session.seed, index, truncation), index)
    path = drawing.save(session.target)
    session.report({"out": str(path), "count": count, "start": start}, f"{path}: {count} heads")


def picture_file(path: Path, suffixes: tuple[str, ...]) -> Path:
    """Return the path if it has one of the suffixes, else raise a usage error."""
    if path.suffix.lower() not in suffixes:
        raise click.UsageError(f"--out: expected a suffix of {', '.join(suffixes)}, got {path.name!r}")
    return path

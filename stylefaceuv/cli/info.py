"""``info``: the package, its weights with their licences, and what a head is made of."""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylefaceuv import __version__
from stylefaceuv.cli.session import Session, common_options, make_head, one_head

if TYPE_CHECKING:
    from stylefaceuv.bundle import Bundle
    from stylefaceuv.types import Face


@click.command()
@common_options(None, "JSON file to write too.")
@one_head
@click.option("--head", is_flag=True, help="Also make the chosen head and describe it.")
def info(session: Session, index: int, truncation: float, stylecode: Any, detail: str, head: bool) -> None:
    """Tell versions, weights and their licences; with --head, also pose and expression of one head."""
    from stylefaceuv.bundle import Bundle
    from stylefaceuv.files import atomic_write_bytes, check_writable

    if session.out is not None:
        check_writable(session.out)
    result = {**_versions(), "bundle": _bundle(Bundle.open(session.weights, session.revision))}
    if head or stylecode is not None:
        result["head"] = _head(make_head(session.model(), session.seed, index, truncation, stylecode, detail))
    if session.out is not None:
        atomic_write_bytes(session.out, (json.dumps(result, indent=2, ensure_ascii=False) + "\n").encode())
    session.report(result, "\n".join(_lines(result)))


def _versions() -> dict[str, Any]:
    import torch

    cuda = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"version": __version__, "python": platform.python_version(), "torch": torch.__version__, "cuda": cuda}


def _bundle(bundle: Bundle) -> dict[str, Any]:
    components = {
        name: {
            "file": part.file,
            "class_name": part.class_name,
            "preset": part.preset,
            "sha256": bundle.records[part.file].sha256,
            "size": bundle.records[part.file].size,
            "origin": bundle.terms[name].origin,
            "licence": bundle.terms[name].licence,
            "commercial_use": bundle.terms[name].commercial_use,
        }
        for name, part in bundle.config.components.items()
    }
    directory: Path = bundle.directory
    return {"directory": str(directory), "format_version": bundle.config.format_version, "components": components}


def _head(face: Face) -> dict[str, Any]:
    own = face.coefficients
    yaw, pitch, roll = (round(angle, 2) for angle in own.rotation.tolist())
    error = None if math.isnan(face.registration_error) else round(face.registration_error, 6)
    strongest = sorted(own.named_expression.items(), key=lambda item: -item[1])[:8]
    return {
        "seed": face.provenance.seed,
        "index": face.provenance.index,
        "truncation": face.provenance.truncation,
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
        "expression": {name: round(weight, 4) for name, weight in strongest},
        "registration_error": error,
        "texture_size": list(face.diffuse.shape[:2]),
    }


def _lines(result: dict[str, Any]) -> list[str]:
    bundle = result["bundle"]
    devices = ", ".join(result["cuda"]) or "no CUDA device"
    lines = [
        f"stylefaceuv {result['version']}, Python {result['python']}, torch {result['torch']}, {devices}",
        f"weights in {bundle['directory']} (format {bundle['format_version']})",
    ]
    for name, part in bundle["components"].items():
        mark = "" if part["commercial_use"] else "  NOT FOR COMMERCIAL USE"
        lines += [f"  {name}: {part['size'] / 1e6:.1f} MB, sha256 {part['sha256'][:16]}…{mark}"]
        lines += [f"    origin:  {part['origin']}", f"    licence: {part['licence']}"]
    if "head" in result:
        lines += [f"head: {json.dumps(result['head'])}"]
    return lines

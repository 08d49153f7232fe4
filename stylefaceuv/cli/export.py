"""``export``: one head as a file."""

from __future__ import annotations

from typing import Any

import click

from stylefaceuv.cli.generate import chosen_export, export_options
from stylefaceuv.cli.session import Session, common_options, make_head, one_head


@click.command()
@common_options("head.glb", "File to write; the suffix chooses the format.")
@one_head
@export_options
def export(session: Session, index: int, truncation: float, stylecode: Any, detail: str, **values: Any) -> None:
    """Write one head in its neutral rest pose: GLB, OBJ, PLY or USD."""
    from stylefaceuv.manifest import sha256_of
    from stylefaceuv.studio import check_export_request

    options = chosen_export(values)
    target = check_export_request(session.target, **options)
    face = make_head(session.model(), session.seed, index, truncation, stylecode, detail)
    path = face.export(target, **options)
    size = path.stat().st_size
    session.report({"out": str(path), "size": size, "sha256": sha256_of(path)}, f"{path}: {size} bytes")

"""``render``: one picture of one head."""

from __future__ import annotations

from typing import Any

import click

from stylefaceuv.cli.early import check_light_of, check_picture, check_transparency
from stylefaceuv.cli.generate import picture_file
from stylefaceuv.cli.session import LIGHT_OF, Session, common_options, make_head, one_head, with_light_of
from stylefaceuv.cli.view import view, view_options

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@click.command()
@common_options("head.png", "PNG, JPEG or WebP file to write.")
@one_head
@view_options()
@LIGHT_OF
def render(session: Session, index: int, truncation: float, stylecode: Any, detail: str, **values: Any) -> None:
    """Render one head at any angle, expression and light; what is not given is the head's own."""
    from PIL import Image

    from stylefaceuv.files import atomic_path

    path = picture_file(session.target, _SUFFIXES)
    light_of, options = values.pop("light_of"), view(values)
    check_transparency(options, path, (".png", ".webp"))
    check_light_of(options, light_of)
    options = check_picture(options, session.weights)
    model = session.model()
    options = with_light_of(options, model, session.seed, light_of, truncation)
    face = make_head(model, session.seed, index, truncation, stylecode, detail)
    picture = Image.fromarray(face.render(**options))
    with atomic_path(path) as temporary:
        picture.save(temporary, quality=95)
    session.report(
        {"out": str(path), "width": picture.width, "height": picture.height},
        f"{path}: {picture.width} x {picture.height}",
    )

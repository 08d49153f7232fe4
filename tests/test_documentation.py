"""The documentation names every option and every weight file."""

from __future__ import annotations

from dataclasses import fields
from inspect import Parameter, getdoc, signature
from pathlib import Path

import click
import pytest

from stylefaceuv.cli.main import DONE, FAILED, INTERRUPTED, WRONG_USE, cli
from stylefaceuv.control import EXPRESSION_PRESETS, DirectionalLight, View
from stylefaceuv.export.exporter import SUFFIXES, Exporter
from stylefaceuv.manifest import read_manifest
from stylefaceuv.rendering.light_presets import LIGHT_PRESETS
from stylefaceuv.studio import RENDER_OPTIONS, Studio
from stylefaceuv.types import Face
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS

DOCS = Path(__file__).parents[1] / "docs"
OPTIONS = sorted(
    {
        (verb, name)
        for verb, command in cli.commands.items()
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
)


@pytest.mark.parametrize(("verb", "option"), OPTIONS)
def test_every_option_is_documented(verb: str, option: str) -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert f"`{option}`" in text
    assert f"\n## {verb}\n" in text


def test_every_expression_and_light_preset_is_documented() -> None:
    rows = (DOCS / "expressions.md").read_text(encoding="utf-8").splitlines()
    for name, mix in EXPRESSION_PRESETS.items():
        row = next((row for row in rows if row.startswith(f"| {name} |")), "")
        for unit, weight in mix.items():
            side = unit.removesuffix("Left").removesuffix("Right")
            assert f"{unit} {weight:g}" in row or f"{side}Left/Right {weight:g}" in row, (name, unit)
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in LIGHT_PRESETS)


def test_every_exit_code_is_documented() -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    for code in (DONE, FAILED, WRONG_USE, INTERRUPTED):
        assert f"| {code} |" in text


def test_every_weight_file_is_documented_with_its_terms() -> None:
    lines = (DOCS / "weights.md").read_text(encoding="utf-8").splitlines()
    for name, record in read_manifest(EMBEDDED_WEIGHTS / "manifest.json").items():
        line = next((line for line in lines if line.startswith(f"| `{name}`")), "")
        assert line, name
        assert ("non-commercial" in line) is not record.terms.commercial_use, name


def test_every_option_of_a_picture_is_documented() -> None:
    text, docstring = (DOCS / "rendering.md").read_text(encoding="utf-8"), getdoc(Face.render) or ""
    for name in RENDER_OPTIONS:
        assert f"`{name}`" in text
        assert name in docstring
    for kind in (View, DirectionalLight):
        assert f"`{kind.__name__}(" in text
        assert all(field.name in text for field in fields(kind))
    assert all(f"`{name}`" in text for name in LIGHT_PRESETS)


def test_every_option_of_a_file_is_documented_with_its_default() -> None:
    text, docstring = (DOCS / "export.md").read_text(encoding="utf-8"), getdoc(Face.export) or ""
    parameters = {**signature(Exporter.export).parameters, **signature(Studio.export).parameters}
    for name in ("level", "morphs", "texture_size", "texture_format", "normal_map", "bake_normals"):
        default = parameters[name].default
        assert default is not Parameter.empty
        shown = f'`"{default}"`' if isinstance(default, str) else str(default)
        assert f"| `{name}` | {shown} |" in text
        assert name in docstring
    assert "level=1" in text
    assert all(
        f"`{name}`" in text and name in docstring for name in ("morph_normals", "bake_occlusion", "one_per_expression")
    )
    assert all(f"``{suffix}``" in docstring for suffix in SUFFIXES)

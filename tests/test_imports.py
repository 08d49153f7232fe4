"""The direction of the arrows: latent, networks, face model, rendering and export, and nothing back."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import stylefaceuv

ROOT = Path(stylefaceuv.__file__).parent
OUTSIDE = ("training", "evaluation", "cli")
SIBLINGS = ("networks", "rendering", "export")


def imports_of(path: Path) -> set[str]:
    """Modules of this package that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.startswith("stylefaceuv.")}


def package_of(module: str) -> str:
    return module.split(".")[1]


def test_siblings_do_not_know_each_other() -> None:
    for sibling in SIBLINGS:
        files = list((ROOT / sibling).rglob("*.py"))
        assert files
        for path in files:
            others = {name for name in imports_of(path) if package_of(name) in SIBLINGS and package_of(name) != sibling}
            assert not others, f"{path.relative_to(ROOT)} imports {others}"


def test_the_core_does_not_know_training_evaluation_or_the_command_line() -> None:
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] in OUTSIDE:
            continue
        outside = {name for name in imports_of(path) if package_of(name) in OUTSIDE}
        assert not outside, f"{path.relative_to(ROOT)} imports {outside}"


def test_the_package_alone_imports_nothing_heavy() -> None:
    code = "import sys, stylefaceuv; print([name for name in ('torch', 'numba', 'trimesh') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_facade_is_short() -> None:
    assert len((ROOT / "pipeline.py").read_text().splitlines()) <= 150

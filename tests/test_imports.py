"""The direction of the arrows between the packages, and what an import costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import stylefaceuv

ROOT = Path(stylefaceuv.__file__).parent
LAYERS = ("networks", "rendering", "export")
OUTER = ("training", "evaluation", "cli")
HEAVY = ("torch", "numpy", "numba", "scipy", "trimesh", "PIL", "huggingface_hub", "imageio", "pygltflib", "safetensors")
OPTIONAL = ("sklearn", "openvino", "ai_edge_litert", "accelerate", "pytorch3d", "pxr", "matplotlib", "h5py")


def imported_modules(source: str, module: str) -> set[str]:
    """Full names of everything that a module's source imports, also inside functions."""
    package = module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name, *(f"{name}.{alias.name}" for alias in node.names)}
    return found


def area(module: str) -> str:
    """First folder under the package, or "" for a module directly in it."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "stylefaceuv" and (ROOT / parts[1]).is_dir() else ""


def modules() -> dict[str, set[str]]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        found[name] = imported_modules(path.read_text("utf-8"), name)
    return found


MODULES = modules()


@pytest.mark.parametrize(
    ("source", "module", "expected"),
    [
        ("import stylefaceuv.cli.main as m", "stylefaceuv.a", "stylefaceuv.cli.main"),
        ("from stylefaceuv import cli", "stylefaceuv.a", "stylefaceuv.cli"),
        ("from . import export", "stylefaceuv.a", "stylefaceuv.export"),
        ("from ..export import gltf", "stylefaceuv.networks.a", "stylefaceuv.export.gltf"),
        ("def f():\n    from stylefaceuv.training import x", "stylefaceuv.a", "stylefaceuv.training.x"),
    ],
)
def test_the_walker_sees_every_way_of_importing(source: str, module: str, expected: str) -> None:
    assert expected in imported_modules(source, module)


def test_the_walk_reached_the_package() -> None:
    assert {"stylefaceuv.pipeline", "stylefaceuv.networks.mobile_stylegan", "stylefaceuv.cli.main"} <= set(MODULES)


@pytest.mark.parametrize("layer", LAYERS)
def test_networks_rendering_and_export_do_not_know_each_other(layer: str) -> None:
    others = set(LAYERS) - {layer}
    wrong = {
        (module, name)
        for module, names in MODULES.items()
        for name in names
        if area(module) == layer and area(name) in others
    }
    assert not wrong


def test_the_core_does_not_know_training_evaluation_or_the_command_line() -> None:
    core = set(MODULES) - {"stylefaceuv.__main__"}  # which is the command line
    wrong = {
        (module, name)
        for module in core
        for name in MODULES[module]
        if area(module) not in OUTER and area(name) in OUTER
    }
    assert not wrong


def test_layers_do_not_know_the_facade() -> None:
    inner = (*LAYERS, "face_model", "lifting")
    facade = {f"stylefaceuv.{name}" for name in ("pipeline", "studio", "components", "face_maker", "crowd", "bundle")}
    wrong = {(m, name) for m, names in MODULES.items() for name in names & facade if area(m) in inner}
    assert not wrong


def test_the_core_needs_no_optional_package() -> None:
    """An optional package may be imported inside a function, never when a module of the core is."""
    wrong = set()
    for path in ROOT.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        if area(name) in ("training", "evaluation"):
            continue
        top = [
            node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        for imported in imported_modules("\n".join(map(ast.unparse, top)), name):
            if imported.split(".")[0] in OPTIONAL:
                wrong.add((name, imported))
    assert not wrong


def _loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    "statement",
    [
        "import stylefaceuv",
        "from stylefaceuv import WeightsError",
        "import stylefaceuv.cli.main",
        "from stylefaceuv.bundle import Bundle; Bundle.open()",
    ],
)
def test_quick_imports_load_nothing_heavy(statement: str) -> None:
    assert not _loaded_by(statement) & set(HEAVY)


def test_loading_a_generator_does_not_import_torch_s_compiler() -> None:
    """Its import takes longer than all else that a start does."""
    load = "from stylefaceuv.networks.load_generator import load_generator as load"
    path = ROOT / "weights" / "generator.safetensors"
    assert not _loaded_by(f"{load}; load({str(path)!r})") & {"torch._dynamo", "sympy"}


def test_types_load_no_renderer_and_no_exporter() -> None:
    loaded = _loaded_by("import stylefaceuv.types")
    assert not loaded & (set(HEAVY) - {"torch", "numpy"})
    assert {name for name in loaded if name.startswith("stylefaceuv")} == {"stylefaceuv", "stylefaceuv.types"}


def test_public_names() -> None:
    assert len(stylefaceuv.__all__) <= 10
    assert sorted(stylefaceuv.__all__) == list(stylefaceuv.__all__)
    assert all(getattr(stylefaceuv, name).__name__ == name for name in stylefaceuv.__all__)
    assert set(stylefaceuv.__all__) <= set(dir(stylefaceuv))
    with pytest.raises(AttributeError, match="nothing"):
        _ = stylefaceuv.nothing

"""Write ``config.json`` and ``manifest.json`` of the embedded bundle anew.

Run ``python -m stylefaceuv.training.update_manifest`` whenever a weight file has changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stylefaceuv.bundle import Bundle, ComponentSource, write_bundle
from stylefaceuv.config import WEIGHTS_SUFFIX
from stylefaceuv.errors import StyleFaceUVError, WeightsError
from stylefaceuv.training.weight_origins import ORIGINS
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS, load_tensors


def update_manifest(directory: Path) -> Bundle:
    """Write both JSON files for the weight files that a folder holds now.

    Args:
        directory: the bundle's folder.

    Returns:
        The bundle.

    Raises:
        WeightsError: a weight file is damaged, or nothing is known of its origin.
    """
    components = {}
    for path in sorted(directory.glob(f"*{WEIGHTS_SUFFIX}")):
        origin = ORIGINS.get(path.stem)
        if origin is None:
            raise WeightsError(f"{path}: expected a component of weight_origins.py, got {path.stem!r}")
        load_tensors(path)
        components[path.stem] = ComponentSource(path, origin.class_name, origin.preset, origin.terms)
    return write_bundle(directory, components)


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: command line; None for the process's own.

    Returns:
        Exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=EMBEDDED_WEIGHTS, help="folder of the bundle")
    options = parser.parse_args(arguments)
    try:
        bundle = update_manifest(options.directory)
    except StyleFaceUVError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for name, digest in sorted(bundle.hashes.items()):
        sys.stdout.write(f"{digest}  {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Know how good it is.

python -m stylefaceuv.evaluation fetch                            the judging networks, once
python -m stylefaceuv.evaluation --count 64 --out report/         report.json, report.md and pictures
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from stylefaceuv.errors import InvalidArgumentError, StyleFaceUVError

NEEDED = ("h5py", "matplotlib", "openvino", "sklearn")
"""Packages of the extra ``evaluation``; looked for before the first face is made, not after minutes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="stylefaceuv.evaluation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", nargs="?", choices=("run", "fetch"), default="run")
    parser.add_argument("--count", type=int, default=64, help="faces")
    parser.add_argument("--seed", type=int, default=3000, help="of the stylecodes; 3000 is used for nothing else")
    parser.add_argument("--truncation", type=float, default=0.7)
    parser.add_argument("--out", type=Path, default=Path("report"), help="folder of the report")
    parser.add_argument("--bundle", default=None, help="bundle to judge; default: the embedded one")
    parser.add_argument("--workers", type=int, default=2, help="processes that measure faces, of one thread each")
    parser.add_argument("--threads", type=int, default=2, help="of the section on cost")
    parser.add_argument("--cost-repeats", type=int, default=3, help="0 leaves out the section on cost")
    options = parser.parse_args(arguments)
    if options.action == "run" and options.count < 2:
        parser.error("--count: expected at least 2")
    if options.workers < 1:
        parser.error("--workers: expected at least 1")
    torch.set_num_threads(options.threads)
    try:
        return _fetch() if options.action == "fetch" else _run(options)
    except StyleFaceUVError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _fetch() -> int:
    from stylefaceuv.evaluation.judges import fetch_all

    for folder in fetch_all():
        sys.stdout.write(f"{folder}\n")
    return 0


def check_packages(names: Sequence[str] = NEEDED) -> None:
    """Refuse to begin what would end at an import.

    Raises:
        InvalidArgumentError: a package is not installed.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidArgumentError("packages", 'those of pip install "stylefaceuv[evaluation]"', f"no {missing}")


def _run(options: argparse.Namespace) -> int:
    check_packages()
    from stylefaceuv.evaluation.run import evaluate

    report = evaluate(
        options.out,
        count=options.count,
        seed=options.seed,
        truncation=options.truncation,
        bundle=options.bundle,
        cost_repeats=options.cost_repeats,
        workers=options.workers,
    )
    sys.stdout.write(f"{report}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

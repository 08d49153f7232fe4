"""Print what each stage costs on this machine, beside what a user would otherwise run.

python benchmarks/cost.py --repeats 1
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stylefaceuv import StyleFaceUV
from stylefaceuv.evaluation.cost import measure_cost


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1, help="counted calls of each stage")
    parser.add_argument("--openvino", type=Path, help="folder with SynthesisNetwork.xml of the published generator")
    args = parser.parse_args()
    report = measure_cost(StyleFaceUV.from_pretrained(), repeats=args.repeats, openvino_folder=args.openvino)
    print(report.as_markdown())


if __name__ == "__main__":
    main()

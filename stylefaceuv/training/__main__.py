"""One command for every stage of the training, in the order in which they follow each other.

python -m stylefaceuv.training STAGE [options]     python -m stylefaceuv.training STAGE --help
python -m stylefaceuv.training --smoke             every stage on a handful of faces, in a temporary folder
"""

from __future__ import annotations

import runpy
import sys

from stylefaceuv.allocator import keep_freed_memory

STAGES = {
    "dataset": "stylefaceuv.training.dataset",
    "labels": "stylefaceuv.training.dataset_labels",
    "fitting": "stylefaceuv.training.fitting",
    "rest-face": "stylefaceuv.training.rest_face",
    "cranium": "stylefaceuv.training.round_cranium",
    "open-lids": "stylefaceuv.training.open_lids",
    "close-lids": "stylefaceuv.training.close_lids",
    "calibrate-units": "stylefaceuv.training.calibrate_units",
    "raise-brows": "stylefaceuv.training.raise_brows",
    "centre-landmarks": "stylefaceuv.training.centre_landmarks",
    "close-lips": "stylefaceuv.training.close_lips",
    "seat-teeth": "stylefaceuv.training.seat_teeth",
    "widen-arch": "stylefaceuv.training.widen_arch",
    "raise-teeth": "stylefaceuv.training.raise_teeth",
    "lengthen-teeth": "stylefaceuv.training.lengthen_teeth",
    "enlarge-tooth-charts": "stylefaceuv.training.enlarge_tooth_charts",
    "self-shadow": "stylefaceuv.training.shadow_transfer",
    "mapper": "stylefaceuv.training.mapper",
    "albedo": "stylefaceuv.training.albedo",
    "albedo-tone": "stylefaceuv.training.albedo_tone",
    "yaw": "stylefaceuv.training.yaw",
    "segmenter": "stylefaceuv.training.segmenter",
    "targets": "stylefaceuv.training.uv_targets",
    "shards": "stylefaceuv.training.make_shards",
    "mapper-lighting": "stylefaceuv.training.mapper_lighting",
    "uv-warm": "stylefaceuv.training.uv_warm_start",
    "uv": "stylefaceuv.training.uv_second_stage",
    "uv-skin": "stylefaceuv.training.uv_skin",
    "uv-hair": "stylefaceuv.training.uv_hair",
    "hair-tone": "stylefaceuv.training.hair_tone",
    "uv-fade": "stylefaceuv.training.uv_start",
    "uv-ablation": "stylefaceuv.training.uv_ablation",
    "manifest": "stylefaceuv.training.update_manifest",
}


def main() -> int:
    """Run one stage, or the smoke test."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "--smoke":
        from stylefaceuv.training.smoke import smoke

        return smoke()
    if name not in STAGES:
        listed = "\n".join(f"  {stage}" for stage in STAGES)
        sys.stderr.write(f"{__doc__}\nSTAGE is one of\n{listed}\n")
        return 0 if name in ("-h", "--help") else 2
    keep_freed_memory()
    sys.argv = [f"stylefaceuv.training {name}", *sys.argv[2:]]
    runpy.run_module(STAGES[name], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())

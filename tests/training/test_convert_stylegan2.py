from __future__ import annotations

import os
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.load_generator import load_generator
from stylefaceuv.networks.stylegan2 import StyleGAN2
from stylefaceuv.training.convert_stylegan2 import convert
from stylefaceuv.training.nvidia_pickle import load_modules
from tests.reference import naive_stylegan2

CHANNELS, DIM, LAYERS = [6, 6, 4], 8, 3


@pytest.fixture
def state() -> naive_stylegan2.State:
    return naive_stylegan2.random_state(CHANNELS, DIM, LAYERS)


def _latents() -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(3)
    return torch.randn(2, DIM, generator=source), torch.randn(2, 6, DIM, generator=source)


def _check(model: StyleGAN2, state: naive_stylegan2.State, clamp: float = float("inf"), atol: float = 1e-4) -> None:
    z, ws = _latents()
    torch.testing.assert_close(model.mapping(z).double(), naive_stylegan2.mapping(state, z), atol=atol, rtol=atol)
    images = naive_stylegan2.synthesis(state, ws, clamp)
    assert images.shape == (2, 3, 16, 16)
    torch.testing.assert_close(model.synthesis(ws).double(), images, atol=atol * 5, rtol=atol)


# ---------------------------------------------------------------- rosinality


def _save_rosinality(path: Path, state: naive_stylegan2.State, **more: object) -> Path:
    torch.save({"g": {}, "g_ema": state, "latent_avg": torch.arange(DIM).float(), **more}, path)
    return path


def test_rosinality_checkpoints(state: naive_stylegan2.State, tmp_path: Path) -> None:
    path = _save_rosinality(tmp_path / "550000.pt", state)
    model = convert(path, tmp_path / "out.safetensors")
    assert model.config.channels == tuple(CHANNELS)
    assert torch.equal(model.mean_stylecode, torch.arange(DIM).float())
    _check(model, state)
    loaded = load_generator(tmp_path / "out.safetensors")
    assert isinstance(loaded, StyleGAN2)
    assert loaded.config == model.config
    _, ws = _latents()
    assert torch.equal(loaded.synthesis(ws), model.synthesis(ws))


def test_half_precision_is_what_was_stored(state: naive_stylegan2.State, tmp_path: Path) -> None:
    path = _save_rosinality(tmp_path / "a.pt", state)
    model = convert(path, tmp_path / "half.safetensors", half=True)
    convert(path, tmp_path / "full.safetensors")
    _, ws = _latents()
    assert torch.equal(load_generator(tmp_path / "half.safetensors").synthesis(ws), model.synthesis(ws))
    half, full = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full"))
    assert half < 0.75 * full


def test_the_full_size_network_has_the_key_shapes_of_the_published_checkpoint() -> None:
    channels = [512, 512, 512, 512, 512, 256, 128, 64, 32]
    with torch.device("meta"):
        model = StyleGAN2()
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 30_370_060
    assert (model.config.channels, model.num_ws, model.resolution) == (tuple(channels), 18, 1024)


def test_a_missing_mean_is_computed(
    state: naive_stylegan2.State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stylefaceuv.training.convert_stylegan2.mean_stylecode", lambda mapping, dim: torch.full((dim,), 0.25)
    )
    torch.save({"g_ema": state}, tmp_path / "a.pt")
    assert torch.equal(convert(tmp_path / "a.pt", tmp_path / "b.safetensors").mean_stylecode, torch.full((DIM,), 0.25))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"convs.0.conv.weight": None}, r"a\.pt: expected the layers of a StyleGAN2 with RGB skips"),
        ({"convs.0.extra": torch.zeros(1)}, "convs.0.extra"),
        ({"convs.1.activate.bias": torch.zeros(5)}, "expected the layers of a StyleGAN2"),
        ({"convs.0.conv.blur.kernel": torch.ones(4, 4)}, r"convs\.0\.conv\.blur\.kernel: expected the blur"),
        ({"input.input": torch.zeros(2, 6, 4, 4)}, "constant: expected 3 axes"),
        ({"convs.0.conv.weight": torch.full((1, 6, 6, 3, 3), float("nan"))}, "finite"),
        ({"convs.0.conv.weight": "text"}, "expected a tensor, got str"),
    ],
)
def test_damaged_rosinality_checkpoints_are_refused(
    state: naive_stylegan2.State, tmp_path: Path, change: dict[str, torch.Tensor | None], message: str
) -> None:
    changed = {name: value for name, value in (state | change).items() if value is not None}
    path = _save_rosinality(tmp_path / "a.pt", changed)
    with pytest.raises(WeightsError, match=message):
        convert(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_files_of_another_kind_are_refused(state: naive_stylegan2.State, tmp_path: Path) -> None:
    target = tmp_path / "out.safetensors"
    torch.save({"weights": state}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="expected the key 'g_ema'"):
        convert(tmp_path / "a.pt", target)
    (tmp_path / "b.pt").write_bytes(_save_rosinality(tmp_path / "c.pt", state).read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"b\.pt: expected a torch checkpoint"):
        convert(tmp_path / "b.pt", target)
    with pytest.raises(WeightsError, match=r"absent\.pt"):
        convert(tmp_path / "absent.pt", target)
    with pytest.raises(WeightsError, match=r"absent\.pkl"):
        convert(tmp_path / "absent.pkl", target)
    with pytest.raises(InvalidArgumentError, match=r"source: expected a file ending in \.pt, \.pth, \.pkl"):
        convert(tmp_path / "a.onnx", target)


# ---------------------------------------------------------------- StyleGAN2-ADA


class _Persistent:
    """Pickles as an object of ``torch_utils.persistence`` does."""

    def __init__(self, class_name: str, state: dict[str, object]) -> None:
        self.class_name, self.state = class_name, state

    def __reduce__(self) -> tuple[object, ...]:
        meta = {
            "type": "class",
            "version": 6,
            "module_src": "raise SystemExit('source was run')",
            "class_name": self.class_name,
            "state": self.state,
        }
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,), None


def _module(
    class_name: str, tensors: dict[str, torch.Tensor], buffers: tuple[str, ...], **state: object
) -> _Persistent:
    named = tensors.items()
    easy_dict = sys.modules["dnnlib.util"].EasyDict
    return _Persistent(
        class_name,
        {
            "training": False,
            "_parameters": {k: torch.nn.Parameter(v) for k, v in named if k not in buffers},
            "_buffers": {k: v for k, v in named if k in buffers},
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": OrderedDict({k: v for k, v in state.items() if isinstance(v, _Persistent)}),
            "_init_kwargs": easy_dict(nothing=None),
            "act_gain": np.sqrt(2),
            "array": np.zeros(3),
            **{k: v for k, v in state.items() if not isinstance(v, _Persistent)},
        },
    )


def _ada(state: naive_stylegan2.State, clamp: float | None = None, c_dim: int = 0, gain: float = 0.01) -> _Persistent:
    """The generator of the reference as StyleGAN2-ADA would hold it."""
    kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64

    def affine(name: str) -> _Persistent:
        weight, bias = (state[f"{name}.conv.modulation.{part}"] for part in ("weight", "bias"))
        return _module("FullyConnectedLayer", {"weight": weight, "bias": bias}, ())

    def layer(name: str, noise: int) -> _Persistent:
        tensors = {
            "weight": state[f"{name}.conv.weight"][0].to(memory_format=torch.channels_last),
            "bias": state[f"{name}.activate.bias"],
            "noise_strength": state[f"{name}.noise.weight"].reshape(()),
            "noise_const": state[f"noises.noise_{noise}"][0, 0],
            "resample_filter": kernel,
        }
        buffers = ("noise_const", "resample_filter")
        return _module("SynthesisLayer", tensors, buffers, affine=affine(name), conv_clamp=clamp)

    def to_rgb(name: str) -> _Persistent:
        tensors = {"weight": state[f"{name}.conv.weight"][0], "bias": state[f"{name}.bias"].flatten()}
        return _module("ToRGBLayer", tensors, (), affine=affine(name), conv_clamp=clamp)

    first = {"const": state["input.input"][0], "resample_filter": kernel}
    blocks = {
        "b4": _module("SynthesisBlock", first, ("resample_filter",), conv1=layer("conv1", 0), torgb=to_rgb("to_rgb1"))
    }
    for i in range(len(CHANNELS) - 1):
        convs = {f"conv{k}": layer(f"convs.{2 * i + k}", 2 * i + k + 1) for k in (0, 1)}
        blocks[f"b{8 << i}"] = _module(
            "SynthesisBlock",
            {"resample_filter": kernel},
            ("resample_filter",),
            **convs,
            torgb=to_rgb(f"to_rgbs.{i}"),
        )
    layers = {
        f"fc{i}": _module(
            "FullyConnectedLayer",
            {"weight": state[f"style.{i + 1}.weight"], "bias": state[f"style.{i + 1}.bias"]},
            (),
            bias_gain=gain,
        )
        for i in range(LAYERS)
    }
    mapping = _module("MappingNetwork", {"w_avg": torch.arange(DIM).float()}, ("w_avg",), **layers)
    synthesis = _module("SynthesisNetwork", {}, (), **blocks)
    sizes = {"z_dim": DIM, "w_dim": DIM, "c_dim": c_dim}
    return _module("Generator", {}, (), mapping=mapping, synthesis=synthesis, **sizes)


@pytest.fixture
def _nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules that the names in those pickles point at, while one is being written."""

    def _reconstruct_persistent_obj(meta: object) -> None:
        raise AssertionError("code of a pickle was run")

    class EasyDict(dict[str, object]):
        pass

    for name in ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    _reconstruct_persistent_obj.__module__, EasyDict.__module__ = "torch_utils.persistence", "dnnlib.util"
    _reconstruct_persistent_obj.__qualname__, EasyDict.__qualname__ = "_reconstruct_persistent_obj", "EasyDict"
    sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    sys.modules["dnnlib.util"].EasyDict = EasyDict  # type: ignore[attr-defined]


def _dump(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.usefixtures("_nvidia")
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_ada_pickles(state: naive_stylegan2.State, tmp_path: Path, protocol: int) -> None:
    content = {"G": None, "D": None, "G_ema": _ada(state), "training_set_kwargs": {}}
    model = convert(_dump(tmp_path / "ffhq.pkl", content, protocol), tmp_path / "out.safetensors")
    assert model.config.conv_clamp is None
    assert torch.equal(model.mean_stylecode, torch.arange(DIM).float())
    _check(model, state)


@pytest.mark.usefixtures("_nvidia")
def test_the_clamp_of_mixed_precision_is_kept(state: naive_stylegan2.State, tmp_path: Path) -> None:
    path = _dump(tmp_path / "a.pkl", {"G_ema": _ada(state, clamp=0.5)})
    convert(path, tmp_path / "out.safetensors")
    model = load_generator(tmp_path / "out.safetensors")
    assert isinstance(model, StyleGAN2)
    assert model.config.conv_clamp == 0.5
    _check(model, state, clamp=0.5)


@pytest.mark.usefixtures("_nvidia")
def test_other_ada_networks_are_refused(state: naive_stylegan2.State, tmp_path: Path) -> None:
    target = tmp_path / "out.safetensors"
    cases = {
        "without class labels, got 10 classes": {"G_ema": _ada(state, c_dim=10)},
        "learning rate multiplier": {"G_ema": _ada(state, gain=1.0)},
        "expected the network 'G_ema', got \\['D'\\]": {"D": _ada(state)},
        "expected a dictionary of networks": [1, 2],
        "expected a submodule 'mapping'": {"G_ema": _module("Generator", {}, ())},
    }
    for message, content in cases.items():
        with pytest.raises(WeightsError, match=message):
            convert(_dump(tmp_path / "a.pkl", content), target)
    cyclic = _ada(state)
    cyclic.state["_modules"]["itself"] = _Persistent("Loop", loop := {"_modules": {}})  # type: ignore[index]
    loop["_modules"]["loop"] = cyclic.state["_modules"]["itself"]  # type: ignore[index]
    with pytest.raises(WeightsError):
        convert(_dump(tmp_path / "a.pkl", {"G_ema": cyclic}), target)
    assert not target.exists()


class _Evil:
    """Pickles as a call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


@pytest.mark.parametrize("suffix", [".pkl", ".pt"])
@pytest.mark.parametrize("function", [os.system, eval, exec, getattr, __import__, torch.load])
def test_code_in_a_pickle_never_runs(tmp_path: Path, suffix: str, function: object) -> None:
    mark = tmp_path / "mark"
    path = tmp_path / f"evil{suffix}"
    content = {"G_ema": _Evil(function, f"touch {mark}"), "g_ema": _Evil(function, f"touch {mark}")}
    torch.save(content, path) if suffix == ".pt" else _dump(path, content)
    with pytest.raises(WeightsError, match=rf"evil\{suffix}"):
        convert(path, tmp_path / "out.safetensors")
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_storage_never_runs(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    inner = pickle.dumps(_Evil(os.system, f"touch {mark}"))
    path = _dump(tmp_path / "evil.pkl", _Evil(torch.storage._load_from_bytes, inner))
    with pytest.raises(WeightsError, match=r"evil\.pkl"):
        load_modules(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cposix\nsystem\n(S'touch mark'\ntR.",  # GLOBAL, REDUCE
        b"(S'touch mark'\nios\nsystem\n.",  # INST
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R.",  # STACK_GLOBAL
        b"ctorch._utils\n_rebuild_parameter\n(dS'_function'\ncposix\nsystem\nsb.",  # BUILD on an allowed call
        b"ctorch._utils\n_rebuild_parameter\n}S'_function'\nI1\nsb.",  # the same without a forbidden name
        b"ctorch._utils\n_rebuild_parameter\nN}S'_function'\nI1\ns\x86b.",  # as slot state
        b"cdnnlib.util\nEasyDict\n}S'__init__'\nI1\nsb.",  # BUILD on an allowed class
        b"ctorch._utils\n_rebuild_parameter.__class__\n.",  # attribute access
        b"\x80\x04\x8c\x0ctorch._utils\x8c\x1d_rebuild_parameter.__globals__\x93.",
        b"P12\n.",  # PERSID
        b"\x82\x01.",  # EXT1
        b"not a pickle",
        b"",
    ],
)
def test_hostile_programs_are_refused(tmp_path: Path, program: bytes) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(program)
    with pytest.raises(WeightsError, match=r"evil\.pkl"):
        load_modules(path)

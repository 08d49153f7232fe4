"""Half of the identities' basis in a file, the whole in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.face_model.makehuman import load_face_model, save_face_model
from stylefaceuv.face_model.mirrored_basis import fold, half_rows, unfold
from stylefaceuv.weights_file import load_config, load_tensors, save_tensors
from tests.reference.tiny_head import tiny_head

MIRROR = torch.tensor([3, 1, 4, 0, 2])
"""Two pairs, and one vertex in the middle."""


def _symmetric() -> tuple[torch.Tensor, torch.Tensor]:
    """(3, 5, 3) and its signs, made one vertex at a time."""
    signs = torch.tensor([1.0, -1.0, 1.0])
    basis = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(0))
    for component, sign in enumerate(signs.tolist()):
        for vertex, other in enumerate(MIRROR.tolist()):
            x, y, z = basis[component, vertex].tolist()
            if other > vertex:
                basis[component, other] = torch.tensor([-sign * x, sign * y, sign * z])
            elif other == vertex:
                basis[component, vertex] = torch.tensor([0.0, y, z]) if sign > 0 else torch.tensor([x, 0.0, 0.0])
    return basis, signs


def test_the_other_half_comes_back() -> None:
    basis, signs = _symmetric()
    assert half_rows(MIRROR).tolist() == [0, 1, 2]
    assert torch.equal(fold(basis, MIRROR), basis[:, :3])
    assert torch.equal(unfold(fold(basis, MIRROR), MIRROR, signs), basis)


def test_a_saved_head_loads_as_it_was(tmp_path: Path) -> None:
    head, path = tiny_head(), tmp_path / "face_model.safetensors"
    save_face_model(head, path)
    assert load_tensors(path)["identity_basis"].shape[1] < len(head.mean)
    loaded = load_face_model(path)
    torch.testing.assert_close(loaded.identity_basis, head.identity_basis, atol=1e-6, rtol=0)
    save_face_model(loaded, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_halves_that_differ_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    head, path = tiny_head(), tmp_path / "face_model.safetensors"
    beside = int(torch.nonzero(head.mirror_index != torch.arange(len(head.mean)))[0])
    head.identity_basis[4, beside, 1] += 0.01
    with pytest.raises(InvalidArgumentError, match=r"model: expected identities whose halves .* 0.01 dm apart"):
        save_face_model(head, path)
    assert not path.exists()


def test_a_middle_that_leaves_the_middle_is_refused(tmp_path: Path) -> None:
    head = tiny_head()
    middle = int(torch.nonzero(head.mirror_index == torch.arange(len(head.mean)))[0])
    component = int(torch.nonzero(head.identity_mirror_sign > 0)[0])
    head.identity_basis[component, middle, 0] += 0.5
    with pytest.raises(InvalidArgumentError, match=r"model: expected identities whose halves .* 1 dm apart"):
        save_face_model(head, tmp_path / "face_model.safetensors")


def test_rounding_is_no_asymmetry(tmp_path: Path) -> None:
    head, path = tiny_head(), tmp_path / "face_model.safetensors"
    head.identity_basis += 5e-7 * torch.randn(head.identity_basis.shape, generator=torch.Generator().manual_seed(0))
    save_face_model(head, path)
    torch.testing.assert_close(load_face_model(path).identity_basis, head.identity_basis, atol=1e-4, rtol=0)


@pytest.mark.parametrize("broken", ["pairs", "whole basis", "shape"])
def test_broken_files_are_named(tmp_path: Path, broken: str) -> None:
    head, path = tiny_head(), tmp_path / "face_model.safetensors"
    save_face_model(head, path)
    tensors, config = load_tensors(path), load_config(path)
    if broken == "pairs":
        tensors["mirror_index"] = tensors["mirror_index"].roll(1)
    elif broken == "shape":
        tensors["mirror_index"] = tensors["mirror_index"][:, None].repeat(1, 3)
    else:
        tensors["identity_basis"] = head.identity_basis.half()
    save_tensors(path, tensors, config)
    with pytest.raises(WeightsError, match=r"face_model.safetensors: tensor '(mirror_index|identity_basis)': expected"):
        load_face_model(path)

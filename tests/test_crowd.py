"""Crowds: every head whole, flat in memory, and resumed where an earlier call stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylefaceuv.crowd import CrowdOptions, CrowdRange, _faces, _missing, _runs, generate_crowd
from stylefaceuv.errors import InvalidArgumentError, OutputError
from tests.bundles import make_bundle
from tests.fakes.heads import FakeModel
from tests.fakes.tiny_model import tiny_model

OPTIONS = CrowdOptions(seed=7)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def test_files_and_manifest(tmp_path: Path) -> None:
    model = FakeModel(make_bundle(tmp_path / "bundle"))
    folder = tmp_path / "heads"
    assert generate_crowd(model, folder, OPTIONS, CrowdRange(3, batch=2)) == folder / "manifest.json"
    names = ["000000.glb", "000001.glb", "000002.glb", "contact_sheet.png", "manifest.json"]
    assert [path.name for path in sorted(folder.iterdir())] == names
    manifest = _manifest(folder)
    assert [head["index"] for head in manifest["heads"]] == [0, 1, 2]
    assert manifest["heads"][1]["registration_error"] == 0.0125
    assert manifest["heads"][1]["size"] == (folder / "000001.glb").stat().st_size
    assert manifest["arguments"]["weights"] == model.bundle.hashes if model.bundle else {}
    assert manifest["licences"]["generator"]["commercial_use"] is False
    provenance = json.loads((folder / "000002.glb").read_text())["provenance"]
    assert (provenance["seed"], provenance["index"], provenance["truncation"]) == (7, 2, 0.7)


def test_same_arguments_make_nothing_again(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(3))
    before = _content(tmp_path)
    again = FakeModel()
    calls: list[int] = []
    generate_crowd(again, tmp_path, OPTIONS, CrowdRange(3), on_head=lambda: calls.append(1))
    assert again.made == []
    assert len(calls) == 3
    assert _content(tmp_path) == before


@pytest.mark.parametrize("finished", [0, 1, 2, 4])
def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path: Path, finished: int) -> None:
    generate_crowd(FakeModel(), tmp_path / "whole", OPTIONS, CrowdRange(5, batch=1))
    killed = FakeModel(dies_after=finished)
    with pytest.raises(KeyboardInterrupt):
        generate_crowd(killed, tmp_path / "killed", OPTIONS, CrowdRange(5, batch=1))
    assert not (tmp_path / "killed" / "manifest.json").exists()
    second = FakeModel()
    generate_crowd(second, tmp_path / "killed", OPTIONS, CrowdRange(5, batch=1, sheet_rows=0))
    assert second.made == list(range(finished, 5))
    generate_crowd(FakeModel(), tmp_path / "killed", OPTIONS, CrowdRange(5, batch=1))
    assert _content(tmp_path / "killed") == _content(tmp_path / "whole")


def test_heads_made_side_by_side_are_the_same_heads(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path / "one", OPTIONS, CrowdRange(7, batch=1, sheet_rows=2))
    model = FakeModel()
    calls: list[int] = []
    heads = CrowdRange(7, batch=4, sheet_rows=2, workers=3)
    generate_crowd(model, tmp_path / "three", OPTIONS, heads, on_head=lambda: calls.append(1))
    assert (sorted(model.made), len(calls)) == (list(range(7)), 7)
    assert _content(tmp_path / "three") == _content(tmp_path / "one")


def test_a_killed_run_of_several_workers_goes_on(tmp_path: Path) -> None:
    heads = CrowdRange(8, batch=3, workers=2)
    generate_crowd(FakeModel(), tmp_path / "whole", OPTIONS, heads)
    with pytest.raises(KeyboardInterrupt):
        generate_crowd(FakeModel(dies_after=5), tmp_path / "killed", OPTIONS, heads)
    assert not (tmp_path / "killed" / "manifest.json").exists()
    second = FakeModel()
    generate_crowd(second, tmp_path / "killed", OPTIONS, heads)
    assert 3 <= len(set(second.made)) <= 8
    assert _content(tmp_path / "killed") == _content(tmp_path / "whole")


def test_a_torn_journal_line_costs_one_head(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate_crowd(FakeModel(dies_after=3), tmp_path, OPTIONS, CrowdRange(4, batch=1))
    journal = tmp_path / "manifest.partial.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    model = FakeModel()
    generate_crowd(model, tmp_path, OPTIONS, CrowdRange(4, batch=1, sheet_rows=0))
    assert model.made == [2, 3]


def test_altered_and_missing_heads_are_made_again(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(4))
    before = _content(tmp_path)
    (tmp_path / "000001.glb").write_bytes(b"x" * len(before["000001.glb"]))
    (tmp_path / "000003.glb").unlink()
    model = FakeModel()
    generate_crowd(model, tmp_path, OPTIONS, CrowdRange(4, sheet_rows=0))
    assert model.made == [1, 3]
    assert _content(tmp_path)["000001.glb"] == before["000001.glb"]


def test_a_larger_count_adds_heads(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(2))
    model = FakeModel()
    generate_crowd(model, tmp_path, OPTIONS, CrowdRange(4, sheet_rows=0))
    assert model.made == [2, 3]
    assert [head["index"] for head in _manifest(tmp_path)["heads"]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (CrowdOptions(seed=8), r"seed 7 \(now 8\)"),
        (CrowdOptions(seed=7, truncation=0.5), r"truncation 0.7 \(now 0.5\)"),
        (CrowdOptions(seed=7, export={"level": 2}), r"export\.level unset \(now 2\)"),
    ],
)
def test_changed_arguments_are_refused_and_change_nothing(tmp_path: Path, changed: CrowdOptions, word: str) -> None:
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(2))
    before = _content(tmp_path)
    with pytest.raises(OutputError, match=word):
        generate_crowd(FakeModel(), tmp_path, changed, CrowdRange(2))
    assert _content(tmp_path) == before


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    generate_crowd(FakeModel(make_bundle(tmp_path / "a", 1.0)), tmp_path / "heads", OPTIONS, CrowdRange(1))
    with pytest.raises(OutputError, match="weights"):
        generate_crowd(FakeModel(make_bundle(tmp_path / "b", 2.0)), tmp_path / "heads", OPTIONS, CrowdRange(1))


def test_overwrite_makes_them_again(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(2))
    model = FakeModel()
    generate_crowd(model, tmp_path, CrowdOptions(seed=8), CrowdRange(2), overwrite=True)
    assert model.made == [0, 1]
    assert _manifest(tmp_path)["arguments"]["seed"] == 8


def test_rows_do_not_depend_on_batch_and_start(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path / "a", OPTIONS, CrowdRange(6, batch=4))
    model = FakeModel()
    generate_crowd(model, tmp_path / "b", OPTIONS, CrowdRange(2, start=3, batch=1))
    assert model.made == [3, 4]
    assert _content(tmp_path / "a")["000004.glb"] == _content(tmp_path / "b")["000004.glb"]


def test_batches_are_bounded_and_the_sheet_shows_the_first_rows(tmp_path: Path) -> None:
    model = FakeModel()
    generate_crowd(model, tmp_path, OPTIONS, CrowdRange(40, batch=3, sheet_rows=2))
    assert model.largest_batch == 3
    assert len(model.made) == 40
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.height < 3 * 300


def test_wrong_option_leaves_no_head(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError):
        generate_crowd(FakeModel(), tmp_path, CrowdOptions(7, suffix=".fbx"), CrowdRange(1))
    assert not list(tmp_path.glob("000*"))


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="writable"):
        generate_crowd(FakeModel(), tmp_path / "file" / "heads", OPTIONS, CrowdRange(1))


def test_foreign_manifest_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "my web app"}')
    with pytest.raises(OutputError, match="expected a manifest of generated heads"):
        generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(1))
    assert (tmp_path / "manifest.json").read_text() == '{"name": "my web app"}'


def test_changed_weights_are_told_by_file(tmp_path: Path) -> None:
    generate_crowd(FakeModel(make_bundle(tmp_path / "one")), tmp_path / "heads", OPTIONS, CrowdRange(1))
    told = r'made with weights\.generator\.safetensors "[0-9a-f]{11}… \(now "[0-9a-f]{11}…\);'
    with pytest.raises(OutputError, match=told):
        generate_crowd(FakeModel(make_bundle(tmp_path / "two", 2.0)), tmp_path / "heads", OPTIONS, CrowdRange(1))


@pytest.mark.parametrize(
    "content",
    ["[]", '{"arguments": 5, "heads": []}', '{"arguments": {}, "heads": [1]}', '{"arguments": {}, "heads": [{}]}'],
)
def test_a_manifest_of_something_else_is_named_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(OutputError, match="out: expected a manifest of generated heads or none"):
        generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(1))
    assert _content(tmp_path) == {"manifest.json": content.encode()}


@pytest.mark.parametrize("content", ["", "junk", "[1]", '{"arguments": {}}\n[1]', '{"arguments": {}}\n{"index": 0}'])
def test_a_torn_journal_is_no_hindrance(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.partial.jsonl").write_text(content)
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(1))
    assert [head["index"] for head in _manifest(tmp_path)["heads"]] == [0]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("mine")
    with pytest.raises(OutputError, match="out: expected a folder, got the file"):
        generate_crowd(FakeModel(), tmp_path / "heads", OPTIONS, CrowdRange(1))
    assert (tmp_path / "heads").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"count": -1}, "count"),
        ({"count": 2.5}, "count"),
        ({"count": "a"}, "count"),
        ({"count": True}, "count"),
        ({"batch": 0}, "batch"),
        ({"workers": 0}, "workers"),
        ({"batch": 2, "workers": 3}, "workers"),
        ({"sheet_rows": -1}, "sheet_rows"),
        ({"start": -1}, "start"),
        ({"start": 2**64}, "start"),
        ({"start": 2**64 - 1, "count": 2}, "count"),
    ],
)
def test_ranges_that_cannot_be_are_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name}: expected"):
        CrowdRange(**{"count": 4, **options})


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"seed": -1}, "seed"),
        ({"truncation": 3}, "truncation"),
        ({"suffix": ".fbx"}, "suffix"),
        ({"suffix": "glb"}, "suffix"),
        ({"suffix": "/../a.glb"}, "suffix"),
        ({"detail": "sharp"}, "detail"),
        ({"hair": "green"}, "hair"),
        ({"export": None}, "export"),
        ({"export": {"level": 5}}, "level"),
        ({"export": {"colour": 5}}, "colour"),
        ({"export": {"texture_size": 100}}, "texture_size"),
        ({"export": {"normal_map": np.zeros((4, 4, 3), np.uint8)}}, "export"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name}: expected"):
        CrowdOptions(**{"seed": 7, **options})


def test_numpy_numbers_are_the_same_arguments(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path, CrowdOptions(7, 0.5, export={"level": 1}), CrowdRange(2))
    numpy = CrowdOptions(np.int64(7), np.float64(0.5), export={"level": np.int8(1)})
    model = FakeModel()
    generate_crowd(model, tmp_path, numpy, CrowdRange(np.int64(2), batch=np.int8(1)))
    assert model.made == []


def test_the_last_stylecode_of_a_seed_can_be_made(tmp_path: Path) -> None:
    model = FakeModel()
    generate_crowd(model, tmp_path, OPTIONS, CrowdRange(1, start=2**64 - 1))
    assert model.made == [2**64 - 1]


def test_no_heads_are_an_empty_crowd(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(0))
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
    assert _manifest(tmp_path)["heads"] == []
    assert _manifest(tmp_path)["contact_sheet"] is None


def test_other_hair_than_the_model_s_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    model = tiny_model(hair="keep")
    with pytest.raises(InvalidArgumentError, match="hair: expected 'keep', as the model was made with, got 'clean'"):
        generate_crowd(model, tmp_path / "heads", OPTIONS, CrowdRange(1))
    assert not (tmp_path / "heads").exists()


def test_numbers_are_taken_as_heads_are_made() -> None:
    """A list of the numbers of a million million heads would fill the memory."""
    taken = []

    def numbers() -> Iterator[int]:
        for index in range(100):
            taken.append(index)
            yield index

    heads = SimpleNamespace(indices=numbers())
    record = SimpleNamespace(heads={}, folder=None)
    index, _ = next(_faces(FakeModel(), OPTIONS, _missing(record, heads, print), 3))  # type: ignore[arg-type]
    assert index == 0
    assert len(taken) == 4


def test_runs_have_no_gaps_and_fit_the_batch() -> None:
    assert list(_runs(iter([0, 1, 2, 5, 6, 9]), 2)) == [range(0, 2), range(2, 3), range(5, 7), range(9, 10)]
    assert list(_runs([], 2)) == []


def _sheet(folder: Path) -> bytes:
    return (folder / "contact_sheet.png").read_bytes()


def test_a_sheet_of_other_rows_is_drawn_again(tmp_path: Path) -> None:
    for rows in (2, 4):
        generate_crowd(FakeModel(), tmp_path / str(rows), OPTIONS, CrowdRange(6, sheet_rows=rows))
    generate_crowd(FakeModel(), tmp_path / "2", OPTIONS, CrowdRange(6, sheet_rows=4))
    assert _sheet(tmp_path / "2") == _sheet(tmp_path / "4")
    assert _manifest(tmp_path / "2")["contact_sheet_heads"] == [0, 1, 2, 3]


def test_a_sheet_of_other_heads_is_drawn_again(tmp_path: Path) -> None:
    for start in (0, 3):
        generate_crowd(FakeModel(), tmp_path / "whole", OPTIONS, CrowdRange(3, start=start))
    later = _sheet(tmp_path / "whole")
    generate_crowd(FakeModel(), tmp_path / "whole", OPTIONS, CrowdRange(3))
    generate_crowd(FakeModel(), tmp_path / "first", OPTIONS, CrowdRange(3))
    assert _sheet(tmp_path / "whole") == _sheet(tmp_path / "first") != later


def test_another_texture_size_of_the_model_is_refused(tmp_path: Path) -> None:
    generate_crowd(FakeModel(), tmp_path, OPTIONS, CrowdRange(1))
    small = FakeModel()
    small.texture_size = 512  # type: ignore[attr-defined]
    with pytest.raises(OutputError, match=r"model_texture_size unset \(now 512\)"):
        generate_crowd(small, tmp_path, OPTIONS, CrowdRange(1))

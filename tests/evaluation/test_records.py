"""Records, resuming, the summary and the report on made-up faces whose figures are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation import per_face
from stylefaceuv.evaluation.__main__ import main
from stylefaceuv.evaluation.control_measures import EXPRESSIONS
from stylefaceuv.evaluation.records import FaceRecord, RecordStore
from stylefaceuv.evaluation.summary import baked_light, median_interval, summarise
from stylefaceuv.evaluation.verdicts import judge
from stylefaceuv.evaluation.view_measures import YAWS


def make_record(index: int, baked: float = 0.1) -> FaceRecord:
    """A face that turns well, beside an editor that does not."""
    draw = np.random.Generator(np.random.Philox(key=[5, index]))

    def view(share: float, identity: float) -> dict[str, Any]:
        return {
            f"{yaw:+.0f}": {"yaw": share * yaw, "yaw_second": share * yaw + 0.5, "identity": identity + abs(yaw) / 200}
            for yaw in YAWS
        }

    def pair(scale: float) -> dict[str, Any]:
        one = {"psnr": 25 / scale, "ssim": 0.9 / scale, "perceptual": 0.1 * scale}
        return {"own": one | {"landmarks": 0.02 * scale, "landmarks_second": 0.025 * scale}}

    light = float(draw.standard_normal())
    vectors = {f"embedding_{name}": draw.standard_normal(128).astype(np.float32) for name in ("image", "render")}
    for part in ("frame", "face"):
        for name, shift in (("image", 0.0), ("other", 0.0), ("composite", 0.1), ("shuffled", 2.0)):
            vectors[f"{part}_{name}"] = (draw.standard_normal(64) + shift).astype(np.float32)
    apparent = {"age": 20.0 + index, "female": float(index % 2)}
    figures = {
        "views": {"ours": view(1, 0.2), "editing": view(0.6, 0.4), "mirrored": view(-1, 0.3)},
        "fidelity": {"lifted": pair(1), "shuffled": pair(3)},
        "control": {
            "pose": {"-15": {"pitch": -14.0}, "+15": {"pitch": 14.0}},
            "expression": {name: {"rest": 0.1, "shown": 0.8, "drift": 0.1} for name in EXPRESSIONS},
            "light": {name: {"ratio": 2.0, "angle": 10.0, "drift": 0.1} for name in ("left", "right")},
            "baked": {"albedo": baked * light, "photo": light, "light": light},
        },
        "crowd": {"image": apparent, "render": apparent, "ita": 10.0 * index},
    }
    return FaceRecord(index, figures, vectors)


RECORDS = [make_record(index) for index in range(12)]


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, {"seed": 1})
    assert not store.has(0)
    store.write(RECORDS[0])
    assert store.has(0)
    read = store.read(0)
    assert read.figures == RECORDS[0].figures
    np.testing.assert_array_equal(read.vectors["embedding_image"], RECORDS[0].vectors["embedding_image"])


def test_a_face_without_its_last_file_is_not_done(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, {})
    store.write(RECORDS[0])
    store.path(0).unlink()
    assert not store.has(0)


def test_records_of_another_run_are_refused(tmp_path: Path) -> None:
    RecordStore(tmp_path, {"seed": 1})
    RecordStore(tmp_path, {"seed": 1})
    with pytest.raises(InvalidArgumentError, match=r"^out"):
        RecordStore(tmp_path, {"seed": 2})


class _Model:
    def sample(self, count: int, seed: int, truncation: float, start: int = 0) -> list[int]:
        return [start]


class _Judges:
    model = _Model()


def test_a_killed_run_redoes_no_finished_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def measure(subject: Any, index: int) -> FaceRecord:
        if index == 2 and len(done) == 2:
            raise KeyboardInterrupt
        done.append(index)
        return RECORDS[index]

    monkeypatch.setattr(per_face, "measure_face", measure)
    store = RecordStore(tmp_path, {})
    with pytest.raises(KeyboardInterrupt):
        list(per_face.measure_faces(_Judges(), store, range(4), 0, 0.7))  # type: ignore[arg-type]
    done.append(-1)
    assert list(per_face.measure_faces(_Judges(), store, range(4), 0, 0.7)) == [2, 3]  # type: ignore[arg-type]
    assert done == [0, 1, -1, 2, 3]


def test_the_summary_never_changes() -> None:
    assert json.dumps(summarise(RECORDS)) == json.dumps(summarise(RECORDS))


def test_medians_have_their_interval_around_them() -> None:
    middle, low, high = median_interval([1.0, 2.0, 3.0, 4.0, float("nan")])
    assert low <= middle == 2.5 <= high


def test_baked_light_is_the_share_that_stays() -> None:
    assert baked_light(RECORDS)["share"] == pytest.approx(0.1)
    left_in = baked_light([make_record(index, baked=1.0) for index in range(12)])
    assert left_in["share"] == pytest.approx(1)


def test_every_control_scores_worse_and_editing_loses() -> None:
    verdicts = judge(summarise(RECORDS))
    assert len(verdicts) > 15
    assert [verdict.what for verdict in verdicts if not verdict.passed] == []


def test_a_head_that_does_not_turn_fails() -> None:
    bad = [make_record(index) for index in range(12)]
    for record in bad:
        record.figures["views"]["ours"], editing = record.figures["views"]["mirrored"], record.figures["views"]["ours"]
        record.figures["views"]["editing"] = editing
    failed = [verdict.what for verdict in judge(summarise(bad)) if not verdict.passed]
    assert any("editing" in what for what in failed)


def test_the_report_says_first_what_failed(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from stylefaceuv.evaluation.report import write_report

    figures = {"settings": {"seed": 0, "truncation": 0.7}, **summarise(RECORDS)}
    figures["views"]["ours"]["+60"]["identity"][0] = 9.0
    text = write_report(tmp_path, RECORDS, figures).read_text()
    assert text.index("What failed") < text.index("1. View consistency")
    assert "identity distance at +60°, against editing" in text
    assert (tmp_path / "view_curves.png").exists()
    assert (tmp_path / "diversity.png").exists()


def test_one_face_is_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--count", "1"])
    assert "--count" in capsys.readouterr().err

"""The baseline: what is written is read back, is the same bytes for the same scores, and holds no ids."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tcmbench.comparison import baseline
from tcmbench.errors import ScoreMissing, SpecError
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason
from tests.comparison.states import POLICY, state, with_values, without

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.comparison.measured import MeasuredSet


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with all its scores."""
    return state(tmp_path_factory.mktemp("scores"))


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 20)), elements=st.floats(-100, 100)))
@settings(max_examples=50)
def test_values_come_back_rounded(values: np.ndarray) -> None:
    """Writing and reading is the same as rounding, to a thousandth of a point."""
    text = baseline.encode(values, "mean", where="x")
    read = baseline.decode(text, statistic="mean", shape=values.shape, where="x")
    assert np.array_equal(read, baseline.rounded(values, "mean"))
    assert np.abs(read - values).max() <= 0.0005 + 1e-9


def test_the_format_is_what_the_docstring_says() -> None:
    """int32 of points / 0.001, bytes grouped, zlib, base64: readable without tcmbench."""
    raw = zlib.decompress(
        base64.b64decode(baseline.encode(np.array([[100.0, 63.093], [0.0, 50.0]]), "mean", where="x"))
    )
    grouped = np.frombuffer(raw, dtype=np.uint8).reshape(4, -1)
    assert grouped.T.copy().view("<i4").reshape(2, 2).tolist() == [[100_000, 63_093], [0, 50_000]]


def test_the_same_scores_give_the_same_bytes(whole: MeasuredSet, tmp_path: Path) -> None:
    """And a file that says all of it already is left alone."""
    made = baseline.make(whole, policy=POLICY)
    assert baseline.text(made) == baseline.text(baseline.make(whole, policy=POLICY))
    path = tmp_path / "baseline.json"
    assert baseline.write(path, made)
    assert not baseline.write(path, made)
    assert baseline.read(path) == made


def test_another_compression_of_the_same_values_is_left_alone(whole: MeasuredSet, tmp_path: Path) -> None:
    """Another zlib writes other bytes; that is no change to review."""
    made = baseline.make(whole, policy=POLICY)
    column = next(iter(made.values["mini-zh"]))
    raw = zlib.decompress(base64.b64decode(made.values["mini-zh"][column]))
    other = base64.b64encode(zlib.compress(raw, 1)).decode()
    values = {**made.values, "mini-zh": {**made.values["mini-zh"], column: other}}
    path = tmp_path / "baseline.json"
    assert baseline.write(path, made.model_copy(update={"values": values}))
    assert not baseline.write(path, made)


def test_a_diff_shows_which_model_and_task_moved(whole: MeasuredSet) -> None:
    """One line of values for one changed score."""
    before = baseline.text(baseline.make(whole, policy=POLICY)).splitlines()
    moved = with_values(whole, "bm25-words", "InDomain0", lambda values: values * 0.9)
    after = baseline.text(baseline.make(moved, policy=POLICY)).splitlines()
    changed = [line for line, old in zip(after, before, strict=True) if line != old]
    assert [line.partition(":")[0].strip() for line in changed] == ['"InDomain0"', '"sha256"']


def test_the_head_is_for_people_and_holds_no_ids(whole: MeasuredSet) -> None:
    """Scores, revisions, items and versions in plain text; no item, patient or label."""
    made = baseline.make(whole, policy=POLICY)
    text = baseline.text(made)
    assert list(json.loads(text)) == [
        "format",
        "set",
        "suite",
        "reference",
        "packages",
        "tasks",
        "models",
        "values",
        "sha256",
    ]
    model = next(model for model in whole.models if model.entry.kind == "variant")
    assert made.models[model.name].seeds == 2
    assert made.models[model.name].scores["InDomain0"] == pytest.approx(model.points("InDomain0"), abs=1e-4)
    assert made.packages == {"mteb": "2.26.0", "torch": "2.13.0"}
    assert not any(word in text for word in ("InDomain0-00000", "patient-", "脾胃虚弱证"))


def test_a_baseline_with_holes_is_not_written(whole: MeasuredSet) -> None:
    """It would let them through for ever; unless the policy doesn't ask for the task."""
    holed = without(whole, "mini-zh", "InDomain0", CellState("not_measured", Reason.message("no data here")))
    with pytest.raises(ScoreMissing, match=r"mini-zh · InDomain0: not measured: no data here\nRun: tcmbench run fake"):
        baseline.make(holed, policy=POLICY)
    lenient = POLICY.model_copy(update={"required_tasks": ("HeldOut1",)})
    assert "InDomain0" not in baseline.make(holed, policy=lenient).models["mini-zh"].scores


def test_a_value_that_is_none_is_never_written(whole: MeasuredSet) -> None:
    """NaN is a missing score."""
    broken = with_values(whole, "mini-zh", "InDomain0", lambda values: values * np.nan)
    with pytest.raises(ScoreMissing, match="mini-zh on InDomain0"):
        baseline.make(broken, policy=POLICY)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], r"baseline\.json:\d+: not JSON"),
        (lambda text: text.replace("baseline 1", "baseline 9"), "expected a file in the format 'tcmbench baseline 1'"),
        (lambda text: text.replace('"set"', '"sett"'), r"set: Field required"),
        (lambda text: text.encode("utf-16"), "can't decode"),
        (lambda text: text.replace('"fake"', '"\\ud800"', 1), "surrogates not allowed"),
        (lambda _: "[" * 100_000, "expected a file in the format"),
        (lambda _: "[]", "the file: Input should be a valid dictionary"),
        (lambda text: text.replace('"items": 120', '"items": NaN', 1), "expected finite numbers, got NaN"),
        (lambda text: text.replace('"items": 120', '"items": Infinity', 1), "expected finite numbers, got Infinity"),
        (lambda text: text.replace('"items": 120', f'"items": {"9" * 5000}', 1), "Exceeds the limit"),
        (lambda text: text.replace('"items": 120', f'"items": {"9" * 400}', 1), "items: "),
        (lambda text: text.replace('"items": 120', '"items": 0', 1), "items: Input should be greater"),
        (lambda text: text.replace('"items": 120', '"items": null', 1), "items: Input should be a valid integer"),
        (lambda text: text.replace('"seeds": 2', '"seeds": -2', 1), "seeds: Input should be greater"),
        (lambda text: _changed(text, "values", {}), "values of .* without a model, or none"),
        (lambda text: _changed(text, "tasks", {}), "score, values or task of .* missing"),
        (lambda text: _changed(text, "models", {}), "without a model, or none"),
    ],
)
def test_a_damaged_file_says_where_and_what_to_do(
    whole: MeasuredSet, tmp_path: Path, damage: object, message: str
) -> None:
    """Cut off, of another version, or edited, in a file without a checksum that would find all of it."""
    path = tmp_path / "baseline.json"
    unchecked = _without_checksum(baseline.text(baseline.make(whole, policy=POLICY)))
    damaged = damage(unchecked)  # type: ignore[operator]
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    with pytest.raises(SpecError, match=message) as error:
        baseline.read(path)
    assert "--update-baseline" in str(error.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"set"', '"sett"'), "edited or damaged"),
        (lambda text: text.replace('"seeds": 2', '"seeds": 1', 1), "edited or damaged"),
        (lambda text: text.replace('"sha256"', '"sha25v"'), "sha25v: unknown field"),
        (lambda text: text.replace('"set"', '"set": "x", "set"'), "'set' occurs twice"),
    ],
)
def test_an_edited_file_is_found_by_its_checksum(
    whole: MeasuredSet, tmp_path: Path, damage: object, message: str
) -> None:
    """Even where the edited value is one that a baseline may have."""
    path = tmp_path / "baseline.json"
    path.write_text(damage(baseline.text(baseline.make(whole, policy=POLICY))), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(SpecError, match=message):
        baseline.read(path)


def _without_checksum(text: str) -> str:
    fields = {name: value for name, value in json.loads(text).items() if name != "sha256"}
    return json.dumps(fields, ensure_ascii=False, indent=1)


def _changed(text: str, part: str, value: object) -> str:
    return json.dumps({**json.loads(text), part: value})


@pytest.mark.parametrize("kind", ["folder", "pipe", "gone", "large"])
def test_what_is_no_baseline_s_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A named pipe isn't waited for, and what is there isn't taken for no baseline."""
    path = tmp_path / "baseline.json"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "gone":
            path.symlink_to("absent")
        case "large":
            monkeypatch.setattr(baseline, "_LARGEST_FILE", 10)
            path.write_text("{}" * 6, encoding="utf-8")
    assert baseline.is_there(path)
    with pytest.raises(SpecError, match=f"^{path}: (expected|no such file)"):
        baseline.read(path)


def test_few_bytes_that_unpack_to_many_are_not_unpacked() -> None:
    """64 KiB of them would be 64 MiB; no more is unpacked than is expected, and one byte."""
    packed = base64.b64encode(zlib.compress(bytes(64 << 20), 9)).decode()
    tracemalloc.start()
    with pytest.raises(SpecError, match="expected 2 × 3 numbers, got more"):
        baseline.decode(packed, statistic="mean", shape=(2, 3), where="f")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    with pytest.raises(SpecError, match="expected at most 16,777,216 numbers, got 1 × 16777217"):
        baseline.decode(packed, statistic="mean", shape=(1, (16 << 20) + 1), where="f")


def test_a_baseline_of_an_earlier_version_is_read_and_gets_its_checksum(whole: MeasuredSet, tmp_path: Path) -> None:
    """It had none: what it says holds, and the next update writes it anew."""
    made = baseline.make(whole, policy=POLICY)
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(made.model_dump(mode="json")), encoding="utf-8")
    assert baseline.read(path) == made
    assert baseline.write(path, made)
    assert path.read_text(encoding="utf-8") == baseline.text(made)


def test_damaged_values_name_model_and_task(whole: MeasuredSet) -> None:
    """Not base64, not ASCII, cut off, or too few numbers."""
    made = baseline.make(whole, policy=POLICY)
    cut = base64.b64encode(base64.b64decode(made.values["mini-zh"]["InDomain0"])[:-6]).decode()
    for text in ("%%%", "气虚", "", cut, base64.b64encode(zlib.compress(b"1234")).decode()):
        values = {**made.values, "mini-zh": {**made.values["mini-zh"], "InDomain0": text}}
        with pytest.raises(SpecError, match="values of mini-zh on InDomain0"):
            made.model_copy(update={"values": values}).row("mini-zh", "InDomain0", where="f")


def test_order_of_models_is_the_set_s(whole: MeasuredSet) -> None:
    """The order of reading doesn't matter to a value."""
    turned = replace(whole, models=whole.models[::-1])
    assert baseline.make(turned, policy=POLICY).values == baseline.make(whole, policy=POLICY).values

"""Specs that would fill the memory, run for ever or write elsewhere are refused, with file, field and limit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import SpecError, UnknownName
from tcmbench.specs import toml
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.suite import Suite
from tcmbench.specs.task import TaskSpec
from tcmbench.specs.variant import Variant
from tests.task_types.folders import workspace_of

if TYPE_CHECKING:
    from pathlib import Path

TASK = 'type = "sts"\npath = "pairs.jsonl"\n'
SET = 'suite = "s"\nreference = "b"\nmodels = ["b"]\n'


def _read(folder: Path, text: str, schema: type[toml.Spec] = TaskSpec, name: str = "spec") -> toml.Spec:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return toml.read(schema, path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a = " + "[" * 900 + "]" * 900, "expected at most 20 tables inside one another"),
        ("a = " + "{a=" * 900 + "1" + "}" * 900, "expected at most 20 tables inside one another"),
        (".".join("a" * 900) + " = 1", "a: expected at most 20 tables inside one another"),
        (f"x = {'9' * 5000}", "not valid TOML"),
        (f"x = {'9' * 400}", "x: expected a number of at most 64 bits"),
        ("x = 2026-01-01", "x: .* got the date 2026-01-01. Put it in quotes"),
        ("x = nan", "x: expected a finite number, got nan"),
        ("[options]\nx = [{y = -inf}]", "options: expected a finite number, got -inf"),
        ("#" * 1_100_000, "expected at most 1,048,576 bytes, got 1,100,0"),
        ("x = '\0'", "not valid TOML"),
    ],
    ids=["lists", "tables", "dotted", "thousands of digits", "400 digits", "date", "nan", "deep inf", "large", "NUL"],
)
def test_values_that_nothing_can_use_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """At reading, with the file and the key."""
    with pytest.raises(SpecError, match=rf"spec\.toml: .*{complaint}"):
        _read(tmp_path, f"{TASK}{text}")


def test_messages_stay_short(tmp_path: Path) -> None:
    """Whatever stands in the file."""
    splits = ", ".join(["1"] * 1000)
    with pytest.raises(SpecError, match=r"and .* more") as caught:
        _read(tmp_path, f'type = ["{"x" * 100_000}"]\npath = "p"\nlanguages = [{splits}]\n')
    assert len(str(caught.value)) < 6000


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    (tmp_path / "spec.toml").write_bytes("描述".encode("gb18030"))
    with pytest.raises(SpecError, match=r"spec\.toml: not valid TOML: 'utf-8' codec"):
        toml.read(TaskSpec, tmp_path / "spec.toml")


@pytest.mark.parametrize("name", [".", "..", ".hidden", "名" * 60, "a\nb", "a\\b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    """A set named `..` would write above its folder, and a long one can't be written."""
    with pytest.raises(SpecError, match=r"expected (a file name|a name of 1 to 150 bytes)"):
        _read(tmp_path, SET, ModelSet, name)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A file system may hold bytes that are no UTF-8."""
    path = tmp_path / os.fsdecode(b"caf\xe9.toml")
    path.write_text(SET, encoding="utf-8")
    with pytest.raises(SpecError, match="not a valid ModelSet"):
        toml.read(ModelSet, path)


@pytest.mark.parametrize("name", ["../tasks/Task", "..", "/etc/passwd", "x" * 300, "a\0b"])
def test_no_name_reaches_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    """Names on the command line are names, not paths."""
    place = workspace_of(tmp_path, {"Task": TASK})
    with pytest.raises(UnknownName):
        place.spec(Suite, name)


def test_a_file_with_such_a_name_says_so(tmp_path: Path) -> None:
    """It isn't called unknown."""
    place = workspace_of(tmp_path, {"Task": TASK})
    (tmp_path / "tasks/...toml").write_text(TASK, encoding="utf-8")
    with pytest.raises(SpecError, match=r"name '\.\.': expected a file name"):
        place.spec(TaskSpec, "..")


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "gone"])
def test_what_is_no_file_is_no_spec(tmp_path: Path, kind: str) -> None:
    """Although its name ends like one: it is refused by its path, and never waited for."""
    place = workspace_of(tmp_path, {"Task": TASK})
    path = tmp_path / "tasks/Odd.toml"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to(os.devnull)
        case "gone":
            path.symlink_to("absent")

    assert {"Odd", "Task"} <= set(place.names(TaskSpec))
    expected = "no task named 'Odd'" if kind == "gone" else rf"^{path}: expected a file, got a folder, device or pipe"
    with pytest.raises((SpecError, UnknownName), match=expected):
        place.spec(TaskSpec, "Odd")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "C:\\x", "synthetic/../../x"])
def test_a_path_out_of_the_data_root_needs_a_word(tmp_path: Path, path: str) -> None:
    """`outside_data_root = true` says that it is meant."""
    text = f"type = 'sts'\npath = '{path}'\n"
    with pytest.raises(SpecError, match=r"leads out of the data root\. Where .* write outside_data_root = true"):
        _read(tmp_path, text)

    spec = _read(tmp_path, f"{text}outside_data_root = true\n")
    assert isinstance(spec, TaskSpec)
    assert spec.path == path


@pytest.mark.parametrize("split", ["../test", "..", "a/b", "", "x" * 200])
def test_splits_are_names_of_files(tmp_path: Path, split: str) -> None:
    """They become parts of paths."""
    with pytest.raises(SpecError, match=r"splits\.0: .*expected"):
        _read(tmp_path, f'{TASK}splits = ["{split}"]\n')


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ('name = "{x:>9999999999}"\naxes = {x = {a = {}}}', "no widths or conversions"),
        ('name = "{x!r}"\naxes = {x = {a = {}}}', "no widths or conversions"),
        ('name = "{x:{x}}"\naxes = {x = {a = {}}}', "no widths or conversions"),
        (f'name = "{"x" * 501}"\naxes = {{x = {{a = {{}}}}}}', "at most 500 characters"),
        (
            'name = "{a}{b}{c}{d}"\n[matrix.axes]\n'
            + "\n".join(f"{axis} = {{{', '.join(f'l{n} = {{}}' for n in range(100))}}}" for axis in "abcd"),
            "expected at most 2,000 combinations, got 100 × 100 × 100 × 100 = 100,000,000",
        ),
        ('name = "v"\n[matrix.axes]\n' + "\n".join(f"a{n} = {{l = {{}}}}" for n in range(11)), "at most 10 items"),
        ('name = "{x}"\naxes = {x = {"a/b" = {}}}', "expected a file name"),
        ('name = "../{x}"\naxes = {x = {a = {base = "b", data = "d"}}}', "expected a file name"),
    ],
    ids=["width", "conversion", "nested", "long", "product", "axes", "label", "name"],
)
def test_matrices_are_small(tmp_path: Path, matrix: str, complaint: str) -> None:
    """Before a single variant is made of them."""
    with pytest.raises(SpecError, match=complaint):
        model_set = _read(tmp_path, f"{SET}[[matrix]]\n{matrix}\n", ModelSet)
        assert isinstance(model_set, ModelSet)
        model_set.matrix[0].variants(where="set spec")


def test_matrices_are_small_together(tmp_path: Path) -> None:
    """Splitting one into several doesn't help."""
    labels = ", ".join(f"l{n} = {{}}" for n in range(1500))
    text = "".join(f'[[matrix]]\nname = "{n}-{{x}}"\naxes = {{x = {{{labels}}}}}\n' for n in range(2))
    with pytest.raises(SpecError, match="expected at most 2,000 combinations in all matrices, got 3,000"):
        _read(tmp_path, SET + text, ModelSet)


def test_training_data_outside_the_data_root_needs_a_word(tmp_path: Path) -> None:
    """As the data of tasks does."""
    text = 'base = "b"\ndata = "/srv/data"\n'
    with pytest.raises(SpecError, match="outside_data_root = true"):
        _read(tmp_path, text, Variant)

    assert _read(tmp_path, f"{text}outside_data_root = true\n", Variant)

"""Specs that would fill the memory, run for ever or write elsewhere are refused, with file, field and limit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tcmbench import plugins
from tcmbench.errors import SpecError, UnknownName
from tcmbench.specs import toml
from tcmbench.specs.base import Base
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
    """Whatever the file contains."""
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
    with pytest.raises(SpecError, match="not a valid model set"):
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
    with pytest.raises(SpecError, match=r"leads out of the data root\. If .* write outside_data_root = true"):
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


@pytest.mark.parametrize(
    "field",
    [
        "epochs = 1e9", "epochs = 1e308", "max_steps = 1000000000", "batch_size = 1000000000",
        "accumulation = 100000000", "max_length = 100000000", "lora_rank = 1000000", "lora_alpha = 9000000000",
        "save_steps = 9000000000",
    ],
)  # fmt: skip
def test_trainings_end(tmp_path: Path, field: str) -> None:
    """What no machine could finish is refused with its limit."""
    with pytest.raises(
        SpecError, match=rf"training\.{field.split(maxsplit=1)[0]}: Input should be less than or equal to"
    ):
        _read(tmp_path, f'base = "b"\ndata = "d"\n[training]\n{field}\n', Variant)


def test_a_variant_has_so_many_seeds(tmp_path: Path) -> None:
    """Each is a training."""
    with pytest.raises(SpecError, match=r"seeds: Tuple should have at most 1000 items"):
        _read(tmp_path, f'base = "b"\ndata = "d"\nseeds = {list(range(1001))}\n', Variant)


@pytest.mark.parametrize(
    ("encoder", "option"),
    [("hashed_chars", "dimensions"), ("random_vectors", "dimensions"), ("tfidf", "max_features")],
)
@pytest.mark.parametrize("value", [0, -1, 10**9])
def test_vectors_fit_into_memory(encoder: str, option: str, value: int) -> None:
    """Whatever a stranger's base asks for."""
    with pytest.raises(SpecError, match=rf"options of {encoder}: {option}: Input should be"):
        plugins.use("encoders", encoder, {option: value})


@pytest.mark.parametrize(
    ("field", "complaint"),
    [
        ('hub_id = "../../etc"', "hub_id"), ('hub_id = "org/../m"', "hub_id"), ('hub_id = "--help"', "hub_id"),
        ('hub_id = "o/m"\nrevision = "../../secret"', "revision"), ('hub_id = "o/m"\nrevision = "/secret"', "revision"),
        ('hub_id = "o/m"\nrevision = "a//b"', "revision"), ('hub_id = "o/m"\nrevision = ""', "revision"),
        ('path = "m"\nswift_model_type = "--resume_from_checkpoint"', "swift_model_type"),
        ('path = "m"\nswift_model_type = "a b"', "swift_model_type"),
    ],
)  # fmt: skip
def test_names_on_the_hub_are_no_paths_and_no_options(tmp_path: Path, field: str, complaint: str) -> None:
    """They become folders of a cache and words of a command line."""
    with pytest.raises(SpecError, match=rf"{complaint}: expected letters"):
        _read(tmp_path, f'kind = "embedding"\n{field}\n', Base)


@pytest.mark.parametrize("revision", ["main", "v1.5", "refs/pr/3", "0123456789abcdef0123456789abcdef01234567"])
def test_names_on_the_hub_stay(tmp_path: Path, revision: str) -> None:
    """Branches, tags, requests, commits."""
    base = _read(tmp_path, f'kind = "embedding"\nhub_id = "BAAI/bge-small-zh-v1.5"\nrevision = "{revision}"\n', Base)
    assert isinstance(base, Base)
    assert base.revision == revision


@pytest.mark.parametrize("path", ["../policy.toml", "/etc/policy.toml", "a/../../b.toml"])
def test_a_policy_stays_in_the_workspace(tmp_path: Path, path: str) -> None:
    """One elsewhere is given by --policy, where the user sees it."""
    with pytest.raises(SpecError, match=r"leads out of the workspace\. For a file elsewhere use --policy"):
        _read(tmp_path, f'{SET}policy = "{path}"\n', ModelSet)


def test_secrets_in_prose_are_hidden_when_it_is_read(tmp_path: Path) -> None:
    """Descriptions and sources stand on boards and in messages; what a model reads is left alone."""
    address = "https://user:pl4nted-pass@host/data?sig=pl4nted-sig"
    task = _read(tmp_path, f'{TASK}source = "{address}"\ndescription = "{address}"\n')
    assert isinstance(task, TaskSpec)
    assert task.source == task.description == "https://***@host/data?sig=***"
    base = _read(tmp_path, f'kind = "embedding"\npath = "m"\nquery_prompt = "{address}"\n', Base)
    assert isinstance(base, Base)
    assert base.query_prompt == address


def test_complaints_repeat_no_secret(tmp_path: Path) -> None:
    """Whatever field they are about."""
    text = 'kind = "embedding"\nencoder = "endpoint"\npath = "m"\n[options]\napi_key = "pl4nted"\n'
    with pytest.raises(SpecError) as told:
        _read(tmp_path, f'{text}url = "http://u:pl4nted@h"\n', Base)
    assert "pl4nted" not in str(told.value)


def test_training_data_outside_the_data_root_needs_a_word(tmp_path: Path) -> None:
    """As the data of tasks does."""
    text = 'base = "b"\ndata = "/srv/data"\n'
    with pytest.raises(SpecError, match="outside_data_root = true"):
        _read(tmp_path, text, Variant)

    assert _read(tmp_path, f"{text}outside_data_root = true\n", Variant)

"""What `tcmbench train` and `tcmbench data build` do about leaks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from tcmbench.cli import data, train
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from typer.testing import Result

    from tcmbench.store import Json

VARIANT = """base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
training = { batch_size = 16, max_length = 64 }
"""

app = typer.Typer(pretty_exceptions_enable=False)
app.command("train")(train.command)
app.add_typer(data.app, name="data")


@pytest.fixture
def place(workspace_dir: Path, synthetic_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe in two spellings, one that drops leaks, and sixty records, the last of them a test record."""
    folder = shutil.copytree(synthetic_root / "tcm-synth", workspace_dir / "data/tcm-synth")
    records, tested = (
        (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True) for split in ("train", "test")
    )
    (folder / "train.jsonl").write_text("".join([*records[:59], tested[0]]), encoding="utf-8")
    files = {
        "tasks/Records.toml": 'type = "syndrome_retrieval"\npath = "tcm-synth"\n',
        "tasks/suites/records.toml": '[[tasks]]\ntask = "Records"\nrole = "in_domain"\n',
        "models/variants/keeps.toml": VARIANT,
        "models/variants/drops.toml": f"drop_leaks = true\n{VARIANT}",
        "models/sets/both.toml": 'suite = "records"\nreference = "mini-zh-static"\nmodels = ["mini-zh-static"]\n'
        'variants = ["keeps", "drops"]\n',
    }
    for name, text in files.items():
        (workspace_dir / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(workspace_dir)
    monkeypatch.setenv("TCMBENCH_DATA", str(workspace_dir / "data"))
    monkeypatch.setenv("TCMBENCH_CACHE", str(workspace_dir / "store"))
    return workspace_dir


def call(*words: str) -> Result:
    """Run a command line."""
    return CliRunner().invoke(app, words)


def records(built: Result) -> int:
    """Return how many records a training set was built of."""
    assert built.exception is None, built.exception
    return int(json.loads(built.stdout.rpartition("}")[0] + "}")["records"])


def test_leaks_are_told_with_the_path_of_the_whole_report(place: Path) -> None:
    """On stderr; a recipe that doesn't drop them keeps its records."""
    built = call("data", "build", "keeps", "--suite", "records")

    assert records(built) == 60
    told, path = built.stderr.splitlines()
    assert told == "leaks: 1 of 60 training rows leak into Records"
    report = json.loads(Path(path.removeprefix("leak report: ")).read_text(encoding="utf-8"))
    assert len(report["records"]) == 1


def test_the_option_means_what_the_recipe_says(place: Path) -> None:
    """--drop-leaks and drop_leaks = true build the same training set, for a suite or for the set that names it."""
    by_option = call("data", "build", "keeps", "--suite", "records", "--drop-leaks")
    by_recipe = call("data", "build", "drops", "--set", "both")

    assert records(by_option) == 59
    assert by_recipe.stdout == by_option.stdout
    assert by_option.stderr.splitlines()[0] == "leaks: 1 of 60 training rows leak into Records; 1 dropped"


@pytest.mark.parametrize("words", [("train", "keeps"), ("train", "drops"), ("data", "build", "keeps")])
def test_dropping_without_a_suite_is_refused(place: Path, words: tuple[str, ...]) -> None:
    """It would drop nothing; the message names the missing option."""
    given = () if "drops" in words else ("--drop-leaks",)
    result = call(*words, *given)

    assert isinstance(result.exception, SpecError)
    assert "--set SET or --suite SUITE" in str(result.exception)
    assert result.exception.exit_code == 2


def test_train_plans_with_what_is_left(place: Path) -> None:
    """The plan of a recipe that drops leaks is that of the option, and stderr says where the report is."""
    by_option = call("train", "keeps", "--suite", "records", "--drop-leaks", "--dry-run")
    by_recipe = call("train", "drops", "--set", "both", "--dry-run")

    assert by_option.exception is None, by_option.exception
    assert by_option.stdout.replace("keeps", "drops") == by_recipe.stdout
    assert [line.partition(":")[0] for line in by_option.stderr.splitlines()] == ["leaks", "leak report"]


def test_a_training_says_what_it_took() -> None:
    """Parity is between ways to the model's own numbers: how far they are from the base's is no error."""
    outcome: dict[str, Json] = {
        "seconds": 50.0, "tokens": 123_450, "trained_parameters": 5_638_912, "peak_memory_mib": 1536.0,
        "peak_gpu_memory_mib": 2048.0,
        "parity": {"weights=evaluation": 1.2e-7, "swift=evaluation": 4e-8, "quantised=evaluation": 0.1, "change": 0.2},
    }  # fmt: skip
    assert train.cost(outcome) == (
        "50 s, 123,450 tokens (2,469 per second, including start-up), 5,638,912 parameters trained, "
        "1.5 GiB and 2.0 GiB on the GPU, parity within 1e-07"
    )

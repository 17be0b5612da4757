"""What somebody with a model of their own does first: one command, no file, in an empty folder; then the gate."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench.cli import main
from tests.cli import gate
from tests.models import adapters
from tests.models.adapters import MINI

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.workspace import Workspace


PAIRS = "question,answer\n咳嗽痰多,痰湿阻肺证\n口干盗汗,阴虚火旺证\n神疲乏力,气虚证\n畏寒肢冷,阳虚证\n"


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clean_environment: None
) -> Callable[..., tuple[int, str, str]]:
    """Runs `tcmbench` in an empty folder; returns exit code, stdout and stderr."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "store"))

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


def _folder(path: Path) -> Path:
    shutil.copytree(MINI, path)
    return path


@pytest.mark.parametrize(
    "make",
    [_folder, lambda path: adapters.adapter(path, kind="AutoModelForCausalLM"), adapters.swift_output],
    ids=["folder", "adapter", "checkpoint"],
)
def test_any_model_on_a_file_of_pairs(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    """A table with a head is enough; nothing is declared."""
    (tmp_path / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    code, out, err = cli("eval", str(make(tmp_path / "mine")), "--task", str(tmp_path / "pairs.csv"))
    assert (code, out.split()[:2], out.split()[3:]) == (0, ["pairs", "in_domain"], ["ndcg_at_10,", "4", "items"]), err


def test_the_same_pairs_in_another_form_score_the_same(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Compressed, with other separators, as JSON lines or as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [dict(zip(("query", "pos"), line.split(","), strict=True)) for line in PAIRS.splitlines()[1:]]
    files = {name: tmp_path / name for name in ("a.csv.gz", "b.tsv", "c.jsonl", "d.parquet", "e.json")}
    files["a.csv.gz"].write_bytes(gzip.compress(PAIRS.encode()))
    files["b.tsv"].write_text(PAIRS.replace(",", "\t"), encoding="utf-8")
    files["c.jsonl"].write_text("\n".join(json.dumps({**row, "neg": []}) for row in rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), files["d.parquet"])
    files["e.json"].write_text(json.dumps(rows), encoding="utf-8")
    tasks = [word for path in files.values() for word in ("--task", str(path))]
    code, out, err = cli("eval", "hashed-chars", *tasks)
    assert code == 0, err
    assert len({tuple(line.split()[1:]) for line in out.splitlines()}) == 1
    assert len(out.splitlines()) == len(files)


def test_a_file_without_a_column_of_queries_is_named(cli: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """With the columns that are there."""
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    code, out, _ = cli("eval", "hashed-chars", "--task", str(tmp_path / "odd.csv"))
    assert code == 2
    assert "odd.csv:2: expected query or question" in out


def test_a_model_tuned_elsewhere_is_gated_against_its_base(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path, synthetic_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a variant: the board shows what it gained, and the gate judges it."""
    place: Workspace = gate.make(tmp_path / "gate", passages=synthetic_root / "general-synth/qa-retrieval")
    file = place.root / "models/bases/tuned.toml"
    file.write_text(file.read_text(encoding="utf-8") + 'tuned_from = "stays"\n', encoding="utf-8")
    model_set = place.root / "models/sets/small.toml"
    text = model_set.read_text(encoding="utf-8") + '[policy.reference]\nrequired_gain = "none"\n'
    model_set.write_text(text, encoding="utf-8")
    monkeypatch.chdir(place.root)
    code, _, err = cli("run", "small")
    assert code == 0, err
    board = json.loads((place.root / "leaderboards/small/scores.json").read_text(encoding="utf-8"))
    row = next(row for row in board["rows"] if row["name"] == "tuned")
    assert (row["kind"], row["base"], row["recipe"]["trained"]) == ("variant", "stays", "elsewhere")
    assert row["gate"] is not None
    code, out, err = cli("check", "small", "--against", "reference")
    assert code == 0, out + err
    assert "tuned" in out


def test_the_file_of_a_base_is_written_from_its_folder(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """What was written is read again as the same model."""
    code, _, err = cli("init", str(tmp_path / "mine"), "--model", str(_folder(tmp_path / "my-model")))
    assert code == 0, err
    text = (tmp_path / "mine/models/bases/my-model.toml").read_text(encoding="utf-8")
    assert 'pooling = "last"' in text
    assert r'query_prompt = "Instruct: 检索\nQuery:"' in text

"""What somebody with a model of their own does first: one command, no file, in an empty folder; then the gate."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli import gate
from tests.model_server import Model, server
from tests.models import adapters
from tests.models.adapters import MINI

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.workspace import Workspace


__all__ = ["server"]

PAIRS = (
    "question,answer\n咳嗽痰多,痰湿阻肺证\n口干盗汗,阴虚火旺证\n神疲乏力,气虚证\n畏寒肢冷,阳虚证\n"
    "胸胁胀痛,肝郁气滞证\n面色萎黄,血虚证\n"
)


def _folder(path: Path) -> Path:
    shutil.copytree(MINI, path)
    return path


@pytest.mark.parametrize(
    "make",
    [_folder, lambda path: adapters.adapter(path, kind="AutoModelForCausalLM"), adapters.swift_output],
    ids=["folder", "adapter", "checkpoint"],
)
def test_any_model_on_a_file_of_pairs(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    """A table with a head is enough; nothing is declared."""
    (tmp_path / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    code, out, err = in_empty_folder("eval", str(make(tmp_path / "mine")), "--task", str(tmp_path / "pairs.csv"))
    assert (code, out.split()[:2], out.split()[3:]) == (0, ["pairs", "in_domain"], ["ndcg_at_10,", "6", "items"]), err


def test_the_same_pairs_in_another_form_score_the_same(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path
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
    code, out, err = in_empty_folder("eval", "hashed-chars", *tasks)
    assert code == 0, err
    assert len({tuple(line.split()[1:]) for line in out.splitlines()}) == 1
    assert len(out.splitlines()) == len(files)


def test_a_file_without_a_column_of_queries_is_named(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """With the columns that are there."""
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    code, out, _ = in_empty_folder("eval", "hashed-chars", "--task", str(tmp_path / "odd.csv"))
    assert code == 2
    assert "odd.csv:2: expected query or question" in out


def test_what_is_missing_is_named_with_the_command(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty table, and public data that is fetched, or that its user has to download."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    tasks = ("--tasks", str(tmp_path / "empty.csv"), "--tasks", "LCQMCPairs", "--tasks", "TNewsHeadlines")
    code, out, _ = in_empty_folder("eval", "hashed-chars", *tasks)
    assert code == 2
    assert "expected rows with a query and a positive, but there are none" in out
    assert "and run: tcmbench data get lcqmc --file FILE" in out
    assert "Run: tcmbench data get tnews" in out


def test_a_model_tuned_elsewhere_is_gated_against_its_base(
    in_empty_folder: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    synthetic_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is a variant: the board shows what it gained, and the gate judges it."""
    place: Workspace = gate.make(tmp_path / "gate", passages=synthetic_root / "general-synth/qa-retrieval")
    file = place.root / "models/bases/tuned.toml"
    file.write_text(file.read_text(encoding="utf-8") + 'tuned_from = "stays"\n', encoding="utf-8")
    model_set = place.root / "models/sets/small.toml"
    text = model_set.read_text(encoding="utf-8") + '[policy.reference]\nrequired_gain = "none"\n'
    model_set.write_text(text, encoding="utf-8")
    monkeypatch.chdir(place.root)
    code, _, err = in_empty_folder("run", "small")
    assert code == 0, err
    board = json.loads((place.root / "leaderboards/small/scores.json").read_text(encoding="utf-8"))
    row = next(row for row in board["rows"] if row["name"] == "tuned")
    assert (row["kind"], row["base"], row["recipe"]["trained"]) == ("variant", "stays", "elsewhere")
    assert row["gate"] is not None
    code, out, err = in_empty_folder("check", "small", "--against", "reference")
    assert code == 0, out + err
    assert "tuned" in out


def test_the_file_of_a_base_is_written_from_its_folder(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """What was written is read again as the same model."""
    code, _, err = in_empty_folder("init", str(tmp_path / "mine"), "--model", str(_folder(tmp_path / "my-model")))
    assert code == 0, err
    text = (tmp_path / "mine/models/bases/my-model.toml").read_text(encoding="utf-8")
    assert 'pooling = "last"' in text
    assert r'query_prompt = "Instruct: 检索\nQuery:"' in text
    code, _, err = in_empty_folder("init", "--model", str(tmp_path / "my-model"))
    assert (code, "expected a workspace" in err) == (2, True), "nothing would read the file"


def test_a_model_of_another_place_is_gated_in_one_command(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path, synthetic_root: Path
) -> None:
    """0 for what gained, 1 for what didn't, in a folder with nothing in it; 2 without a base."""
    place = gate.make(tmp_path / "gate", passages=synthetic_root / "general-synth/qa-retrieval")
    stays, tuned, pairs = (str(place.root / part) for part in ("models/stays", "models/tuned", "data/qa"))
    code, out, err = in_empty_folder("check", "--model", tuned, "--base", stays, "--tasks", pairs)
    assert code == 0, out + err
    assert "may it ship?" in out
    assert "tuned" in out
    code, out, err = in_empty_folder("check", "--model", stays, "--base", tuned, "--tasks", pairs)
    assert code == 1, out + err
    assert "tcmbench compare, with the same models and tasks" in out
    sarif = tmp_path / "check.sarif"
    in_empty_folder("check", "--model", stays, "--base", tuned, "--tasks", pairs, "--sarif", str(sarif))
    places = [result["locations"][0] for result in json.loads(sarif.read_text(encoding="utf-8"))["runs"][0]["results"]]
    assert places
    assert all(set(place) == {"logicalLocations"} for place in places), "there is no file of this set"
    assert "[" not in err, "what was measured is not measured again"
    code, _, err = in_empty_folder("check", "--model", tuned, "--tasks", pairs)
    assert (code, "no file states what it was tuned from" in err) == (2, True)


def test_an_adapter_is_gated_against_the_base_that_it_names(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Random weights gain nothing."""
    (tmp_path / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    folder = adapters.adapter(tmp_path / "mine", kind="AutoModel")
    code, out, err = in_empty_folder("check", "--model", str(folder), "--tasks", str(tmp_path / "pairs.csv"))
    assert code == 1, out + err
    assert "may it ship? (each variant against mini-zh)" in out
    code, _, err = in_empty_folder("check", "demo", "--tasks", "x")
    assert (code, "are for --model" in err) == (2, True)


def test_a_model_is_compared_with_one_without_weights(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Also as the second one, which is the variant: an untrained baseline has no folder with a recipe."""
    (tmp_path / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    code, out, err = in_empty_folder("compare", "mini-zh-static", "tfidf", "--tasks", str(tmp_path / "pairs.csv"))
    assert code == 0, err
    assert "tfidf against mini-zh-static" in out


def test_two_folders_are_compared(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path, synthetic_root: Path
) -> None:
    """What is missing is measured, once; B alone is compared with its base."""
    place = gate.make(tmp_path / "gate", passages=synthetic_root / "general-synth/qa-retrieval")
    stays, tuned, pairs = (str(place.root / part) for part in ("models/stays", "models/tuned", "data/qa"))
    code, out, err = in_empty_folder("compare", stays, tuned, "--tasks", pairs)
    assert code == 0, err
    assert out.startswith("tuned against stays")
    assert next(line for line in out.splitlines() if line.split()[:1] == ["qa"]).endswith("improved")
    assert len([line for line in err.splitlines() if "· qa:" in line]) == 2
    _, again, err = in_empty_folder("compare", stays, tuned, "--tasks", pairs)
    assert (again, "· qa:" in err) == (out, False)
    folder = adapters.adapter(tmp_path / "mine", kind="AutoModel")
    code, out, err = in_empty_folder("compare", str(folder), "--tasks", pairs)
    assert out.startswith("mine against mini-zh"), err


def test_a_server_is_evaluated_on_a_file_of_pairs(
    in_empty_folder: Callable[..., tuple[int, str, str]], tmp_path: Path, server: Model
) -> None:
    """One command, no file."""
    (tmp_path / "pairs.csv").write_text("query,positive\n咳嗽,肺\n口干,阴虚火旺\n", encoding="utf-8")
    arguments = ("eval", server.url, "--tasks", str(tmp_path / "pairs.csv"))
    code, first, err = in_empty_folder(*arguments)
    assert code == 0, err
    server.turn = 90.0
    code, _, err = in_empty_folder(*arguments)
    assert (code, "[1/1] m · pairs" in err) == (0, True), "another model at the address is measured anew"
    server.turn = 0.0
    assert in_empty_folder(*arguments)[1] == first

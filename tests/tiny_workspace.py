"""A workspace over small generated data, with one task of every type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcmbench.workspace import Workspace, find

TASKS = {
    "TinyRetrieval": 'type = "syndrome_retrieval"\npath = "tcm-synth"\nsplits = ["test", "test_unseen"]\n',
    "TinyClosed": 'type = "syndrome_retrieval"\npath = "tcm-synth"\nmetric = "accuracy"\n[options]\npool = "closed"\n',
    "TinyReranking": 'type = "syndrome_reranking"\npath = "tcm-synth"\n[options]\nconfusable = 4\nbm25 = 4\n',
    "TinyTwoStage": 'type = "syndrome_two_stage"\npath = "tcm-synth"\n[options]\ndepth = 20\n',
    "TinyProbe": 'type = "syndrome_classification"\npath = "tcm-synth"\n[options]\nminimum = 10\nexperiments = 2\n',
    "TinyQA": 'type = "retrieval"\npath = "general-synth/qa-retrieval"\n',
    "TinyQATwoStage": 'type = "two_stage"\npath = "general-synth/qa-retrieval"\n[options]\ndepth = 10\nqueries = 40\n',
    "TinySTS": 'type = "sts"\npath = "general-synth/sts.jsonl"\n',
    "TinyTable": 'type = "pairs_retrieval"\npath = "general-synth/table.jsonl"\n',
    "TinyPairs": 'type = "pair_classification"\npath = "general-synth/pairs.jsonl"\n',
    "TinyHeadlines": 'type = "classification"\npath = "general-synth/headlines-classification"\n'
    "[options]\nexperiments = 2\n",
    "TinyClusters": 'type = "clustering"\npath = "general-synth/clustering.jsonl"\n[options]\nexperiments = 2\n',
    "TinyAbsent": 'type = "retrieval"\npath = "nowhere"\nsource = "Ask the author."\nlicense = "MIT"\n',
}
SUITE = (
    "".join(
        f'[[tasks]]\ntask = "{name}"\nrole = "{"in_domain" if "tcm-synth" in text else "general"}"\n'
        for name, text in TASKS.items()
    )
    + '[[tasks]]\ntask = "TinyRetrieval"\nrole = "held_out"\nsplit = "test_unseen"\n'
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, synthetic_root: Path) -> Workspace:
    """A workspace with one task of every type over generated data."""
    root = tmp_path_factory.mktemp("workspace")
    for folder in ("tasks/suites", "models/bases", "models/variants", "models/sets"):
        (root / folder).mkdir(parents=True)
    for name, text in TASKS.items():
        (root / f"tasks/{name}.toml").write_text(text, encoding="utf-8")
    (root / "tasks/suites/tiny.toml").write_text(SUITE, encoding="utf-8")
    pairs = [json.loads(line) for line in (synthetic_root / "general-synth/sts.jsonl").open(encoding="utf-8")]
    with (synthetic_root / "general-synth/pairs.jsonl").open("w", encoding="utf-8") as file:
        for pair in pairs:
            row = {**pair, "label": int(pair.pop("score") > 2)}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    with (synthetic_root / "general-synth/table.jsonl").open("w", encoding="utf-8") as file:
        for pair in pairs:
            row = {"query": pair["sentence1"], "positive": pair["sentence2"]}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return find(root, data=synthetic_root, cache=root / "store")

"""A workspace with one small retrieval task and two small encoders, for tests of the gate that plant real faults."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tcmbench import models, tasks
from tcmbench.evaluation import evaluate
from tcmbench.workspace import Workspace, bundled_content, find
from tests.running import run

if TYPE_CHECKING:
    from pathlib import Path

TASK = "SmallQA"
MODELS = ("stays", "tuned")
STEPS = 6


def make(root: Path, *, passages: Path) -> Workspace:
    """Write the workspace; both models are copies of the bundled static one, `tuned` has learned the task."""
    for folder in ("tasks/suites", "models/bases", "models/sets"):
        (root / folder).mkdir(parents=True)
    shutil.copytree(passages, root / "data/qa")
    (root / f"tasks/{TASK}.toml").write_text('type = "retrieval"\npath = "qa"\n', encoding="utf-8")
    (root / "tasks/suites/small.toml").write_text(f'[[tasks]]\ntask = "{TASK}"\nrole = "general"\n', encoding="utf-8")
    (root / "models/sets/small.toml").write_text(
        f'suite = "small"\nreference = "stays"\nmodels = {json.dumps(MODELS)}\n', encoding="utf-8"
    )
    for name in MODELS:
        shutil.copytree(bundled_content() / "models/mini-zh-static", root / "models" / name)
        declare(root, name)
    learn(root / "models/tuned", root / "data/qa")
    return find(root, cache=root / "store")


def declare(root: Path, name: str, *, query_prompt: str = "") -> None:
    """Write a base."""
    (root / f"models/bases/{name}.toml").write_text(
        f'kind = "embedding"\npath = "{name}"\narchitecture = "static"\nquery_prompt = "{query_prompt}"\n',
        encoding="utf-8",
    )


def measure(workspace: Workspace) -> None:
    """Measure what is missing of the set, as `tcmbench run` does, without the board."""
    for entry in run(workspace, "small").entries:
        if entry.failure or entry.states:
            raise AssertionError(f"{entry.name}: {entry.failure or entry.states}")


def score_folder(workspace: Workspace, name: str) -> Path:
    """Return where a model's score is stored."""
    revision = models.base_model(workspace, name).revision
    key = evaluate.score_key(revision, tasks.resolve(workspace, TASK), split="test", subset="default")
    return workspace.store.path(evaluate.KIND, key)


def learn(model: Path, data: Path) -> None:
    """Teach a static model the pairs of a retrieval folder in a few steps; far too well, which is the point."""
    import torch
    from safetensors.torch import load_file, save_file
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    weights = load_file(model / "model.safetensors")
    rows = {
        name: {row["_id"]: row["text"] for row in map(json.loads, (data / f"{name}.jsonl").open(encoding="utf-8"))}
        for name in ("queries", "corpus")
    }
    pairs = [line.split("\t")[:2] for line in (data / "qrels/test.tsv").read_text("utf-8").splitlines()[1:]]

    def counts(texts: list[str]) -> torch.Tensor:
        """Return texts × vocabulary, each token counted by its weight: what the model sums its vectors by."""
        found = torch.zeros(len(texts), len(weights["weights"]))
        for row, encoding in zip(found, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True):
            row.index_add_(0, torch.tensor(encoding.ids), weights["weights"][encoding.ids].float())
        return found

    queries = counts([rows["queries"][query] for query, _ in pairs])
    passages = counts([rows["corpus"][passage] for _, passage in pairs])
    used = torch.nonzero((queries.sum(0) != 0) | (passages.sum(0) != 0)).squeeze(1)
    queries, passages = queries[:, used], passages[:, used]
    vectors = torch.nn.Parameter(weights["embeddings"][used].float())
    optimizer = torch.optim.Adam([vectors], lr=0.02)
    for _ in range(STEPS):
        asked = torch.nn.functional.normalize(queries @ vectors, dim=1)
        offered = torch.nn.functional.normalize(passages @ vectors, dim=1)
        loss = torch.nn.functional.cross_entropy(20 * asked @ offered.T, torch.arange(len(pairs)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weights["embeddings"][used] = vectors.detach().to(weights["embeddings"].dtype)
    save_file(weights, model / "model.safetensors")

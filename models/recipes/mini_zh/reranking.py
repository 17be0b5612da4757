"""``python -m models.recipes.mini_zh.reranking --data DATA``: the reranker against BM25 on BM25's own top 20."""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import NamedTuple

from models.recipes.mini_zh import batches
from models.recipes.mini_zh.templates import reranker_text

_DEPTH = 20
_MOST_CHARACTERS = 1_200
"""Of a passage; what is longer is cut, so that the prompt's end is never lost."""


class Ranking(NamedTuple):
    """Shares of queries by where the right passage stands."""

    recall_at_1: float
    recall_at_5: float
    mrr_at_10: float
    """Mean of the reciprocal rank, zero beyond rank ten."""


class Passages(NamedTuple):
    """A retrieval set in BEIR layout, with one right passage a query."""

    passages: dict[str, str]
    queries: dict[str, str]
    right: dict[str, str]


def main() -> None:
    """Print both rankings of the first queries of cmrc2018-retrieval as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds general/cmrc2018-retrieval")
    parser.add_argument("--model", type=Path, default=Path(__file__).parents[2] / "mini-zh-reranker")
    parser.add_argument("--queries", type=int, default=200, help="queries, from the first on")
    arguments = parser.parse_args()
    data = read(arguments.data / "general" / "cmrc2018-retrieval", most=arguments.queries)
    found = first_stage(data)
    reranked = rerank(data, found, model=arguments.model)
    result = {"queries": len(data.queries), "bm25": ranking(found, data)._asdict()}
    print(json.dumps({**result, "mini-zh-reranker": ranking(reranked, data)._asdict()}, indent=1))


def read(folder: Path, *, most: int) -> Passages:
    """Return the passages and the first ``most`` queries."""
    judged = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").split("\n")[1:]]
    right = {row[0]: row[1] for row in judged if len(row) == 3}
    queries = dict(list(_texts(folder / "queries.jsonl").items())[:most])
    return Passages(_texts(folder / "corpus.jsonl"), queries, right)


def first_stage(data: Passages) -> dict[str, list[str]]:
    """Return BM25's best passages per query, over characters and their bigrams."""
    import bm25s

    names = list(data.passages)
    index = bm25s.BM25()
    index.index([_terms(data.passages[name]) for name in names], show_progress=False)
    rows, _ = index.retrieve([_terms(text) for text in data.queries.values()], k=_DEPTH, show_progress=False)
    return {query: [names[item] for item in row] for query, row in zip(data.queries, rows.tolist(), strict=True)}


def rerank(data: Passages, found: dict[str, list[str]], *, model: Path) -> dict[str, list[str]]:
    """Return the same passages, best score first."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    from models.recipes.mini_zh.judge import judge

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    answers = (batches.token_id(tokenizer, "yes"), batches.token_id(tokenizer, "no"))
    order: dict[str, list[str]] = {}
    with torch.no_grad():
        for query, names in found.items():
            texts = [reranker_text(data.queries[query], data.passages[name][:_MOST_CHARACTERS]) for name in names]
            rows = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
            shared = _shared(rows)
            ids, length = batches.pad([row[shared:] for row in rows], end=0)
            scores = judge(network, torch.tensor(rows[0][:shared]), ids, length - 1, answers).tolist()
            order[query] = [name for _, name in sorted(zip(scores, names, strict=True), key=lambda one: -one[0])]
    return order


def ranking(order: dict[str, list[str]], data: Passages) -> Ranking:
    """Return where the right passages stand."""
    places = [
        names.index(data.right[query]) + 1 if data.right[query] in names else None for query, names in order.items()
    ]
    count = len(places)
    return Ranking(
        sum(place == 1 for place in places) / count,
        sum(place is not None and place <= 5 for place in places) / count,
        sum(1 / place for place in places if place is not None and place <= 10) / count,
    )


def _shared(rows: list[list[int]]) -> int:
    """Return how many tokens all rows begin with: the prompt and the query."""
    return next(place for place, column in enumerate(zip(*rows, strict=False)) if len(set(column)) > 1)


def _texts(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in rows}


def _terms(text: str) -> list[str]:
    return [*text, *(left + right for left, right in itertools.pairwise(text))]


if __name__ == "__main__":
    main()

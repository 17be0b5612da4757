"""The recipe's promises: no evaluation text in training, a start that is a mean, a loss that is blind to copies."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.recipes.mini_zh import batches, candidates, network, table
from models.recipes.mini_zh.bag import bag
from models.recipes.mini_zh.batches import Tokens
from models.recipes.mini_zh.export import scale_stream
from models.recipes.mini_zh.loss import info_nce
from models.recipes.mini_zh.pairs import fingerprint, read_corpus

END = 63


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines, encoding="utf-8")


def test_a_pair_with_an_evaluation_text_is_dropped_and_counted(tmp_path: Path) -> None:
    """Width, case, white space and punctuation don't hide a copy."""
    pairs = [
        {"source": "one", "query": "如何 打开ＡＢＣ？", "positive": "按下按钮"},
        {"source": "one", "query": "怎样关闭", "positive": "再按一次"},
    ]
    _write(tmp_path / "pretrain" / "general_pairs.jsonl.gz", pairs)
    _write(tmp_path / "general" / "task.jsonl", [{"text": "如何打开abc"}])
    corpus = read_corpus(tmp_path, held_back_per_source=0)
    assert [pair.query for pair in corpus.train] == ["怎样关闭"]
    assert dict(corpus.dropped) == {"one": 1}


def test_without_evaluation_sets_the_check_refuses(tmp_path: Path) -> None:
    """A check against nothing proves nothing."""
    _write(tmp_path / "pretrain" / "general_pairs.jsonl.gz", [])
    with pytest.raises(FileNotFoundError, match="evaluation sets"):
        read_corpus(tmp_path)


@given(st.text())
def test_a_fingerprint_is_its_own_fingerprint(text: str) -> None:
    """Normalising twice changes nothing, so that both sides of the check agree."""
    assert fingerprint(fingerprint(text)) == fingerprint(text)


def _start() -> tuple[network.Qwen3ForCausalLM, torch.Tensor]:
    config = network.configuration(vocabulary=64, end_id=END)
    drawn = torch.randn(64, network.HIDDEN, generator=torch.Generator())
    drawn[:, network.UNIT] = drawn[:, network.UNIT].abs() + 0.5
    vectors = torch.nn.functional.rms_norm(drawn, (network.HIDDEN,))
    return network.start(config, vectors=vectors, seed=0), vectors


def test_the_network_starts_as_the_bag() -> None:
    """What stage one learnt is there at the first step of stage two."""
    model, vectors = _start()
    ids, last = batches.pad([[1, 2, 3, 4], [5, 6]], end=END)
    cosine = (network.encode(model, ids, last) * bag(vectors, ids, last, end=END)).sum(dim=1)
    assert cosine.min().item() > 0.95


def test_an_important_token_decides_the_vector() -> None:
    """The start weighs tokens: what it leaves out of a text hardly matters, what it counts does."""
    model, vectors = _start()
    vectors[:, network.IMPORTANCE] = -2.0
    vectors[7, network.IMPORTANCE] = 6.0
    model.model.embed_tokens.weight.data.copy_(vectors)
    ids, last = batches.pad([[1, 2, 7, 3], [4, 5, 7, 6], [1, 2, 8, 3]], end=END)
    found = network.encode(model, ids, last)
    assert (found[0] @ found[1]).item() > 0.9 > 0.7 > (found[0] @ found[2]).item()


def test_scaling_the_stream_changes_no_vector() -> None:
    """One learning rate can then suit token vectors and matrices, and nothing else is different."""
    model, _ = _start()
    ids, last = batches.pad([[1, 2, 3, 4, 9, 8], [5, 6]], end=END)
    scaled = scale_stream(model, 0.1)
    assert scaled.model.embed_tokens.weight.std() < 0.2 * model.model.embed_tokens.weight.std()
    torch.testing.assert_close(network.encode(scaled, ids, last), network.encode(model, ids, last), atol=1e-3, rtol=0)


def test_the_short_forward_pass_equals_the_whole_network() -> None:
    """Computing the last layer for one position changes no vector, padded or not."""
    model, _ = _start()
    ids, last = batches.pad([[1, 2, 3, 4, 9, 8], [5, 6], [7]], end=END)
    hidden = model.model(ids).last_hidden_state[torch.arange(3), last]
    torch.testing.assert_close(
        network.encode(model, ids, last), torch.nn.functional.normalize(hidden, dim=-1), atol=1e-5, rtol=0
    )


def test_a_copy_in_the_batch_is_no_negative() -> None:
    """The loss of a pair doesn't move when a second one is the same."""
    vectors = torch.nn.functional.normalize(torch.eye(3, 8) + 0.1, dim=1)
    twice = vectors[[0, 0, 1]]
    same = torch.tensor([[False, True, False], [True, False, False], [False, False, False]])
    alone = info_nce(vectors[[0, 1]], vectors[[0, 1]], same=torch.zeros(2, 2, dtype=torch.bool), temperature=0.1)
    masked = info_nce(twice, twice, same=same, temperature=0.1)
    unmasked = info_nce(twice, twice, same=torch.zeros_like(same), temperature=0.1)
    assert masked.item() < alone.item() * 1.5
    assert unmasked.item() > masked.item() + 0.3


def test_batches_are_the_same_under_a_seed_and_of_one_source() -> None:
    """A stopped run that is taken up goes on with the batches it would have seen."""
    draw = random.Random(0)
    texts = [tuple(draw.choices(range(60), k=50)) for _ in range(300)]
    grouped = {name: [Tokens(text, text) for text in texts] for name in ("afqmc-train", batches.CROPS)}
    runs = [batches.stream(grouped, prompt=(1, 2), end=END, seed=5) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert first.source == second.source
        assert torch.equal(first.query_ids, second.query_ids)
        assert torch.equal(first.positive_ids, second.positive_ids)
        if first.source == batches.CROPS:
            break


def test_the_best_window_holds_the_words_that_are_asked_for() -> None:
    """The stretch with most shared tokens is kept, and a short text stays whole."""
    document = (*range(10, 30), 1, 2, *range(30, 50))
    assert {1, 2} <= set(candidates.best_window((1, 2, 3), document, longest=8))
    assert candidates.best_window((1,), document, longest=99) == document


def test_mined_candidates_are_never_the_right_one() -> None:
    """BM25 finds the pair's own document first; it is no negative."""
    pairs = [Tokens((n, n + 1), (n, n + 1, n + 2, 40)) for n in range(30)]
    mined = candidates.mine(pairs, most=10, seed=0)
    assert all(pairs[number].positive != pair.positive for pair, confused in mined for number in confused)
    assert all(confused for _, confused in mined)


def test_the_table_shows_a_dash_where_nothing_was_measured() -> None:
    """A missing score is never a zero."""
    board = table.Board.model_validate(
        {
            "columns": [{"name": "T", "title": "Own", "role": "general", "metric": "ap"}],
            "rows": [
                {"name": "mini-zh", "cells": {"T": {"score": {"value": 51.26}, "metrics": {}}}},
                {"name": "bm25", "cells": {"T": {"score": None, "metrics": {}}}},
            ],
        }
    )
    assert "| Own | general | ap | 51.3 | — |" in table.table(board, averaged=("T",))

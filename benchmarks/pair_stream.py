"""Is a training set of a million pairs built in the memory of a small machine?

    python -m benchmarks.pair_stream

A table of generated pairs of a query and a passage of about 20 and 100 characters is read row by row, and made into a
file of label-unique batches with one negative, drawn from another row. Memory is that of the whole process.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import _cost, _result
from benchmarks._result import Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from benchmarks._cost import Cost

_PAIRS, _QUICK = 1_000_000, 50_000
_MOST_MIB = 1024
_CHARACTERS = "头痛发热恶寒无汗心悸失眠健忘多梦胁肋胀痛口苦咽干腰膝酸软纳差便溏舌红苔黄脉弦细数"
_ROOT = Path(__file__).parent.parent


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield one row."""
    pairs = _QUICK if given.quick else _PAIRS
    cost: Cost = _cost.apart(build, pairs)
    yield Row(
        case=f"{pairs:,} pairs, label-unique batches of 64, one negative",
        unit="processor s",
        ours=cost.cpu,
        mib=cost.mib,
        most_mib=_MOST_MIB,
        note="Reading, order, drawing, counting and cutting of tokens, writing.",
    )


def build(pairs: int) -> Cost:
    """Return the costs of building the training set."""
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning import tune
    from tcmbench.tuning.recipe import resolve
    from tcmbench.workspace import find

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        drawn = random.Random(0)
        with (root / "pairs.jsonl").open("w", encoding="utf-8") as file:
            for number in range(pairs):
                query, passage = ("".join(drawn.choices(_CHARACTERS, k=count)) for count in (20, 100))
                row = {"query": f"{query}{number % (pairs // 2)}", "positive": f"{passage}{number}"}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        variant = Variant.model_validate({
            "name": "streamed", "base": "mini-zh-static", "trainer": "sentence_transformers",
            "data": [{"path": "pairs.jsonl", "streamed": True}],
            "negatives": {"miner": "random", "options": {"count": 1}},
            "training": {"batch_size": 64, "max_length": 128},
        })  # fmt: skip
        place = find(_ROOT, data=root, cache=root / "store")
        recipe = resolve(place, variant)
        made, cost = _cost.of(lambda: tune.training_set(place, recipe, seed=0))
        if made.statistics.lines < 0.99 * pairs:
            raise AssertionError(f"expected nearly {pairs} lines, got {made.statistics.lines}")
        return cost


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=("tokenizers", "pyarrow", "numpy")))

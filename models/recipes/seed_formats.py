"""``python -m models.recipes.seed_formats --data DATA``: the files that the sets ``recipe-*`` read, from real data.

The recipes of docs/recipes begin with files in other formats than a TCM-SD folder. They are written below a data root,
as ``tcmbench data convert`` and ``split`` write them, with two things that no conversion can know: BM25 negatives of
each query, and a weight per query, by which frequent syndromes don't count more than others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.data import tcm_sd
from tcmbench.data.convert import convert
from tcmbench.data.formats import TrainingRow, pos_neg, weighted
from tcmbench.data.splitting.sources import SplitColumns
from tcmbench.data.splitting.split import shares_of, split
from tcmbench.miners import Corpus, MiningContext, Negatives, Queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NEGATIVES = {"pos_neg": 4, "weighted": 2}
_WEIGHTS = (0.5, 1.5)
"""Smallest and largest weight of a query."""


def write(data: Path, output: Path) -> None:
    """Write the files that are not split.

    Args:
        data: Data root with the folders tcm-pictures and tcm-tbosd.
        output: Folder for the files.

    Raises:
        TcmbenchError: A folder is absent or can't be read.
    """
    output.mkdir(parents=True, exist_ok=True)
    for folder, name in (("tcm-pictures", "pictures.json"), ("tcm-tbosd", "tbosd.json")):
        convert(data / folder, output / name, source_format="tcm_sd", target_format="rag_json", split="train")
    pictures = tcm_sd.read_folder(data / "tcm-pictures", splits=["train"])
    pos_neg.write(rows(pictures, negatives=_NEGATIVES["pos_neg"]), output / "pictures-pos-neg.jsonl")
    weighted.write(rows(pictures, negatives=_NEGATIVES["weighted"], weighs=True), output / "pictures-weighted.jsonl")


def rows(folder: tcm_sd.Folder, *, negatives: int, weighs: bool = False) -> Iterator[TrainingRow]:
    """Yield a row for each query of train, with the entries that BM25 ranks highest among the wrong ones.

    Args:
        folder: Records and entries.
        negatives: Negatives per query.
        weighs: Whether a query weighs the less, the more records its syndromes have; its negatives as much as it.
    """
    labels: dict[str, tuple[str, ...]] = {}
    for record in folder.splits["train"]:
        labels[record.query()] = tuple(dict.fromkeys((*labels.get(record.query(), ()), *record.labels)))
    text = {entry.doc_id: entry.document() for entry in folder.knowledge}
    count = Counter(label for of_query in labels.values() for label in of_query)
    mean = count.total() / len(count)
    for (query, right), wrong in zip(labels.items(), _mined(labels, text, negatives), strict=True):
        weight = min(max(mean / max(count[label] for label in right), _WEIGHTS[0]), _WEIGHTS[1])
        yield TrainingRow(
            query,
            tuple(text[label] for label in right),
            tuple(text[label] for label in wrong),
            weights=(round(weight, 3),) * (len(right) + len(wrong)) if weighs else (),
        )


def _mined(labels: Mapping[str, tuple[str, ...]], text: Mapping[str, str], count: int) -> tuple[tuple[str, ...], ...]:
    ids = tuple(str(number) for number in range(len(labels)))
    queries = Queries(ids, tuple(labels), tuple(frozenset(right) for right in labels.values()))
    miner = plugins.use("miners", "bm25", {"count": count})
    corpus = Corpus(tuple(text), tuple(text.values()))
    mined: Negatives = miner.module.mine(queries, corpus, options=miner.options, seed=0, context=MiningContext())
    return mined.ids


def main() -> None:
    """Write the files, and split the weighted one by query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data root with tcm-pictures and tcm-tbosd")
    parser.add_argument("--output", type=Path, default=Path("data/recipes"), help="new folder in a data root")
    arguments = parser.parse_args()
    write(arguments.data, arguments.output)
    parts = split(
        arguments.output / "pictures-weighted.jsonl",
        arguments.output / "weighted",
        shares=shares_of("60/20/20"),
        named=SplitColumns("query"),
        seed=0,
    )
    print("\n".join(parts.lines()))


if __name__ == "__main__":
    main()

"""``python -m tests.trainers.swift_types [TYPE …]``: what happens to each model type of ms-swift, in docs/gpu.md.

Each type of an embedding model or reranker gets tiny random weights of its own architecture. Those that tcmbench trains
are trained whole and with LoRA, finished and compared in every way; those that it refuses are given to ms-swift as if
they were not. About a minute for each; without names, all types are tried.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from tcmbench.errors import TcmbenchError
from tcmbench.specs.base import Base
from tcmbench.trainers._swift import model_types
from tcmbench.trainers._swift.model_types import REFUSED, TRAINED, ModelType
from tests.trainers.tiny import (
    QUERY_PROMPT,
    embedding_rows,
    make_job,
    reranker_rows,
    train,
    write_bert,
    write_embedding,
    write_encoder,
    write_reranker,
    write_rows,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PAGE = Path(__file__).parents[2] / "docs" / "gpu.md"
BEGIN, END = "<!-- python -m tests.trainers.swift_types -->\n", "<!-- end -->\n"
HEADING = "| model type | with random weights | instead |\n|---|---|---|\n"

_INSTRUCTION = "判断证型"
_NAMES = ("emb", "rerank", "gte", "gme", "bert")
"""Parts of names of embedding models and rerankers."""


class Row(NamedTuple):
    """One line of the table."""

    name: str
    happened: str
    instead: str

    def __str__(self) -> str:
        return f"| `{self.name}` | {self.happened} | {self.instead} |\n"


def registered() -> set[str]:
    """Return the names of all types of embedding models and rerankers that ms-swift has, by tag, task, name or loader.

    Imports ms-swift, which takes half a minute.
    """
    from swift.model.model_meta import MODEL_MAPPING
    from swift.model.register import SentenceTransformersLoader

    found = set()
    for name, kind in MODEL_MAPPING.items():
        tags = {*kind.tags, *(tag for group in kind.model_groups for tag in group.tags or ())}
        if (
            kind.task_type in {"embedding", "reranker", "generative_reranker"}
            or tags & {"embedding", "reranker", "bert"}
            or any(part in name for part in _NAMES)
            or kind.loader is SentenceTransformersLoader
        ):
            found.add(name)
    return found


def listed(page: Path = PAGE) -> dict[str, Row]:
    """Return name → line of the table in the page."""
    table = page.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].removeprefix(HEADING)
    rows = (Row(*(cell.strip() for cell in line.strip("|").split(" | "))) for line in table.splitlines())
    return {row.name.strip("`"): row._replace(name=row.name.strip("`")) for row in rows}


def main() -> None:
    """Try the types and write their lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("types", nargs="*", choices=[*TRAINED, *REFUSED, []], metavar="TYPE")
    names = parser.parse_args().types or [*TRAINED, *REFUSED]
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            row = tried(name, Path(folder))
        _write({**listed(), name: row})
        print(row, end="", flush=True)  # noqa: T201 (a command)


def tried(name: str, folder: Path) -> Row:
    """Return what happens to a type with tiny random weights."""
    if name in TRAINED:
        for tuner in ("full", "lora"):
            _train(TRAINED[name], folder / tuner, tuner=tuner)
        return Row(name, "trains: all weights and LoRA, the same numbers in every way", "")
    reason, _, advice = REFUSED[name].rpartition(". ")
    if not _weights(name, folder / "unused"):
        return Row(name, f"refused: {reason}", f"{advice}.")
    is_reranker = "reranker" in name
    kind = ModelType(name, "AutoModel", "cls", "reranker" if is_reranker else "embedding")
    pairs = kind if is_reranker else model_types.PAIRS
    with (
        mock.patch.dict(TRAINED, {name: kind}),
        mock.patch.dict(REFUSED),
        mock.patch.object(model_types, "PAIRS", pairs),
    ):
        del REFUSED[name]  # type: ignore[attr-defined]
        console = _train(kind, folder, tuner="full", may_fail=True)
    return Row(name, f"refused: {reason} (tried: {console})", f"{advice}.")


def _train(kind: ModelType, folder: Path, *, tuner: str, may_fail: bool = False) -> str:
    """Train two steps; return how far it came: "trains", or where it may fail the last error of ms-swift."""
    folder.mkdir(parents=True, exist_ok=True)
    is_reranker, is_pair = kind.task == "reranker", kind is model_types.PAIRS
    instruction = "" if is_pair else _INSTRUCTION
    of_task = {"instruction": instruction} if is_reranker else {"pooling": kind.pooling, "query_prompt": QUERY_PROMPT}
    base = Base.model_validate(
        {
            "name": "tiny", "kind": kind.task, "path": "tiny", "max_length": 128, "swift_model_type": kind.name,
            **of_task,
            "padding_side": "left" if kind.network == "AutoModelForCausalLM" else "right",
        }
    )  # fmt: skip
    if kind.name.startswith("tcmbench_"):
        base = base.model_copy(update={"swift_model_type": None, "architecture": "bert"})
    _weights(kind.name, folder / "base")
    rows = reranker_rows(16, instruction=instruction) if is_reranker else embedding_rows(16)
    file = write_rows(folder / "train.jsonl", rows)
    job = make_job(
        folder, base=base, train_file=file, rows=16, tuner=tuner, head="classification" if is_pair else "generative"
    )
    try:
        train(job)
    except TcmbenchError:
        if not may_fail:
            raise
        if list((job.work_dir / "run").glob("checkpoint-*")):
            return "trains in ms-swift"
        return _last_error(job.work_dir / "console.log")
    return "trains"


def _last_error(console: Path) -> str:
    lines = [line for line in console.read_text(encoding="utf-8").splitlines() if "Error: " in line]
    return "`" + lines[-1].strip()[:120].replace("|", "/").replace("`", "'") + "`" if lines else "stops"


def _weights(name: str, folder: Path) -> bool:
    """Write weights of the type's architecture; return whether there is one for texts alone."""
    import transformers as t

    plain: Mapping[str, tuple[type, type]] = {
        "modern_bert": (t.ModernBertForMaskedLM, t.ModernBertConfig),
        "modern_bert_gte": (t.ModernBertModel, t.ModernBertConfig),
        "modern_bert_gte_reranker": (t.ModernBertForSequenceClassification, t.ModernBertConfig),
        "bge_reranker": (t.XLMRobertaForSequenceClassification, t.XLMRobertaConfig),
        "gemma_emb": (t.Gemma3TextModel, t.Gemma3TextConfig),
        "qwen2_gte": (t.Qwen2ForCausalLM, t.Qwen2Config),
    }
    if name in plain:
        more = {"num_key_value_heads": 2} if name in {"gemma_emb", "qwen2_gte"} else {}
        write_encoder(folder, *plain[name], **({"num_labels": 1} if "reranker" in name else more))
    elif name in {"bert", "tcmbench_mean", "tcmbench_cls", "tcmbench_pairs"}:
        write_bert(folder)
    elif name == "qwen3_emb":
        write_embedding(folder)
    elif name == "qwen3_reranker":
        write_reranker(folder)
    return folder.is_dir()


def _write(rows: Mapping[str, Row]) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(
        before + BEGIN + HEADING + _lines(rows[name] for name in sorted(rows)) + END + after, encoding="utf-8"
    )


def _lines(rows: Iterable[Row]) -> str:
    return "".join(map(str, rows))


if __name__ == "__main__":
    main()

"""A Qwen3 of two layers and files of a few authored sentences: enough to run the trainers for real."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench import plugins
from tcmbench.specs.base import Base
from tcmbench.specs.variant import Variant
from tcmbench.trainers import Outcome, Plan, Step, TrainingJob, requirements

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from tcmbench.trainers._runtime.job_file import WorkResult

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
QUERY_PROMPT = "Instruct: 找出证型\nQuery:"

SIGNS = (
    ("口干咽燥，夜里盗汗，舌红少苔", "阴虚：津液不足，虚热内生"),
    ("怕冷，手足不温，大便稀溏", "阳虚：温煦失职，寒从中生"),
    ("胸胁胀满，爱叹气，脉弦", "肝郁：情志不畅，气机阻滞"),
    ("身体困重，胸闷痰多，苔腻", "痰湿：水湿停聚，阻遏气机"),
    ("刺痛固定，唇色紫暗，舌有瘀点", "血瘀：血行不畅，阻于脉络"),
    ("面色无华，头晕心悸，舌淡", "血虚：血不养心，清窍失荣"),
    ("气短懒言，动则汗出，脉弱", "气虚：元气不足，固摄无力"),
    ("小便短赤，口苦口粘，苔黄腻", "湿热：湿与热合，蕴结不散"),
)

CHAT_TEMPLATE = (
    "{%- set instruction = messages | selectattr('role', 'eq', 'system') | map(attribute='content') | first "
    "| default('判断文档是否符合', true) -%}"
    "{%- set query = messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first -%}"
    "{%- set document = messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first -%}"
    "{{- '<|im_start|>system\\nJudge whether the Document meets the requirements based on the Query and the "
    'Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\\n<|im_start|>user\\n'
    "<Instruct>: ' ~ instruction ~ '\\n<Query>: ' ~ query ~ '\\n<Document>: ' ~ document ~ "
    "'<|im_end|>\\n<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' -}}"
)


def make_job(
    folder: Path,
    *,
    base: Base,
    train_file: Path,
    rows: int,
    base_dir: Path | None = None,
    training: Mapping[str, object] | None = None,
    labels: Sequence[tuple[str, ...]] | None = None,
    dev_file: Path | None = None,
    **variant: object,
) -> TrainingJob:
    """Return a job with batches of eight; `variant` and `training` overlay the recipe."""
    reranks = base.kind == "reranker"
    settings = {
        "batch_size": 8, "learning_rate": 1e-3, "max_length": 400 if reranks else 128, "lora_rank": 4,
        "loss": "pointwise_reranker" if reranks else "infonce", "save_steps": 5, "warmup_ratio": 0.0,
    }  # fmt: skip
    recipe = Variant.model_validate(
        {
            "name": "tiny-variant", "base": base.name, "data": "none", "task": base.kind,
            "training": {**settings, **(training or {})}, **variant,
        }
    )  # fmt: skip
    return TrainingJob(
        variant=recipe,
        base=base,
        requirements=requirements(recipe),
        base_dir=base_dir or folder / "base",
        train_file=train_file,
        rows=rows,
        seed=1,
        work_dir=folder / "work",
        labels=labels,
        dev_file=dev_file,
        device="cpu",
    )


def plan(job: TrainingJob) -> Plan:
    """Return the plan of the job's trainer."""
    trainer = plugins.use("trainers", job.variant.trainer, job.variant.training.options)
    planned: Plan = trainer.module.plan(job, options=trainer.options)
    return planned


def train(job: TrainingJob, *, progress: Callable[[Step], None] = lambda _: None) -> Outcome:
    """Train by the job's trainer."""
    trainer = plugins.use("trainers", job.variant.trainer, job.variant.training.options)
    outcome: Outcome = trainer.module.train(job, options=trainer.options, progress=progress)
    return outcome


def worker_job(folder: Path, base: Base, base_dir: Path, *, rows: int = 24, **changes: object) -> TrainingJob:
    """Return a job for sentence-transformers."""
    file = write_rows(folder / "train.jsonl", embedding_rows(rows, negatives=int(str(changes.pop("mined", 1)))))
    return make_job(
        folder, base=base, base_dir=base_dir, train_file=file, rows=rows, trainer="sentence_transformers",
        **changes,  # type: ignore[arg-type]
    )  # fmt: skip


def train_here(job: TrainingJob) -> WorkResult:
    """Train by sentence-transformers without a process of its own."""
    from tcmbench.trainers._runtime import checkpoints
    from tcmbench.trainers._runtime.job_file import work_of
    from tcmbench.trainers._sentence_transformers import worker

    plan(job)
    checkpoint = checkpoints.newest(job.work_dir / "run")
    (job.work_dir / "run").mkdir(parents=True, exist_ok=True)
    return worker.train(work_of(job, device="cpu", output=job.work_dir, checkpoint=checkpoint))


def embedding_rows(count: int, *, negatives: int = 1) -> list[dict[str, object]]:
    """Return rows as ms-swift reads them, labels in a cycle."""
    rows: list[dict[str, object]] = []
    for i in range(count):
        query, positive = SIGNS[i % len(SIGNS)]
        row: dict[str, object] = {
            "messages": [{"role": "user", "content": f"{QUERY_PROMPT}{query}，第{i // len(SIGNS) + 1}诊"}],
            "positive_messages": [[{"role": "user", "content": positive}]],
        }
        if negatives:
            row["negative_messages"] = [
                [{"role": "user", "content": SIGNS[(i + k + 1) % len(SIGNS)][1]}] for k in range(negatives)
            ]
        rows.append(row)
    return rows


def reranker_rows(count: int, *, negatives: int = 1, instruction: str = "判断证型") -> list[dict[str, object]]:
    """Return pairs as ms-swift's rerankers read them."""
    rows: list[dict[str, object]] = []
    for i in range(count):
        query, positive = SIGNS[i % len(SIGNS)]
        rows.append(
            {
                "messages": [
                    *([{"role": "system", "content": instruction}] if instruction else []),
                    {"role": "user", "content": f"{query}，第{i // len(SIGNS) + 1}诊"},
                ],
                "positive_messages": [[{"role": "assistant", "content": positive}]],
                "negative_messages": [
                    [{"role": "assistant", "content": SIGNS[(i + k + 1) % len(SIGNS)][1]}] for k in range(negatives)
                ],
            }
        )
    return rows


def write_rows(path: Path, rows: Sequence[object]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_embedding(folder: Path, *, width: int = 32) -> None:
    """Write a random Qwen3 embedding model with the files that sentence-transformers wants."""
    from tokenizers import processors

    tokenizer = _tokenizer()
    end = tokenizer.token_to_id(SPECIAL[0])
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False, use_regex=False),
            processors.TemplateProcessing(
                single="$A <|endoftext|>:0", pair="$A:0 <|endoftext|>:0 $B:1 <|endoftext|>:1",
                special_tokens=[(SPECIAL[0], end)],
            ),
        ]
    )  # fmt: skip
    _write_network(folder, tokenizer, chat_template=None, width=width)
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    _json(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(kinds)
        ],
    )
    _json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": width, "pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False,
         "pooling_mode_cls_token": False, "include_prompt": True},
    )  # fmt: skip
    (folder / "2_Normalize").mkdir()
    _json(
        folder / "config_sentence_transformers.json",
        {"prompts": {"query": QUERY_PROMPT, "document": ""}, "similarity_fn_name": "cosine"},
    )


def write_reranker(folder: Path) -> None:
    """Write a random Qwen3 reranker: yes against no, read through its chat template."""
    tokenizer = _tokenizer()
    _write_network(folder, tokenizer, chat_template=CHAT_TEMPLATE)
    root = "sentence_transformers"
    _json(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": f"{root}.base.modules.transformer.Transformer"},
            {"idx": 1, "name": "1", "path": "1_LogitScore",
             "type": f"{root}.cross_encoder.modules.logit_score.LogitScore"},
        ],
    )  # fmt: skip
    yes, no = tokenizer.token_to_id("yes"), tokenizer.token_to_id("no")
    _json(
        folder / "1_LogitScore" / "config.json",
        {"true_token_id": yes, "false_token_id": no, "module_input_name": "causal_logits"},
    )
    _json(folder / "config_sentence_transformers.json", {"model_type": "CrossEncoder", "prompts": {}})
    forward = {"method": "forward", "method_output_name": "logits"}
    _json(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "text-generation",
            "modality_config": {"text": forward, "message": {**forward, "format": "flat"}},
            "module_output_name": "causal_logits",
        },
    )


def _tokenizer() -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    texts = [text for pair in SIGNS for text in pair] * 5 + ["yes\nno\nsystem\nuser\nassistant\n"] * 200
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def _write_network(folder: Path, tokenizer: Tokenizer, *, chat_template: str | None, width: int = 32) -> None:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    end = tokenizer.token_to_id(SPECIAL[0])
    config = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=width // 2, max_position_embeddings=512,
        tie_word_embeddings=True, bos_token_id=end, eos_token_id=end, pad_token_id=end, dtype="float32",
        initializer_range=0.2,
    )  # fmt: skip
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).float().save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=SPECIAL[0], pad_token=SPECIAL[0], padding_side="left",
        model_max_length=512, chat_template=chat_template,
    )  # fmt: skip
    wrapped.add_special_tokens({"additional_special_tokens": list(SPECIAL[1:3])})
    wrapped.save_pretrained(folder)


def _json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_static(folder: Path) -> None:
    """Write a static model: one random vector a token, their mean."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(0)
    model = SentenceTransformer(modules=[StaticEmbedding(_tokenizer(), embedding_dim=32)], device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)


def write_bert(folder: Path) -> None:
    """Write a random BERT without modules.json: the base must say how to pool."""
    from transformers import BertConfig, BertModel

    write_encoder(folder, BertModel, BertConfig, initializer_range=0.2)


def write_encoder(folder: Path, network: type[Any], config: type[Any], **settings: object) -> None:
    """Write a random encoder of two layers; its tokenizer puts special tokens around texts and pairs."""
    import torch
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = _tokenizer()
    pad, first, last = SPECIAL[:3]
    ids = {token: tokenizer.token_to_id(token) for token in (pad, first, last)}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B:1 {last}:1", special_tokens=[*ids.items()][1:]
    )
    shape = config(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=1000, pad_token_id=ids[pad], bos_token_id=ids[first],
        eos_token_id=ids[last], cls_token_id=ids[first], sep_token_id=ids[last], **settings,
    )  # fmt: skip
    torch.manual_seed(0)
    network(shape).float().save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, unk_token=pad, cls_token=first, sep_token=last, model_max_length=256
    ).save_pretrained(folder)


def info_nce(queries: NDArray[np.float64], documents: NDArray[np.float64], *, temperature: float) -> float:
    """Return the loss of unit vectors; query i's positive is the first of its group of documents."""
    import numpy as np

    logits = queries @ documents.T / temperature
    group = len(documents) // len(queries)
    own = logits[np.arange(len(queries)), np.arange(0, len(documents), group)]
    top = logits.max(axis=1)
    return float(np.mean(np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - own))


def row_vectors(folder: Path, base: Base, rows: Sequence[Mapping[str, object]]) -> list[NDArray[np.float64]]:
    """Return the base's vectors of queries and of documents: positive and negatives of each row in turn."""
    import numpy as np

    from tcmbench.encoders.runtime.opening import open_model

    model = open_model(folder, base)
    queries = [row["messages"][-1]["content"] for row in rows]  # type: ignore[index]
    documents = [
        messages[0]["content"]
        for row in rows
        for key in ("positive_messages", "negative_messages")
        for messages in row.get(key, [])  # type: ignore[attr-defined]
    ]
    return [np.asarray(model.encode(texts, prompt=""), dtype=np.float64) for texts in (queries, documents)]

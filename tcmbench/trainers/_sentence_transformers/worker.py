"""One training by sentence-transformers: `python -m tcmbench.trainers._sentence_transformers.worker WORK ANSWER`.

Its batches are computed before the first step (`batches`), so that the outcome states which rows were read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench import strict_json
from tcmbench.models import hub_layout
from tcmbench.store import write_text
from tcmbench.trainers import TrainedRows, loss_of
from tcmbench.trainers._runtime import checkpoints, dropout, parity, training_log
from tcmbench.trainers._runtime.job_file import Work, WorkResult, read_work
from tcmbench.trainers._runtime.tokens import count_tokens
from tcmbench.trainers._runtime.train_file import read_rows
from tcmbench.trainers._sentence_transformers import batches, early_stop, kept_weights, layers
from tcmbench.trainers._sentence_transformers.dev_margin import evaluator
from tcmbench.trainers._sentence_transformers.keeping import keeping, texts_read
from tcmbench.trainers._sentence_transformers.log_writer import log_writer
from tcmbench.trainers._sentence_transformers.losses import LOSSES
from tcmbench.trainers._sentence_transformers.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

_POINTS = 200


def train(work: Work) -> WorkResult:
    """Train, write the model in hub layout, and return the measurements."""
    import torch
    from transformers import set_seed

    set_seed(work.seed)
    where = f"variant {work.variant.name}, seed {work.seed}"
    before = parity.evaluation_numbers(work.base_dir, work.base)
    model = _opened(work)
    trained = _prepare(model, work)
    rows = _dataset(work, work.train_file)
    drawn = batches.draw(rows, work)
    last = early_stop.last_step(work.output / "run", steps=work.steps)
    if work.checkpoint is not None and checkpoints.is_last(work.checkpoint, steps=last):
        history = _restore(model, work.checkpoint)
    else:
        history = _run_trainer(model, work, rows=rows, drawn=drawn)
    stop = early_stop.stop_of(work.output / "run")
    early_stop.restore(model, work.output / "run")
    ways: dict[str, NDArray[np.float32]] = {}
    if work.variant.tuner == "lora":
        ways["adapter"] = _numbers(model, work)
    target = work.output / "model"
    _save_merged(model, work, target)
    ways["memory"] = _numbers(model, work)
    ways["evaluation"] = parity.evaluation_numbers(target, work.base)
    change = parity.refuse_unchanged(ways["evaluation"], before, where=where)
    measured = parity.differences(ways, reference="evaluation")
    parity.refuse_disparity(measured, tolerance=parity.TOLERANCE, where=where)
    steps = stop.margins[-1].step if stop.margins else work.steps
    times = batches.times_read(drawn, work, steps=steps)
    gpu = torch.cuda.max_memory_reserved() / 2**20 if torch.cuda.is_available() else 0.0
    return WorkResult(
        trained_parameters=trained,
        rows=TrainedRows(times.total(), repeated=times.total() - len(times), left_out=len(rows) - len(times)),
        tokens=_tokens(model, work, times=times, steps=steps),
        gpu_memory_mib=gpu,
        parity={**measured, "change": change},
        curves=training_log.curves(history),
        general_margins=((0, stop.base), *stop.margins) if stop.margins else (),
        stopped_after=stop.stopped_after,
        checkpoints=_write_checkpoints(work, before=stop.stopped_after or work.steps),
    )


def _opened(work: Work) -> SentenceTransformer:
    """Return the base as it is trained: in float32, on its device, cut at the length of the training."""
    from tcmbench.encoders.runtime.opening import open_model

    base = work.base.in_full_precision()
    if (attention := _options(work).attention) != "auto":
        base = base.model_copy(update={"attention": attention})
    model = open_model(work.base_dir, base)
    model = model.to("cpu" if work.device == "cpu" else "cuda")
    if work.base.architecture != "static":
        model.max_seq_length = work.variant.longest_input
    return model


def _write_checkpoints(work: Work, *, before: int) -> tuple[int, ...]:
    """Write the models of the kept checkpoints before the step of the result; return their steps."""

    def fresh() -> SentenceTransformer:
        model = _opened(work)
        _prepare(model, work)
        return model

    return kept_weights.write_models(
        work.output / "run" / kept_weights.FOLDER,
        work.output / "checkpoints",
        steps=[step for step in work.kept_steps if step < before],
        fresh=fresh,
        save=lambda model, target: _save_merged(model, work, target),
    )


def _prepare(model: SentenceTransformer, work: Work) -> int:
    """Set the dropout and add adapters where the recipe has them; return how many parameters are trained."""
    dropout.set_rate(model, work.variant.training.dropout, where=f"variant {work.variant.name}")
    if work.variant.tuner == "lora":
        from peft import LoraConfig, get_peft_model

        training = work.variant.training
        settings = LoraConfig(
            r=training.lora_rank,
            lora_alpha=training.lora_alpha,
            lora_dropout=training.lora_dropout,
            target_modules="all-linear",
        )
        model[0].model = get_peft_model(model[0].model, settings)
    layers.freeze(model, work.variant.training.keep, where=f"variant {work.variant.name}")
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _run_trainer(
    model: SentenceTransformer, work: Work, *, rows: Dataset, drawn: Sequence[Sequence[int]]
) -> list[dict[str, Any]]:
    """Train from the start or the checkpoint; return the trainer's log history."""
    from safetensors.torch import load_model, save_model
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    class GuardedTrainer(SentenceTransformerTrainer):
        """Writes checkpoints as one file of weights, adapters included, so that resuming is exact for all tuners."""

        def _save(self, output_dir: str | None = None, state_dict: object = None) -> None:
            del state_dict
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            save_model(self.model, str(folder / "model.safetensors"))

        def get_batch_sampler(self, dataset: Any, batch_size: int, **_: object) -> Any:
            """Return the drawn batches; for the dev examples, all in the order of their file."""
            is_train = dataset is self.train_dataset
            taken = drawn if is_train else batches.in_order(len(dataset), size=batch_size, drops_last=False)
            return batches.sampler(dataset, taken, size=batch_size)

        def _load_from_checkpoint(self, checkpoint_path: str) -> None:
            load_model(self.model, f"{checkpoint_path}/model.safetensors")

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            """Log the share of queries whose positive is the closest of its batch too, where the loss has it."""
            share = accuracy.take() if accuracy is not None and "loss" in logs else None
            super().log(logs if share is None else {**logs, "accuracy": round(share, 4)}, start_time)

    training, run = work.variant.training, work.output / "run"
    watched: dict[str, Any] = {}
    if work.dev_file is not None:
        watched = {"eval_strategy": "steps", "eval_steps": max(1, work.steps // training.dev_evaluations)}
        watched["per_device_eval_batch_size"] = training.batch_size
    loss = loss_of(work.variant, LOSSES).make(model, work)
    accuracy = getattr(loss, "accuracy", None)
    kept = keeping(model, work, _with_dimensions(model, work, loss))
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(run),
        num_train_epochs=1,
        max_steps=work.steps if training.max_steps is not None else -1,
        per_device_train_batch_size=training.batch_size,
        gradient_accumulation_steps=training.accumulation,
        gradient_checkpointing=training.gradient_checkpointing,
        learning_rate=training.learning_rate,
        learning_rate_mapping=layers.rates(model, training, where=f"variant {work.variant.name}"),
        lr_scheduler_type="cosine",
        warmup_steps=round(work.steps * training.warmup_ratio),
        weight_decay=training.weight_decay,
        max_grad_norm=1.0,
        seed=work.seed,
        data_seed=work.seed,
        bf16=training.dtype == "bfloat16",
        use_cpu=work.device == "cpu",
        dataloader_num_workers=0,
        dataloader_pin_memory=work.device != "cpu",
        logging_steps=max(1, work.steps // _POINTS),
        logging_first_step=True,
        # Otherwise a loss of NaN is logged as 0.
        logging_nan_inf_filter=False,
        save_steps=training.save_steps,
        save_total_limit=2,
        report_to="tensorboard",
        disable_tqdm=True,
        **watched,
        **_options(work).arguments(),
    )
    trainer = GuardedTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        eval_dataset=_dataset(work, work.dev_file) if work.dev_file is not None else None,
        evaluator=evaluator(work) if work.dev_file is not None and not loss_of(work.variant, LOSSES).scored else None,
        loss=kept.loss,
        callbacks=[
            log_writer(run / "logging.jsonl", may_be_zero=loss_of(work.variant, LOSSES).may_be_zero),
            *kept.callbacks,
            kept_weights.keeper(model, run / kept_weights.FOLDER, steps=work.kept_steps),
        ],
    )
    trainer.train(resume_from_checkpoint=str(work.checkpoint) if work.checkpoint else None)
    # The trainer leaves bfloat16 autocasting on the model, which would change its numbers.
    trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def _restore(model: SentenceTransformer, checkpoint: Path) -> list[dict[str, Any]]:
    """Load the weights of the last checkpoint; return the log up to it."""
    from safetensors.torch import load_model

    load_model(model, str(checkpoint / "model.safetensors"))
    return checkpoints.log_history(checkpoint)


def _numbers(model: SentenceTransformer, work: Work) -> NDArray[np.float32]:
    """Return the canaries' vectors by the model in memory, cut at the length of evaluation."""
    import numpy as np

    is_static = work.base.architecture == "static"
    trained_length = None if is_static else model.max_seq_length
    if not is_static:
        model.max_seq_length = work.base.max_length
    vectors = model.eval().encode(parity.canary_texts(work.base), prompt="", batch_size=2)
    if not is_static:
        model.max_seq_length = trained_length
    return np.asarray(vectors, dtype=np.float32)


def _dataset(work: Work, path: Path) -> Dataset:
    """Return the rows as columns: anchor, positive, negative_1 … or two texts, and the target of the loss."""
    from datasets import Dataset

    loss = loss_of(work.variant, LOSSES)
    # Documents occur in many rows: one string per document instead of one per row.
    known: dict[str, str] = {}
    columns: dict[str, list[Any]] = {}
    for row in read_rows(path):
        texts = {"anchor": row.query, "positive": row.positive}
        if not loss.scored:
            texts |= {f"negative_{number}": text for number, text in enumerate(row.negatives, start=1)}
        for name, text in texts.items():
            columns.setdefault(name, []).append(known.setdefault(text, text))
        if loss.scored or loss.taught:
            target = row.teacher if loss.taught else [row.label, row.weight] if loss.weighted else row.label
            columns.setdefault("label", []).append(target)
    return Dataset.from_dict(columns)


def _with_dimensions(model: SentenceTransformer, work: Work, loss: Any) -> Any:
    from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss

    dims = _options(work).matryoshka_dims
    return MatryoshkaLoss(model, loss, matryoshka_dims=list(dims)) if dims else loss


def _options(work: Work) -> Options:
    return Options.model_validate(work.variant.training.options)


def _save_merged(model: SentenceTransformer, work: Work, target: Path) -> None:
    """Merge any adapter into the model, and write it."""
    if work.variant.tuner == "lora":
        model[0].model = model[0].model.merge_and_unload()
    _save(model, work, target)


def _save(model: SentenceTransformer, work: Work, target: Path) -> None:
    """Write the model: sentence-transformers' files, replaced by the base's where the base has the same."""
    model.save_pretrained(str(target), create_model_card=False)
    if work.base.architecture == "static":
        return
    hub_layout.copy_companions(work.base_dir, target)
    hub_layout.write_embedding_modules(target, base=work.base, dimensions=int(model.get_embedding_dimension() or 0))
    _keep_architecture(work.base_dir, target)


def _keep_architecture(base_dir: Path, target: Path) -> None:
    """Set the base's class in config.json: Qwen3-Embedding has Qwen3ForCausalLM, and vLLM depends on it."""
    config = strict_json.loads((target / "config.json").read_text(encoding="utf-8"))
    before = strict_json.loads((base_dir / "config.json").read_text(encoding="utf-8"))
    if "architectures" in before:
        config["architectures"] = before["architectures"]
        write_text(target / "config.json", json.dumps(config, ensure_ascii=False, indent=2) + "\n")


def _tokens(model: SentenceTransformer, work: Work, *, times: Mapping[int, int], steps: int) -> int:
    def measure(texts: list[str]) -> list[int]:
        if work.base.architecture == "static":
            return [len(e.ids) for e in model.tokenizer.encode_batch(texts)]
        return [len(ids) for ids in model.tokenizer(texts)["input_ids"]]

    general = texts_read(work, batches=steps * work.variant.training.accumulation)
    lengths = measure(list(general)) if general else []
    longest = work.variant.longest_input
    distilled = sum(min(length, longest) * count for length, count in zip(lengths, general.values(), strict=True))
    return count_tokens(work, measure, times=times) + distilled


def main(arguments: list[str]) -> None:
    """Read the work, train, write the answer."""
    work, answer = (Path(argument) for argument in arguments)
    result = train(read_work(work))
    write_text(answer, result.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Train through ms-swift: decoders, encoders and rerankers; all weights, LoRA or QLoRA; on a CPU or several GPUs.

ms-swift runs in its own process with every setting on its command line or in its environment (`_swift/command.py`). A
plug-in checks the training from inside (`_swift/plugin`), and its log is followed from outside. Then the adapter is
merged and the model checked, in another process (`_swift/finish_worker.py`).
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.errors import MissingExtra, SpecError, TrainingError
from tcmbench.store import write_json, write_text
from tcmbench.trainers import Outcome, Plan, loss_of
from tcmbench.trainers._runtime import (
    checkpoints,
    costs,
    gpus,
    input_length,
    layer_names,
    matryoshka,
    process,
    train_file,
    training_log,
    weights,
)
from tcmbench.trainers._runtime.environment import scrub
from tcmbench.trainers._runtime.job_file import WorkResult, work_of, worker_command
from tcmbench.trainers._runtime.packages import missing
from tcmbench.trainers._swift import command, model_types, quantisation
from tcmbench.trainers._swift.losses import LOSSES
from tcmbench.trainers._swift.options import Options
from tcmbench.trainers._swift.plugin import guard_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import Step, TrainingJob

__all__ = ["LOSSES", "REVISION", "Options", "check", "plan", "train"]

REVISION = "3"


def check(job: TrainingJob, *, options: Options) -> None:
    """Refuse what ms-swift can't do, before anything is started; the training file isn't read.

    Raises:
        TcmbenchError: The recipe or the base can't be trained with.
    """
    variant, base = job.variant, job.base
    where = f"variant {variant.name}"
    _refuse_missing_packages(variant, options, where=where)
    if (base.kind == "reranker") != (variant.task == "reranker"):
        raise SpecError(f"{where}: task is {variant.task}, but base {base.name} is a base of kind {base.kind}.")
    kind = model_types.of(base, where=where)
    model_types.refuse_other_heads(base, variant.head, where=where)
    model_types.refuse_other_modules(base, job.base_dir, where=where)
    if variant.task == "reranker" and not base.instruction and kind is not model_types.PAIRS:
        raise SpecError(
            f"{where}: base {base.name} has no instruction, and the defaults of ms-swift and of "
            "sentence-transformers differ. Give the base its `instruction`."
        )
    _refuse_batch_rule(variant, where=where)
    _refuse_keep(variant, where=where)
    if variant.evaluate_checkpoints:
        raise SpecError(
            f"{where}: evaluate_checkpoints is not supported by the swift trainer, which keeps the last two "
            'checkpoints only. Remove it, or use trainer = "sentence_transformers" for an embedding model.'
        )
    _refuse_options_of_other_losses(variant, options, where=where)
    input_length.refuse_too_long(job)
    layer_names.refuse_absent(job)
    _refuse_code(job)
    _refuse_flash_attention(job, options)
    matryoshka.check(job, dims=options.matryoshka_dims, losses=LOSSES)
    weights.refuse_absent(job)
    quantisation.refuse_unpackable(job)
    gpus.refuse_too_few(job)


def plan(job: TrainingJob, *, options: Options) -> Plan:
    """Return the exact command and every file that it will create.

    Raises:
        TcmbenchError: The recipe, the base or the training file can't be trained with; nothing was started.
    """
    check(job, options=options)
    negatives = train_file.check(job)
    run, final = job.work_dir / "run", job.steps
    every = job.variant.training.save_steps
    kept = [step for step in (final - final % every, final) if step]
    checkpoints = sorted({run / f"checkpoint-{step}" for step in kept})
    return Plan(
        command=command.command(job, options=options, device=gpus.device(job)),
        environment={**command.environment(job, negatives=negatives), **gpus.environment(job)},
        files=(
            *(job.work_dir / name for name in ("console.log", guard_file.NAME, costs.NAME, "work.json", "answer.json")),
            *(run / name for name in ("args.json", "logging.jsonl", "runs", "images")),
            *checkpoints,
            job.work_dir / "model",
        ),
        steps=final,
    )


def train(job: TrainingJob, *, options: Options, progress: Callable[[Step], None]) -> Outcome:
    """Return the tuned model in hub layout; an unfinished training resumes from its last complete checkpoint.

    Raises:
        TrainingError: ms-swift failed, or nothing was learned.
        ParityError: The model's numbers in evaluation differ from those in training.
        TcmbenchError: The recipe can't be trained (see `plan`).
    """
    planned = plan(job, options=options)
    inherited, removed = scrub(os.environ)
    environment = {**inherited, **planned.environment}
    summary = _trained(job, planned, options=options, environment=environment, progress=progress)
    cost = costs.so_far(job.work_dir)
    _check_log(job, summary)
    result = _finished(job, checkpoint=summary.checkpoint, environment=environment)
    return Outcome(
        model_dir=job.work_dir / "model",
        curves=summary.curves,
        seconds=cost.seconds,
        rows=job.trained_rows,
        tokens=result.tokens,
        peak_memory_mib=cost.peak_memory_mib,
        peak_gpu_memory_mib=summary.gpu_memory_mib,
        trained_parameters=result.trained_parameters,
        parity=result.parity,
        command=tuple(planned.command),
        environment={**planned.environment, "scrubbed": " ".join(removed)},
    )


def _trained(
    job: TrainingJob,
    planned: Plan,
    *,
    options: Options,
    environment: dict[str, str],
    progress: Callable[[Step], None],
) -> training_log.Summary:
    """Run the rest of the training; return the summary of all parts."""
    run, log = job.work_dir / "run", job.work_dir / "run" / "logging.jsonl"
    run.mkdir(parents=True, exist_ok=True)
    resume = checkpoints.newest(run)
    if resume is not None and checkpoints.is_last(resume, steps=planned.steps):
        return training_log.trained(log, checkpoint=resume, rows=job.rows)
    before = costs.so_far(job.work_dir)
    write_json(job.work_dir / guard_file.NAME, {
        "rows": job.rows, "task": job.variant.task,
        "query_prompt": job.base.query_prompt, "document_prompt": job.base.document_prompt,
        "instruction": job.base.instruction, "token_learning_rate": job.variant.training.token_learning_rate,
        "loss_may_be_zero": loss_of(job.variant, LOSSES).may_be_zero, "texts_per_example": _texts_per_example(job),
        "variant": job.variant.name, "dropout": job.variant.training.dropout,
        "temperature": job.variant.training.temperature, "margin": options.margin, "ndcg_at": options.ndcg_at,
    })  # fmt: skip
    process.run(
        [*planned.command, *(["--resume_from_checkpoint", str(resume)] if resume is not None else [])],
        environment=environment,
        console=job.work_dir / "console.log",
        what=f"Training variant {job.variant.name}, seed {job.seed},",
        watch=training_log.Follower(log, progress),
        sample=lambda part: costs.keep(job.work_dir, before=before, part=part),
    )
    return training_log.summary(log)


def _texts_per_example(job: TrainingJob) -> int:
    """Return the number of texts per dev example; 0 where no margin is measured."""
    if job.dev_file is None or job.variant.task != "embedding" or job.requirements.scored:
        return 0
    first = next(train_file.read_rows(job.dev_file), None)
    return 0 if first is None else 2 + len(first.negatives)


def _finished(job: TrainingJob, *, checkpoint: Path, environment: dict[str, str]) -> WorkResult:
    """Merge, write and check the model in its own process."""
    work, answer, model = (job.work_dir / name for name in ("work.json", "answer.json", "model"))
    shutil.rmtree(model, ignore_errors=True)
    task = work_of(job, device=gpus.device(job), output=model, checkpoint=checkpoint)
    write_text(work, task.model_dump_json(indent=2) + "\n")
    process.run(
        worker_command("_swift.finish_worker", work=work, answer=answer),
        environment=environment,
        console=job.work_dir / "console.log",
        what=f"Writing the model of variant {job.variant.name}, seed {job.seed},",
        on_memory=(
            "The model is held in float32 here: run the same command where more memory is free. "
            "Nothing is trained again."
        ),
    )
    shutil.rmtree(job.work_dir / "modelscope", ignore_errors=True)
    return WorkResult.model_validate_json(answer.read_text(encoding="utf-8"))


def _check_log(job: TrainingJob, summary: training_log.Summary) -> None:
    where = f"variant {job.variant.name}, seed {job.seed}"
    if summary.rows != job.rows:
        raise TrainingError(
            f"{where}: {job.rows} examples went in and ms-swift trained on {summary.rows}: it drops rows longer than "
            "training.max_length. Build the training set again with that length."
        )
    training_log.refuse_zero_loss(summary.curves, where=where)


def _refuse_missing_packages(variant: Variant, options: Options, *, where: str) -> None:
    """Refuse a recipe whose packages aren't installed; the message names the extra with them."""
    needed = {"swift": "train", "peft": "train"}
    if variant.tuner == "qlora":
        needed["bitsandbytes"] = "train"
    if options.deepspeed is not None:
        needed["deepspeed"] = "gpu"
    for module in missing(needed):
        package = {"swift": "ms-swift"}.get(module, module)
        purpose = f"deepspeed = {options.deepspeed!r}" if module == "deepspeed" else "the swift trainer"
        raise MissingExtra.of(package, needed[module], purpose=f"{where}: {purpose}")


def _refuse_batch_rule(variant: Variant, *, where: str) -> None:
    """Refuse a batch rule that ms-swift doesn't support."""
    if variant.batch_rule == "no_duplicates":
        other = "" if variant.task == "reranker" else ', or use trainer = "sentence_transformers"'
        raise SpecError(
            f'{where}: batch_rule = "no_duplicates" is a sampler of sentence-transformers; the swift trainer takes the '
            f'batches of the training set in order. Set batch_rule = "label_unique" or "plain"{other}.'
        )


def _refuse_options_of_other_losses(variant: Variant, options: Options, *, where: str) -> None:
    """Refuse options that the loss would ignore."""
    loss = loss_of(variant, LOSSES)
    for owner in LOSSES:
        for name in sorted(options.model_fields_set.intersection(owner.options) - set(loss.options)):
            raise SpecError(
                f"{where}: training.options.{name} goes with loss {owner.name}, not with {loss.name}. "
                "Remove it or choose another loss."
            )


def _refuse_keep(variant: Variant, *, where: str) -> None:
    """Refuse what ms-swift can't keep of a base: it freezes layers, and has neither terms nor rates for the rest."""
    fields = {"distillation", "l2_sp", "layer_decay", "margin_loss"}
    wanted = [name for name in variant.training.keep.model_dump(exclude_defaults=True) if name in fields]
    if wanted:
        advice = (
            'Use frozen_layers, frozen_tokens, a lower learning_rate, or tuner = "lora"'
            if variant.task == "reranker" or variant.tuner == "qlora"
            else 'Use trainer = "sentence_transformers", or frozen_layers and frozen_tokens'
        )
        raise SpecError(f"{where}: the swift trainer has no keep.{wanted[0]}. {advice}.")


def _refuse_flash_attention(job: TrainingJob, options: Options) -> None:
    """Refuse flash attention where it isn't available; with `auto`, it is used on a GPU with the package."""
    if options.attention != "flash_attention_2":
        return
    lacking = "a GPU" if gpus.device(job) == "cpu" else "the package flash_attn"
    if gpus.device(job) == "cpu" or missing(["flash_attn"]):
        raise SpecError(
            f'variant {job.variant.name}: attention = "flash_attention_2" needs {lacking}, which is not here. '
            'Use "auto", which selects flash attention where it is available.'
        )


def _refuse_code(job: TrainingJob) -> None:
    """Refuse a base with code: ms-swift reads every configuration with trust_remote_code."""
    config = job.base_dir / "config.json"
    settings = strict_json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    if "auto_map" in settings and not job.base.trust_remote_code:
        raise SpecError(
            f"variant {job.variant.name}: base {job.base.name} includes code (auto_map in {config}), which "
            "ms-swift would run. Read that code, then set trust_remote_code = true in the base, or use another base."
        )

"""Train through sentence-transformers: BERT-like encoders, static models and small Qwen3, also on a laptop.

The training runs in its own process (`_sentence_transformers/worker.py`) and writes the same log as ms-swift, so
progress, curves and resuming are the same. Rerankers and 4-bit weights need ms-swift.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.errors import MissingExtra, SpecError, TrainingError
from tcmbench.store import write_text
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
from tcmbench.trainers._runtime.environment import process_environment, scrub
from tcmbench.trainers._runtime.job_file import WorkResult, work_of, worker_command
from tcmbench.trainers._runtime.packages import missing
from tcmbench.trainers._sentence_transformers.losses import LOSSES
from tcmbench.trainers._sentence_transformers.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.trainers import Step, TrainingJob

__all__ = ["LOSSES", "REVISION", "Options", "check", "plan", "train"]

REVISION = "1"

_RUN = "run"


def check(job: TrainingJob, *, options: Options) -> None:
    """Refuse what this trainer can't do, before anything is started; the training file isn't read.

    Raises:
        TcmbenchError: The recipe or the base can't be trained with.
    """
    variant, base = job.variant, job.base
    where = f"variant {variant.name}"
    if base.kind == "reranker":
        raise SpecError(f'{where}: the sentence_transformers trainer has no rerankers. Use trainer = "swift".')
    if variant.tuner == "qlora":
        raise SpecError(f'{where}: the sentence_transformers trainer has no qlora. Use trainer = "swift", or lora.')
    if base.architecture == "static" and variant.tuner == "lora":
        raise SpecError(
            f"{where}: a static model is one table of token vectors, so there is no layer that LoRA could adapt. "
            'Use tuner = "full".'
        )
    if variant.tuner == "lora" and missing(["peft"]):
        raise MissingExtra.of("peft", "train", purpose=f"{where}: LoRA")
    _refuse_losses_of_static(job)
    _refuse_options_of_other_losses(job, options)
    _refuse_many_negatives(job)
    input_length.refuse_too_long(job)
    layer_names.refuse_absent(job)
    matryoshka.check(job, dims=options.matryoshka_dims, losses=LOSSES)
    weights.refuse_absent(job, pattern="**/*.safetensors")
    gpus.refuse_too_few(job)


def plan(job: TrainingJob, *, options: Options) -> Plan:
    """Return the exact command and every file that it will create.

    Raises:
        TcmbenchError: The recipe, the base or the training file can't be trained with; nothing was started.
    """
    check(job, options=options)
    train_file.check(job)
    _refuse_few_texts(job)
    work, answer = job.work_dir / "work.json", job.work_dir / "answer.json"
    run, every = job.work_dir / _RUN, job.variant.training.save_steps
    checkpoints = {run / f"checkpoint-{step}" for step in (job.steps - job.steps % every, job.steps) if step}
    return Plan(
        command=worker_command("_sentence_transformers.worker", work=work, answer=answer),
        environment={
            **process_environment(),
            "TENSORBOARD_LOGGING_DIR": str(run / "runs"),
            **gpus.environment(job),
        },
        files=(
            *(job.work_dir / name for name in ("console.log", costs.NAME, "work.json", "answer.json")),
            *(run / name for name in ("logging.jsonl", "runs")),
            *sorted(checkpoints),
            job.work_dir / "model",
        ),
        steps=job.steps,
    )


def train(job: TrainingJob, *, options: Options, progress: Callable[[Step], None]) -> Outcome:
    """Return the tuned model in hub layout; an unfinished training resumes from its last complete checkpoint.

    Raises:
        TrainingError: The training failed, or nothing was learned.
        ParityError: The model's numbers in evaluation differ from those in training.
        TcmbenchError: The recipe can't be trained (see `plan`).
    """
    planned = plan(job, options=options)
    inherited, removed = scrub(os.environ)
    run, answer = job.work_dir / _RUN, job.work_dir / "answer.json"
    run.mkdir(parents=True, exist_ok=True)
    work = work_of(
        job,
        device=gpus.device(job),
        output=job.work_dir,
        checkpoint=checkpoints.newest(run),
    )
    write_text(job.work_dir / "work.json", work.model_dump_json(indent=2) + "\n")
    before = costs.so_far(job.work_dir)
    process.run(
        planned.command,
        environment={**inherited, **planned.environment},
        console=job.work_dir / "console.log",
        what=f"Training variant {job.variant.name}, seed {job.seed},",
        watch=training_log.Follower(run / "logging.jsonl", progress),
        sample=lambda part: costs.keep(job.work_dir, before=before, part=part),
    )
    cost = costs.so_far(job.work_dir)
    result = WorkResult.model_validate_json(answer.read_text(encoding="utf-8"))
    training_log.refuse_zero_loss(result.curves, where=f"variant {job.variant.name}, seed {job.seed}")
    return Outcome(
        model_dir=job.work_dir / "model",
        curves=result.curves,
        seconds=cost.seconds,
        rows=result.rows or job.trained_rows,
        tokens=result.tokens,
        peak_memory_mib=cost.peak_memory_mib,
        peak_gpu_memory_mib=result.gpu_memory_mib,
        trained_parameters=result.trained_parameters,
        parity=result.parity,
        command=tuple(planned.command),
        environment={**planned.environment, "scrubbed": " ".join(removed)},
        general_margins=result.general_margins,
        checkpoints={step: job.work_dir / "checkpoints" / f"step-{step}" for step in result.checkpoints},
        stopped_after=result.stopped_after,
    )


def _refuse_losses_of_static(job: TrainingJob) -> None:
    """Refuse losses that need more of a transformer than its vectors."""
    loss = loss_of(job.variant, LOSSES)
    if job.base.architecture == "static" and not loss.trains_static:
        fitting = ", ".join(other.name for other in LOSSES if other.trains_static)
        raise SpecError(
            f"variant {job.variant.name}: training.loss {loss.name!r} of sentence-transformers takes no static model, "
            f"such as base {job.base.name}. It can have: {fitting}."
        )


def _refuse_options_of_other_losses(job: TrainingJob, options: Options) -> None:
    """Refuse options that the loss, or the base, would ignore."""
    where = f"variant {job.variant.name}: training.options"
    loss = loss_of(job.variant, LOSSES)
    wanted = {"mini_batch_size", "mini_batch_tokens"} & options.model_fields_set
    for name in sorted(wanted - set(loss.in_parts_of)):
        fitting = ", ".join(other.name for other in LOSSES if name in other.in_parts_of)
        raise SpecError(f"{where}.{name} goes with loss {fitting}, not with {loss.name}. Remove it or choose another.")
    if "teacher_temperature" in options.model_fields_set and not loss.taught:
        fitting = ", ".join(other.name for other in LOSSES if other.taught)
        raise SpecError(
            f"{where}.teacher_temperature goes with loss {fitting}, not with {loss.name}. Remove it or choose another."
        )
    if wanted and job.base.architecture == "static":
        raise SpecError(f"{where}.{min(wanted)}: a static model computes no padding. Remove it.")
    if "attention" in options.model_fields_set and job.base.architecture == "static":
        raise SpecError(f"{where}.attention: a static model computes none. Remove it.")
    # These parts are computed once; Matryoshka's wrapper expects each column from the model anew.
    if wanted and options.matryoshka_dims and loss.in_parts_of == ("mini_batch_tokens",):
        raise SpecError(f"{where}.{min(wanted)} doesn't go with matryoshka_dims. Remove one of them.")


def _refuse_many_negatives(job: TrainingJob) -> None:
    """Refuse more mined negatives than the loss reads, before they are mined."""
    variant, loss = job.variant, loss_of(job.variant, LOSSES)
    if loss.most_negatives is None or variant.split_negatives:
        return
    for spec in [source.negatives or variant.negatives for source in variant.sources]:
        options = plugins.use("miners", spec.miner, spec.options, where=f"variant {variant.name}").options
        count = getattr(options, "count", 0)
        if count > loss.most_negatives:
            raise SpecError(
                f"variant {variant.name}: loss {loss.name} reads at most {loss.most_negatives} negative per example, "
                f"and miner {spec.miner} gives {count}. Set count = 1 under [negatives], or split_negatives = true."
            )


def _refuse_few_texts(job: TrainingJob) -> None:
    """Refuse batches that no draw could fill without a repeated positive."""
    size = job.variant.training.batch_size
    if job.variant.batch_rule != "no_duplicates":
        return
    distinct = len({row.positive for row in train_file.read_rows(job.train_file)})
    if distinct < size:
        raise TrainingError(
            f'{job.train_file}: batch_rule = "no_duplicates" with batches of {size}, but there are only {distinct} '
            f"different positives. Set training.batch_size to {distinct} or less."
        )

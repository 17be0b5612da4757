"""The command and environment of one ms-swift training: every setting said aloud, none inherited."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.trainers._swift_plugin import __file__ as _plugin_package
from tcmbench.trainers._swift_plugin import guard_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import Job

PACKAGE_ROOT = str(Path(__file__).parents[2])
"""Where `tcmbench` is imported from; workers must find the same one."""

GUARD = Path(_plugin_package).with_name("tcmbench_guard.py")

_POINTS = 200
_DEV_POINTS = 5
_LORA_DROPOUT = 0.05

_SCRUBBED = (
    "INFONCE_", "LISTWISE_", "GENERATIVE_RERANKER_", "SWIFT_", "WANDB_", "MAX_POSITIVE_SAMPLES",
    "MAX_NEGATIVE_SAMPLES", "NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_", "RANK", "LOCAL_RANK", "WORLD_SIZE",
    "LOCAL_WORLD_SIZE", "ACCELERATE_", "FSDP_", "TENSORBOARD_LOGGING_DIR", "LOG_LEVEL", guard_file.VARIABLE,
)  # fmt: skip
"""Beginnings of the variables that ms-swift, its losses or its launcher read."""


def command(job: Job, *, device: str, resume: Path | None = None) -> list[str]:
    """Return the command line that trains the job.

    The file holds all passes in the order of training, so it is read once and never shuffled.
    """
    start = [sys.executable, "-m"]
    if job.variant.training.devices > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(job.variant.training.devices), "-m"]
    arguments = {
        **_model_arguments(job),
        **_tuner_arguments(job),
        **_data_arguments(job),
        **_optimizer_arguments(job),
        **_device_arguments(job, device=device),
        **_output_arguments(job),
    }
    if resume is not None:
        arguments["resume_from_checkpoint"] = str(resume)
    flat = [word for name, value in arguments.items() for word in (f"--{name}", value)]
    return [*start, "swift.cli.sft", *flat]


def process_environment() -> dict[str, str]:
    """Return the variables that every process of a training gets.

    The number of threads is part of a result's bytes, so it is always set: as inherited, else half the cores. Left
    alone it is all of them, and on a busy machine their waiting for each other made a step 300 times slower.
    """
    return {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": PACKAGE_ROOT,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 2) // 2)),
    }


def environment(job: Job, *, negatives: int) -> dict[str, str]:
    """Return the variables that are set for the training, by name."""
    training = job.variant.training
    found = {
        **process_environment(),
        "MODELSCOPE_CACHE": str(job.work_dir / "modelscope"),
        guard_file.VARIABLE: str(job.work_dir / guard_file.NAME),
        "TCMBENCH_TRUST_REMOTE_CODE": "1" if job.base.trust_remote_code else "0",
    }
    if job.variant.task == "embedding":
        found |= {
            "INFONCE_TEMPERATURE": repr(training.temperature),
            "INFONCE_USE_BATCH": str(training.in_batch),
            "INFONCE_MASK_FAKE_NEGATIVE": "False",
            "INFONCE_FAKE_NEG_MARGIN": "0.1",
            "INFONCE_INCLUDE_QQ": "False",
            "INFONCE_INCLUDE_DD": "False",
        }
        if negatives:
            found["INFONCE_HARD_NEGATIVES"] = str(negatives)
    else:
        found |= {
            "MAX_POSITIVE_SAMPLES": "1",
            "MAX_NEGATIVE_SAMPLES": str(negatives),
            "LISTWISE_RERANKER_TEMPERATURE": "1.0",
            "LISTWISE_RERANKER_MIN_GROUP_SIZE": "2",
        }
    if training.devices > 1:
        found["NPROC_PER_NODE"] = str(training.devices)
    return found


def loss_of(variant: Variant) -> str:
    """Return the loss in ms-swift's words: the default InfoNCE means pointwise for a reranker.

    Its maintainers advise pointwise over listwise for Qwen3-Reranker.
    """
    if variant.task == "reranker" and variant.training.loss == "infonce":
        return "pointwise_reranker"
    return variant.training.loss


def scrub(inherited: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return an environment without anything that would change a training, and the names that were removed."""
    removed = tuple(sorted(name for name in inherited if _is_scrubbed(name)))
    return {name: value for name, value in inherited.items() if name not in removed}, removed


def _is_scrubbed(name: str) -> bool:
    return any(name == start or (start.endswith("_") and name.startswith(start)) for start in _SCRUBBED)


def _model_arguments(job: Job) -> dict[str, str]:
    variant, loss = job.variant, loss_of(job.variant)
    if variant.task == "embedding":
        task = "embedding"
    else:
        task = "generative_reranker" if variant.head == "generative" else "reranker"
    found = {
        "model": str(job.base_dir),
        "model_type": job.base.swift_model_type or "",
        "task_type": task,
        "loss_type": "infonce" if loss == "matryoshka" else loss,
    }
    if task == "reranker":
        found["num_labels"] = "1"
    if variant.training.matryoshka_dims:
        dims = ", ".join(f'"{dim}": 1.0' for dim in variant.training.matryoshka_dims)
        found["mrl_dims"] = f"{{{dims}}}"
    return found


def _tuner_arguments(job: Job) -> dict[str, str]:
    variant = job.variant
    if variant.tuner == "full":
        return {"tuner_type": "full"}
    found = {
        "tuner_type": "lora",
        "lora_rank": str(variant.training.lora_rank),
        "lora_alpha": str(variant.training.lora_alpha),
        "lora_dropout": str(_LORA_DROPOUT),
        "target_modules": "all-linear",
    }
    if variant.tuner == "qlora":
        found |= {"quant_method": "bnb", "quant_bits": "4", "bnb_4bit_quant_type": "nf4"}
        found["bnb_4bit_compute_dtype"] = variant.training.dtype
    return found


def _data_arguments(job: Job) -> dict[str, str]:
    found = {
        "dataset": str(job.train_file),
        "split_dataset_ratio": "0",
        "dataset_shuffle": "false",
        "train_dataloader_shuffle": "false",
        "strict": "true",
        "lazy_tokenize": "false",
        "truncation_strategy": "delete",
        "max_length": str(job.variant.training.max_length),
    }
    if job.dev_file is not None:
        # dev texts may be cut: they are only looked at, and a dropped row would go unnoticed
        every = max(1, job.steps // _DEV_POINTS)
        found |= {"val_dataset": str(job.dev_file), "eval_strategy": "steps", "eval_steps": str(every)}
        found["per_device_eval_batch_size"] = str(job.variant.training.batch_size)
    return found


def _optimizer_arguments(job: Job) -> dict[str, str]:
    training = job.variant.training
    found = {
        "num_train_epochs": "1",
        "per_device_train_batch_size": str(training.batch_size),
        "gradient_accumulation_steps": str(training.accumulation),
        "learning_rate": repr(training.learning_rate),
        "lr_scheduler_type": "cosine",
        "weight_decay": repr(training.weight_decay),
        "adam_beta2": "0.999",
        "max_grad_norm": "1.0",
        "seed": str(job.seed),
        "data_seed": str(job.seed),
        "dataloader_drop_last": _flag(job.drops_last),
    }
    if training.warmup_ratio:
        found["warmup_ratio"] = repr(min(training.warmup_ratio, 0.999))
    if training.max_steps is not None:
        found["max_steps"] = str(job.steps)
    if training.token_learning_rate is not None:
        found["optimizer"] = "tcmbench_token_rate"
    return found


def _device_arguments(job: Job, *, device: str) -> dict[str, str]:
    training = job.variant.training
    half = training.dtype == "bfloat16"
    # Weights that are trained stay in float32 and are computed with in bfloat16, which would round small updates away;
    # DeepSpeed keeps such weights itself, and adapters are float32 beside whatever weights.
    keeps_full = job.variant.tuner == "full" and training.deepspeed is None
    found = {
        "torch_dtype": "float32" if keeps_full else training.dtype,
        "fp16": "false",
        "bf16": _flag(half),
        "gradient_checkpointing": _flag(training.gradient_checkpointing),
        "dataloader_num_workers": "0" if device == "cpu" else "2",
        "dataloader_pin_memory": _flag(device != "cpu"),
    }
    if device == "cpu":
        found["use_cpu"] = "true"
    attention = training.attention
    if attention == "auto" and device != "cpu":
        attention = "flash_attention_2" if half and _installed("flash_attn") else "sdpa"
    if attention != "auto":
        found["attn_impl"] = attention
    if training.deepspeed is not None:
        found["deepspeed"] = training.deepspeed
    return found


def _output_arguments(job: Job) -> dict[str, str]:
    return {
        "output_dir": str(job.work_dir / "run"),
        "add_version": "false",
        "check_model": "false",
        "logging_steps": str(max(1, job.steps // _POINTS)),
        "save_steps": str(job.variant.training.save_steps),
        "save_total_limit": "2",
        "report_to": "tensorboard",
        "external_plugins": str(GUARD),
        "callbacks": "tcmbench_guard",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


def missing(modules: Iterable[str]) -> list[str]:
    """Return those of the modules that are not installed, without importing any."""
    return [module for module in modules if not _installed(module)]

"""The command and environment of one ms-swift training: every setting is explicit, none is inherited."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.models import folder
from tcmbench.trainers import loss_of
from tcmbench.trainers._runtime import layer_names
from tcmbench.trainers._runtime.environment import process_environment
from tcmbench.trainers._runtime.packages import missing
from tcmbench.trainers._swift import model_types, quantisation
from tcmbench.trainers._swift.losses import LOSSES
from tcmbench.trainers._swift.plugin import __file__ as _plugin_package
from tcmbench.trainers._swift.plugin import guard_file

if TYPE_CHECKING:
    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import TrainingJob
    from tcmbench.trainers._swift.options import Options

GUARD = Path(_plugin_package).with_name("tcmbench_guard.py")

_POINTS = 200


def command(job: TrainingJob, *, options: Options, device: str) -> list[str]:
    """Return the command line that trains the job.

    The file contains all passes in the order of training, so it is read once and not shuffled.
    """
    start = [sys.executable, "-m"]
    devices = job.requirements.devices
    if devices > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(devices), "-m"]
    arguments = {
        **_model_arguments(job),
        **_tuner_arguments(job),
        **_data_arguments(job),
        **_optimizer_arguments(job),
        **_device_arguments(job, options, device=device),
        **_output_arguments(job),
        **options.arguments(),
    }
    flat = [word for name, value in arguments.items() for word in (f"--{name}", value)]
    return [*start, "swift.cli.sft", *flat]


def environment(job: TrainingJob, *, negatives: int) -> dict[str, str]:
    """Return the variables that are set for the training, by name."""
    training = job.variant.training
    margin = training.mask_false_negatives
    variables = {
        **process_environment(),
        "MODELSCOPE_CACHE": str(job.work_dir / "modelscope"),
        guard_file.VARIABLE: str(job.work_dir / guard_file.NAME),
        "TCMBENCH_TRUST_REMOTE_CODE": "1" if job.base.trust_remote_code else "0",
    }
    if job.variant.task == "embedding":
        variables |= {
            "INFONCE_TEMPERATURE": repr(training.temperature),
            "INFONCE_USE_BATCH": str(training.in_batch),
            "INFONCE_MASK_FAKE_NEGATIVE": str(margin is not None),
            "INFONCE_FAKE_NEG_MARGIN": repr(0.1 if margin is None else margin),
            "INFONCE_INCLUDE_QQ": str(training.query_query),
            "INFONCE_INCLUDE_DD": str(training.document_document),
        }
        if negatives:
            variables["INFONCE_HARD_NEGATIVES"] = str(negatives)
    else:
        variables |= {
            "MAX_POSITIVE_SAMPLES": "1",
            "MAX_NEGATIVE_SAMPLES": str(negatives),
            "LISTWISE_RERANKER_TEMPERATURE": "1.0",
            "LISTWISE_RERANKER_MIN_GROUP_SIZE": "2",
        }
    if job.requirements.devices > 1:
        variables["NPROC_PER_NODE"] = str(job.requirements.devices)
    return variables


def task_type(variant: Variant) -> str:
    """Return ms-swift's task type for the variant's task and head."""
    if variant.task == "embedding":
        return "embedding"
    return "generative_reranker" if variant.head == "generative" else "reranker"


def _model_arguments(job: TrainingJob) -> dict[str, str]:
    task, loss = task_type(job.variant), loss_of(job.variant, LOSSES)
    arguments = {
        "model": str(job.base_dir),
        "model_type": model_types.of(job.base, where=f"variant {job.variant.name}").name,
        "task_type": task,
        "loss_type": loss.loss_type or loss.name,
    }
    if task == "reranker":
        arguments["num_labels"] = "1"
    return arguments


def _tuner_arguments(job: TrainingJob) -> dict[str, str]:
    variant = job.variant
    if variant.tuner == "full":
        frozen = layer_names.frozen_pattern(variant.training.keep)
        return {"tuner_type": "full", **({"freeze_parameters_regex": frozen} if frozen else {})}
    arguments = {
        "tuner_type": "lora",
        "lora_rank": str(variant.training.lora_rank),
        "lora_alpha": str(variant.training.lora_alpha),
        "lora_dropout": repr(variant.training.lora_dropout),
        "target_modules": "all-linear",
    }
    if variant.task == "reranker" and folder.json_object(job.base_dir / "config.json").get("model_type") == "bert":
        # Between BERT and its head, and absent from embedding models: like the head it is trained whole, and saved.
        arguments["modules_to_save"] = "pooler"
    if variant.tuner == "qlora":
        arguments |= quantisation.arguments(variant)
    return arguments


def _data_arguments(job: TrainingJob) -> dict[str, str]:
    arguments = {
        "dataset": str(job.train_file),
        "split_dataset_ratio": "0",
        "dataset_shuffle": "false",
        "train_dataloader_shuffle": "false",
        "strict": "true",
        "lazy_tokenize": "false",
        "truncation_strategy": "delete",
        "max_length": str(job.variant.longest_input),
    }
    if job.dev_file is not None:
        # Dev texts may be cut: they are only evaluated, and a dropped row would go unnoticed.
        every = max(1, job.steps // job.variant.training.dev_evaluations)
        arguments |= {"val_dataset": str(job.dev_file), "eval_strategy": "steps", "eval_steps": str(every)}
        size = str(job.variant.training.batch_size)
        arguments |= {"per_device_eval_batch_size": size, "eval_metric": "tcmbench_margin"}
    return arguments


def _optimizer_arguments(job: TrainingJob) -> dict[str, str]:
    training = job.variant.training
    arguments = {
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
        arguments["warmup_ratio"] = repr(min(training.warmup_ratio, 0.999))
    if training.max_steps is not None:
        arguments["max_steps"] = str(job.steps)
    if training.token_learning_rate is not None:
        arguments["optimizer"] = "tcmbench_token_rate"
    return arguments


def _device_arguments(job: TrainingJob, options: Options, *, device: str) -> dict[str, str]:
    training = job.variant.training
    half = training.dtype == "bfloat16"
    # Trained weights are stored in float32 and computed with in bfloat16, which would round small updates away;
    # DeepSpeed keeps its own float32 copy, and adapters are float32 in any case, but not a new head beside them.
    trains_weights = job.variant.tuner == "full" or job.variant.head == "classification"
    keeps_full = trains_weights and options.deepspeed is None
    arguments = {
        "torch_dtype": "float32" if keeps_full else training.dtype,
        "fp16": "false",
        "bf16": _flag(half),
        "gradient_checkpointing": _flag(training.gradient_checkpointing),
        "dataloader_num_workers": "0" if device == "cpu" else "2",
        "dataloader_pin_memory": _flag(device != "cpu"),
    }
    if device == "cpu":
        arguments["use_cpu"] = "true"
    attention = options.attention
    if attention == "auto" and device != "cpu":
        attention = "flash_attention_2" if half and not missing(["flash_attn"]) else "sdpa"
    if attention != "auto":
        arguments["attn_impl"] = attention
    return arguments


def _output_arguments(job: TrainingJob) -> dict[str, str]:
    return {
        "output_dir": str(job.work_dir / "run"),
        "add_version": "false",
        "check_model": "false",
        "logging_steps": str(max(1, job.steps // _POINTS)),
        # Otherwise a loss of NaN is logged as 0.
        "logging_nan_inf_filter": "false",
        "save_steps": str(job.variant.training.save_steps),
        "save_total_limit": "2",
        "report_to": "tensorboard",
        "external_plugins": str(GUARD),
        "callbacks": "tcmbench_guard",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"

"""Every setting of a training is said on its command line or in its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcmbench.specs import toml
from tcmbench.specs.base import Base
from tcmbench.specs.variant import Variant
from tcmbench.trainers import TrainingJob, requirements
from tcmbench.trainers._swift import command
from tcmbench.trainers._swift.options import Options
from tests.trainers.tiny import make_job

MODELS = Path(__file__).parents[3] / "models"


def said(command: list[str]) -> dict[str, str]:
    """Return the arguments by name."""
    start = command.index("swift.cli.sft") + 1
    return dict(zip((w.removeprefix("--") for w in command[start::2]), command[start + 1 :: 2], strict=True))


def command_of(job: TrainingJob, *, device: str = "cpu") -> list[str]:
    """Return the command with the options of the job's recipe."""
    return command.command(job, options=Options(**job.variant.training.options), device=device)


def test_the_order_of_the_file_is_the_order_of_training(tmp_path: Path, embedding_base: Base) -> None:
    """Nothing shuffles, nothing is read twice, nothing is dropped but a lone last example."""
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=24)
    arguments = said(command_of(job))
    expected = {
        "dataset_shuffle": "false", "train_dataloader_shuffle": "false", "num_train_epochs": "1",
        "split_dataset_ratio": "0", "dataloader_drop_last": "false", "strict": "true",
    }  # fmt: skip
    assert expected == {name: arguments[name] for name in expected}
    lone = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=25)
    assert said(command_of(lone))["dataloader_drop_last"] == "true"


def test_embedding_settings_reach_ms_swift(tmp_path: Path, embedding_base: Base) -> None:
    """Temperature, negatives and the mask are environment variables of ms-swift: all are set."""
    job = make_job(
        tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=24,
        training={"temperature": 0.02, "in_batch": False},
    )  # fmt: skip
    found = command.environment(job, negatives=5)
    expected = {
        "INFONCE_TEMPERATURE": "0.02", "INFONCE_USE_BATCH": "False", "INFONCE_HARD_NEGATIVES": "5",
        "INFONCE_MASK_FAKE_NEGATIVE": "False", "INFONCE_INCLUDE_QQ": "False", "INFONCE_INCLUDE_DD": "False",
        "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    assert expected == {name: found[name] for name in expected}
    assert "INFONCE_HARD_NEGATIVES" not in command.environment(job, negatives=0)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [({}, 128), ({"query_max_length": 64}, 128), ({"query_max_length": 64, "document_max_length": 1000}, 1000)],
)
def test_the_trainers_limit_is_the_longest_of_all(
    tmp_path: Path, embedding_base: Base, lengths: dict[str, int], expected: int
) -> None:
    """Where ms-swift's limit was lower, it would drop rows."""
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=24, training=lengths)
    assert said(command_of(job))["max_length"] == str(expected)


def test_the_limit_of_a_pair_is_its_own(tmp_path: Path, reranker_base: Base) -> None:
    """The parts are bounded within it."""
    lengths = {"max_length": 400, "query_max_length": 64, "document_max_length": 200}
    job = make_job(tmp_path, base=reranker_base, train_file=tmp_path / "t", rows=24, training=lengths)
    assert said(command_of(job))["max_length"] == "400"


def test_rerankers_see_all_their_negatives(tmp_path: Path, reranker_base: Base) -> None:
    """ms-swift would keep seven at random."""
    job = make_job(tmp_path, base=reranker_base, train_file=tmp_path / "t", rows=24)
    found = command.environment(job, negatives=12)
    assert (found["MAX_POSITIVE_SAMPLES"], found["MAX_NEGATIVE_SAMPLES"]) == ("1", "12")


@pytest.mark.parametrize(("head", "task"), [("generative", "generative_reranker"), ("classification", "reranker")])
def test_heads_are_task_types(tmp_path: Path, reranker_base: Base, head: str, task: str) -> None:
    """A reranker's head chooses ms-swift's task."""
    job = make_job(tmp_path, base=reranker_base, train_file=tmp_path / "t", rows=24, head=head)
    assert said(command_of(job))["task_type"] == task


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen3-embedding-0.6b-lora", {"tuner_type": "lora", "lora_rank": "16", "bf16": "true"}),
        ("qwen3-embedding-0.6b-full", {"tuner_type": "full", "deepspeed": "zero2", "torch_dtype": "bfloat16"}),
        ("qwen3-embedding-4b-qlora", {"quant_method": "bnb", "quant_bits": "4", "bnb_4bit_compute_dtype": "bfloat16"}),
        ("qwen3-reranker-0.6b-lora", {"task_type": "generative_reranker", "gradient_checkpointing": "true"}),
    ],
)  # fmt: skip
def test_gpu_recipes_are_complete(tmp_path: Path, name: str, expected: dict[str, str]) -> None:
    """The recipes for GPUs that come with tcmbench give commands with their precision, tuner and launcher."""
    variant = toml.read(Variant, MODELS / "variants" / f"{name}.toml")
    base = toml.read(Base, MODELS / "bases" / f"{variant.base}.toml")
    job = TrainingJob(
        variant=variant,
        base=base,
        requirements=requirements(variant),
        base_dir=tmp_path,
        train_file=tmp_path / "t",
        rows=960,
        seed=0,
        work_dir=tmp_path,
    )
    words = command_of(job, device="cuda")
    arguments = said(words)
    assert expected == {key: arguments[key] for key in expected}
    assert arguments["attn_impl"] in {"flash_attention_2", "sdpa"}
    assert "use_cpu" not in arguments
    assert base.swift_model_type == arguments["model_type"]
    launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(job.requirements.devices), "-m"]
    assert (words[2:7] == launcher) == (job.requirements.devices > 1)
    environment = command.environment(job, negatives=8)
    assert environment.get("NPROC_PER_NODE") == (
        str(job.requirements.devices) if job.requirements.devices > 1 else None
    )


def test_bfloat16_on_a_cpu_says_so(tmp_path: Path, embedding_base: Base) -> None:
    """Transformers refuses bf16 on a CPU unless use_cpu is said."""
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=24, training={"dtype": "bfloat16"})
    arguments = said(command_of(job))
    assert (arguments["bf16"], arguments["use_cpu"]) == ("true", "true")


@pytest.mark.parametrize(
    ("tuner", "training", "expected"),
    [
        ("full", {"dtype": "bfloat16"}, "float32"),
        ("full", {"dtype": "bfloat16", "options": {"deepspeed": "zero2"}}, "bfloat16"),
        ("lora", {"dtype": "bfloat16"}, "bfloat16"),
        ("full", {}, "float32"),
    ],
)
def test_weights_that_are_trained_are_kept_in_full_precision(
    tmp_path: Path, embedding_base: Base, tuner: str, training: dict[str, object], expected: str
) -> None:
    """Small updates are lost where bfloat16 weights are their own master copy; DeepSpeed keeps another."""
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=24, training=training, tuner=tuner)
    assert said(command_of(job))["torch_dtype"] == expected


def test_a_new_head_beside_adapters_is_kept_in_full_precision(tmp_path: Path, reranker_base: Base) -> None:
    """PEFT stores only its own weights in float32; a head in bfloat16 would lose the end of a training."""
    half = {"dtype": "bfloat16"}
    heads = {
        head: make_job(
            tmp_path, base=reranker_base, train_file=tmp_path / "t", rows=24, training=half, tuner="lora", head=head
        )
        for head in ("generative", "classification")
    }
    dtypes = {head: said(command_of(job))["torch_dtype"] for head, job in heads.items()}
    assert dtypes == {"generative": "bfloat16", "classification": "float32"}

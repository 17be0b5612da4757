"""After ms-swift: a model that learnt nothing is not handed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcmbench.errors import TrainingError
from tcmbench.specs.base import Base
from tcmbench.trainers._runtime.job_file import Work, work_of
from tcmbench.trainers._swift import finish_worker
from tests.trainers.tiny import make_job

pytestmark = pytest.mark.filterwarnings("ignore")


def work(folder: Path, base: Base, base_dir: Path, **recipe: object) -> Work:
    """Return the work after a training that ended in the folder `checkpoint`."""
    job = make_job(folder, base=base, base_dir=base_dir, train_file=folder / "t", rows=8, **recipe)  # type: ignore[arg-type]
    return work_of(job, device="cpu", output=folder / "model", checkpoint=folder / "checkpoint")


def write_untrained(folder: Path, base_dir: Path, *, head: str, tuner: str) -> None:
    """Write what ms-swift would have saved after steps without effect: a new head keeps its random weights."""
    import torch
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    torch.manual_seed(3)
    if head == "classification":
        network = AutoModelForSequenceClassification.from_pretrained(base_dir, num_labels=1)
    else:
        network = AutoModelForCausalLM.from_pretrained(base_dir)
    if tuner == "lora":
        task = TaskType.SEQ_CLS if head == "classification" else None
        network = get_peft_model(network, LoraConfig(r=4, target_modules="all-linear", task_type=task))
    network.save_pretrained(folder)


@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_an_embedding_model_that_learnt_nothing_is_refused(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, tuner: str
) -> None:
    """Weights of the base, or an adapter that adds nothing, are an error and no gain of 0."""
    write_untrained(tmp_path / "checkpoint", embedding_dir, head="", tuner=tuner)
    with pytest.raises(TrainingError, match="the tuned model equals its base"):
        finish_worker.finish(work(tmp_path, embedding_base, embedding_dir, tuner=tuner))


@pytest.mark.parametrize(
    ("head", "tuner"), [("generative", "full"), ("classification", "full"), ("classification", "lora")]
)
def test_a_reranker_that_learnt_nothing_is_refused(
    tmp_path: Path, reranker_base: Base, reranker_dir: Path, head: str, tuner: str
) -> None:
    """A new head gives other scores than its base had; the network behind it must have learnt something."""
    write_untrained(tmp_path / "checkpoint", reranker_dir, head=head, tuner=tuner)
    with pytest.raises(TrainingError, match="the tuned model equals its base"):
        finish_worker.finish(work(tmp_path, reranker_base, reranker_dir, head=head, tuner=tuner))


def test_a_head_of_nan_is_refused(tmp_path: Path, reranker_base: Base, reranker_dir: Path) -> None:
    """The network behind a head says nothing about the head itself."""
    from safetensors.torch import load_file, save_file

    checkpoint = tmp_path / "checkpoint"
    write_untrained(checkpoint, reranker_dir, head="classification", tuner="full")
    weights = load_file(checkpoint / "model.safetensors")
    weights["score.weight"] = weights["score.weight"] * float("nan")
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match=r"gives NaN\. Lower training\.learning_rate"):
        finish_worker.finish(work(tmp_path, reranker_base, reranker_dir, head="classification"))

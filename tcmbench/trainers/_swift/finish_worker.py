"""After ms-swift: merge the adapter, write the folder, and compare all ways of computing the model's numbers.

Run as `python -m tcmbench.trainers._swift.finish_worker WORK ANSWER`, so that the weights are freed at its end.
ms-swift is imported last, so that its patches don't affect the numbers that it is compared with.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench.models import hub_layout, pair_scores
from tcmbench.store import write_text
from tcmbench.trainers._runtime import parity, weights
from tcmbench.trainers._runtime.job_file import Work, WorkResult, read_work
from tcmbench.trainers._runtime.tokens import count_tokens
from tcmbench.trainers._swift import inference, model_types, quantisation
from tcmbench.trainers._swift.command import task_type

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.trainers._swift.model_types import ModelType

_LARGE = 1_500_000_000
"""Parameters above which merged weights are stored in bfloat16: float32 takes 16 GB for 4 billion."""


def finish(work: Work) -> WorkResult:
    """Write the tuned model and return the measurements."""
    import torch
    from transformers import AutoTokenizer

    if work.checkpoint is None:
        raise ValueError("expected the checkpoint of a finished training")
    where = f"variant {work.variant.name}, seed {work.seed}"
    # Weights that a base lacks and no vector depends on (BERT's pooler) are drawn, and written.
    torch.manual_seed(work.seed)
    tokenizer = AutoTokenizer.from_pretrained(work.base_dir, local_files_only=True)
    tuned, trained = _tuned(work, tokenizer)
    ways: dict[str, NDArray[np.float32]] = {}
    if work.variant.tuner != "full":
        ways["adapter"] = _own_numbers(work, tuned, tokenizer)
        tuned = tuned.merge_and_unload()
    ways["weights"] = _own_numbers(work, tuned, tokenizer)
    behind_head = _behind_head(work, tuned.base_model, tokenizer)
    stored = _stored_dtype(tuned)
    tuned.to(stored).save_pretrained(work.output)
    _companions(work, tokenizer, dimensions=int(tuned.config.hidden_size))
    del tuned
    ways["transformers"] = _own_numbers(work, _open(work, work.output), tokenizer)
    ways["evaluation"] = _evaluation_numbers(work, work.output)
    change = _change(work, tokenizer, evaluation=ways["evaluation"], behind_head=behind_head)
    quantised = _quantised(work, tokenizer, evaluation=ways["evaluation"])
    ways["swift"] = _swift_numbers(work)
    measured = parity.differences(ways, reference="evaluation")
    tokens = count_tokens(work, lambda texts: [len(ids) for ids in tokenizer(texts)["input_ids"]])
    tolerance = parity.TOLERANCE if stored == torch.float32 else parity.HALF_TOLERANCE
    parity.refuse_disparity(measured, tolerance=tolerance, where=where)
    return WorkResult(trained_parameters=trained, tokens=tokens, parity={**measured, **quantised, "change": change})


def _tuned(work: Work, tokenizer: Any) -> tuple[Any, int]:
    """Return the tuned network in float32, with adapters unmerged, and the number of trained parameters."""
    source = work.checkpoint if work.variant.tuner == "full" and work.checkpoint else work.base_dir
    network = _open(work, source)
    if network.config.pad_token_id is None:
        network.config.pad_token_id = tokenizer.pad_token_id
    if work.variant.tuner == "full":
        return network, sum(p.numel() for p in network.parameters())
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(network, str(work.checkpoint)).eval()
    return adapted, _adapter_size(work.checkpoint)


def _open(work: Work, folder: Path, **more: Any) -> Any:
    """Return a network with the head of the recipe, by transformers, in float32."""
    import torch
    import transformers

    kind, head = str(_model_type(work).network), {}
    if _has_new_head(work):
        kind, head = "AutoModelForSequenceClassification", {"num_labels": 1}
    open_network = getattr(transformers, kind).from_pretrained
    return open_network(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, **head, **more).eval()


def _quantised(work: Work, tokenizer: Any, *, evaluation: NDArray[np.float32]) -> dict[str, float]:
    """Return the difference between the network that QLoRA trained and the merged model: reported, not checked.

    The adapter was trained on rounded weights; merged into float weights it gives a different model.
    """
    if work.variant.tuner != "qlora":
        return {}
    from peft import PeftModel

    bits = quantisation.config(work.variant)
    network = PeftModel.from_pretrained(_open(work, work.base_dir, quantization_config=bits), str(work.checkpoint))
    return parity.differences(
        {"quantised": _own_numbers(work, network.eval(), tokenizer), "evaluation": evaluation}, reference="evaluation"
    )


def _adapter_size(checkpoint: Path | None) -> int:
    return sum(math.prod(shape) for shape in weights.shapes(Path(f"{checkpoint}/adapter_model.safetensors")).values())


def _own_numbers(work: Work, model: Any, tokenizer: Any) -> NDArray[np.float32]:
    inner = model.base_model.model if hasattr(model, "peft_config") else model
    if work.variant.task == "embedding":
        texts = parity.canary_texts(work.base)
        return parity.own_vectors(inner.base_model, tokenizer, texts, pooling=_model_type(work).pooling)
    answers = pair_scores.answers_of(tokenizer) if work.variant.head == "generative" else None
    return pair_scores.by_transformers(inner, tokenizer, instruction=work.base.instruction, answers=answers)


def _evaluation_numbers(work: Work, folder: Path) -> NDArray[np.float32]:
    """Return vectors of unit length, as ms-swift trains them, or logits; similarities are cosines in any case."""
    numbers = parity.evaluation_numbers(folder, work.base)
    return numbers if work.variant.task == "reranker" or work.base.normalize else parity.unit(numbers)


def _has_new_head(work: Work) -> bool:
    return work.variant.task == "reranker" and work.variant.head == "classification"


def _behind_head(work: Work, backbone: Any, tokenizer: Any) -> NDArray[np.float32] | None:
    """Return the vectors below a new one-label head; None for models whose base has scores already."""
    return _pair_vectors(work, backbone, tokenizer) if _has_new_head(work) else None


def _pair_vectors(work: Work, backbone: Any, tokenizer: Any) -> NDArray[np.float32]:
    return parity.pair_vectors(backbone, tokenizer, base=work.base, pooling=_model_type(work).pooling)


def _change(
    work: Work, tokenizer: Any, *, evaluation: NDArray[np.float32], behind_head: NDArray[np.float32] | None
) -> float:
    """Return the difference between the tuned model and its base; refuse one that is unchanged or not finite.

    A new head gives scores that its base doesn't have, so there the vectors below it are compared.
    """
    import torch
    from transformers import AutoModel

    where = f"variant {work.variant.name}, seed {work.seed}"
    if behind_head is None:
        return parity.refuse_unchanged(evaluation, _evaluation_numbers(work, work.base_dir), where=where)
    parity.refuse_unusable(evaluation, where=where)
    network = AutoModel.from_pretrained(
        work.base_dir, dtype=torch.float32, local_files_only=True, use_safetensors=True
    ).eval()
    before = _pair_vectors(work, network, tokenizer)
    return parity.refuse_unchanged(behind_head, before, where=where)


def _stored_dtype(model: Any) -> Any:
    import torch

    large = sum(p.numel() for p in model.parameters()) > _LARGE
    return torch.bfloat16 if large else torch.float32


def _companions(work: Work, tokenizer: Any, *, dimensions: int) -> None:
    hub_layout.copy_companions(work.base_dir, work.output)
    if work.variant.task == "embedding":
        hub_layout.write_embedding_modules(work.output, base=work.base, dimensions=dimensions)
    elif _model_type(work) is model_types.PAIRS:
        hub_layout.remove_modules(work.output)
    else:
        hub_layout.write_reranker_modules(work.output, base=work.base, tokenizer=tokenizer, head=work.variant.head)


def _swift_numbers(work: Work) -> NDArray[np.float32]:
    full = work.variant.tuner == "full"
    source = work.checkpoint if full and work.checkpoint else work.base_dir
    adapter = None if full else work.checkpoint
    return inference.swift_numbers(
        source, base=work.base, model_type=_model_type(work), task_type=task_type(work.variant), adapter=adapter
    )


def _model_type(work: Work) -> ModelType:
    return model_types.of(work.base, where=f"variant {work.variant.name}")


def main(arguments: list[str]) -> None:
    """Read the work, write the model and the answer."""
    work, answer = (Path(argument) for argument in arguments)
    result = finish(read_work(work))
    write_text(answer, result.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The dropout of a recipe reaches every layer of a network, whatever its family, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import SpecError
from tcmbench.trainers._runtime import dropout

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPE = {
    "vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2,
}  # fmt: skip


def network(family: str, **rates: float) -> nn.Module:
    """Return a random network of a family with these rates in its configuration."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**SHAPE, **rates)
    built: nn.Module = getattr(transformers, f"{family}Model")(config)
    return built.float()


def is_random(model: nn.Module) -> bool:
    """Return whether two passes in training differ."""
    import torch

    ids = torch.arange(1, 40)[None]
    model.train()
    with torch.inference_mode():
        first, second = (model(input_ids=ids).last_hidden_state for _ in range(2))
    return not torch.equal(first, second)


@pytest.mark.parametrize(
    ("family", "rates"),
    [
        ("Bert", {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3}),
        ("XLMRoberta", {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.3}),
        ("ModernBert", {"attention_dropout": 0.3, "mlp_dropout": 0.3, "embedding_dropout": 0.3}),
        ("Qwen3", {"attention_dropout": 0.3, "num_key_value_heads": 2, "head_dim": 8}),
        ("DistilBert", {"dropout": 0.3, "attention_dropout": 0.3}),
    ],
)
def test_a_rate_of_zero_makes_training_exact(family: str, rates: dict[str, float]) -> None:
    """No layer and no attention keeps its own rate; None keeps them all."""
    model = network(family, **rates)
    dropout.set_rate(model, None, where="variant v")
    assert is_random(model)
    dropout.set_rate(model, 0.0, where="variant v")
    assert not is_random(model)
    dropout.set_rate(model, 0.3, where="variant v")
    assert is_random(model)


def test_adapters_keep_their_own() -> None:
    """Their dropout has a field of its own."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        network("Bert", hidden_dropout_prob=0.3),  # type: ignore[arg-type]
        LoraConfig(lora_dropout=0.2, target_modules="all-linear"),
    )
    dropout.set_rate(model, 0.0, where="variant v")
    rates = {name: module.p for name, module in model.named_modules() if hasattr(module, "p")}
    assert {rate for name, rate in rates.items() if "lora_dropout" in name} == {0.2}
    assert {rate for name, rate in rates.items() if "lora_dropout" not in name} == {0.0}


def test_a_network_without_dropout_refuses_a_rate() -> None:
    """A recipe with a dropout that nothing has would be trained without it in silence."""
    from torch import nn

    with pytest.raises(SpecError, match=r"variant v: training\.dropout = 0\.1, but .* no dropout"):
        dropout.set_rate(nn.Linear(2, 2), 0.1, where="variant v")
    dropout.set_rate(nn.Linear(2, 2), 0.0, where="variant v")

"""Cures of the bundled models: what is made is loaded as its base is, and gives the expected vectors and scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tcmbench.cures import CureWork, copy_model
from tcmbench.models import folder as folders
from tcmbench.models.revisions import weights_hash
from tcmbench.records.model import Model
from tcmbench.specs.base import Base
from tests.cures.scene import bits, cured, work
from tests.models.adapters import MINI, adapter, network, vectors_beside_base

MODELS = MINI.parent
TEXTS = ["脾胃虚弱，食少便溏。", "今天天气很好"]


def inputs(base: Path, tuned: Path, *, kind: str = "embedding") -> CureWork:
    """Return a bundled model and one that was tuned from it, as a cure is handed them."""
    spec = Base.model_validate({"name": base.name, "kind": kind, "path": base.name})
    return work(*(Model(folder.name, spec, folder, folder.name) for folder in (base, tuned)))


def perturbed(base: Path, target: Path, *, scale: float = 0.05) -> Path:
    """Write a model with noise added to its floating-point weights."""
    shutil.copytree(base, target)
    generator = torch.Generator().manual_seed(0)
    content = load_file(base / "model.safetensors")
    noisy = {
        name: each + (scale * each.float().std() * torch.randn(each.shape, generator=generator)).to(each.dtype)
        if each.is_floating_point()
        else each
        for name, each in content.items()
    }
    save_file(noisy, target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_a_static_table_in_integers(tmp_path: Path) -> None:
    """A training writes the table that sentence-transformers folds from integers and factors; so the cure does."""
    from sentence_transformers import SentenceTransformer

    base = MODELS / "mini-zh-static"
    tuned = SentenceTransformer(str(base), device="cpu")
    before = tuned[0].embedding.weight.detach().clone()
    with torch.no_grad():
        tuned[0].embedding.weight += 0.1
    tuned.save_pretrained(str(tmp_path / "tuned"))
    pair = inputs(base, tmp_path / "tuned")
    made = cured("merge", pair, tmp_path / "out", alpha=0.0)
    assert bits(made["embedding.weight"]) == bits(before)
    assert torch.allclose(cured("merge", pair, tmp_path / "half")["embedding.weight"], before + 0.05, atol=1e-6)
    vectors = [SentenceTransformer(str(each), device="cpu").encode(TEXTS) for each in (base, tmp_path / "out")]
    assert np.array_equal(*vectors)


def test_a_network_whose_tensors_have_a_prefix(tmp_path: Path) -> None:
    """The base's file has `model.` before its names, in half precision; the tuned model's, of another class, hasn't."""
    from sentence_transformers import SentenceTransformer

    tuned = SentenceTransformer(str(MINI), device="cpu", model_kwargs={"dtype": torch.float32})
    with torch.no_grad():
        tuned[0].auto_model.layers[0].mlp.down_proj.weight += 0.01
    tuned[0].auto_model.save_pretrained(tmp_path / "network")
    shutil.copytree(MINI, tmp_path / "tuned", ignore=shutil.ignore_patterns("*.safetensors"))
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(tmp_path / "network" / name, tmp_path / "tuned" / name)
    assert not any(name.startswith("model.") for name in load_file(tmp_path / "tuned/model.safetensors"))
    cured("merge", inputs(MINI, tmp_path / "tuned"), tmp_path / "out", alpha=0.0)
    models = [
        SentenceTransformer(str(each), device="cpu", model_kwargs={"dtype": torch.float32})
        for each in (MINI, tmp_path / "out")
    ]
    assert np.array_equal(*(model.encode(TEXTS) for model in models))


def test_a_reranker_keeps_its_head(tmp_path: Path) -> None:
    """At alpha 0 the scores of pairs are the base's."""
    from sentence_transformers import CrossEncoder

    base = MODELS / "mini-zh-reranker"
    cured("merge", inputs(base, perturbed(base, tmp_path / "tuned"), kind="reranker"), tmp_path / "out", alpha=0.0)
    pairs = [(TEXTS[0], TEXTS[1]), (TEXTS[0], TEXTS[0])]
    scores = [CrossEncoder(str(folder), device="cpu").predict(pairs) for folder in (base, tmp_path / "out")]
    assert np.array_equal(*scores)


@pytest.mark.filterwarnings("ignore")
def test_alpha_scales_an_adapter(tmp_path: Path) -> None:
    """Of a merged adapter, alpha gives the vectors of PEFT with `lora_alpha` times alpha beside the base."""
    from peft import PeftModel
    from sentence_transformers import SentenceTransformer

    beside = adapter(tmp_path / "adapter", kind="Qwen3ForCausalLM")
    merged = PeftModel.from_pretrained(network("Qwen3ForCausalLM"), str(beside)).merge_and_unload()
    merged.save_pretrained(tmp_path / "network")
    shutil.copytree(MINI, tmp_path / "tuned", ignore=shutil.ignore_patterns("*.safetensors"))
    shutil.copyfile(tmp_path / "network/model.safetensors", tmp_path / "tuned/model.safetensors")
    cured("merge", inputs(MINI, tmp_path / "tuned"), tmp_path / "out", alpha=0.25)
    settings = json.loads((beside / "adapter_config.json").read_text(encoding="utf-8"))
    whole = vectors_beside_base(beside, TEXTS, kind="Qwen3ForCausalLM")
    settings["lora_alpha"] *= 0.25
    (beside / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    expected = vectors_beside_base(beside, TEXTS, kind="Qwen3ForCausalLM")
    model = SentenceTransformer(str(tmp_path / "out"), device="cpu", model_kwargs={"dtype": torch.float32})
    assert np.allclose(model.encode(TEXTS, prompt=""), expected, atol=1e-5)
    assert not np.allclose(whole, expected, atol=1e-3)


def test_a_copied_model_is_loaded_alike(tmp_path: Path) -> None:
    """A cure that wraps the untreated model has all its files, and so its hash; a link isn't written through."""
    base = MODELS / "mini-zh-static"
    (tmp_path / "out").mkdir()
    copy_model(inputs(base, base).tuned[0], tmp_path / "out")
    assert weights_hash(tmp_path / "out") == weights_hash(base)
    assert folders.is_model(tmp_path / "out")

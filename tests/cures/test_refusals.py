"""Models that can't be combined are refused, with both named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tcmbench import plugins
from tcmbench.errors import SpecError, TrainingError
from tcmbench.specs.base import Base
from tests.cures.scene import BASE, cured, model, tensors, work


def test_a_tensor_that_one_lacks(tmp_path: Path) -> None:
    """A head that a training added has nothing in the base to be drawn to."""
    base = model(tmp_path, "base", {name: each for name, each in tensors(0).items() if name != "layer.bias"})
    with pytest.raises(SpecError, match=r"cure/seed0: tuned has a tensor 'layer\.bias', which base lacks; it has 3"):
        cured("merge", work(base, model(tmp_path, "tuned", tensors(1))), tmp_path / "out")


def test_a_tensor_of_another_shape(tmp_path: Path) -> None:
    """A vocabulary that was cut isn't that of the base."""
    one, other = model(tmp_path, "one", tensors(1)), {**tensors(2), "embed.weight": torch.zeros(39, 7)}
    inputs = work(model(tmp_path, "base", tensors(0)), one, model(tmp_path, "other", other))
    with pytest.raises(SpecError, match=r"'embed\.weight' has shape \[40, 7\] in one, but \[39, 7\] in other"):
        cured("merge", inputs, tmp_path / "out")


def test_a_second_file_with_the_same_tensors(tmp_path: Path) -> None:
    """The network is loaded from one of them; drawn towards the other, the cure would be of another model."""
    base = model(tmp_path, "base", tensors(0))
    save_file(tensors(7), tmp_path / "base/model_old.safetensors")
    with pytest.raises(SpecError, match=r"in one file, got it in model\.safetensors and in model_old\.safetensors"):
        cured("merge", work(base, model(tmp_path, "tuned", tensors(1))), tmp_path / "out")


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn], ids=str)
def test_quantised_values(dtype: torch.dtype, tmp_path: Path) -> None:
    """Integers and 8-bit floats stand for other numbers than they are, by factors that a tensor doesn't have."""
    base = {**tensors(0), "layer.weight": tensors(0)["layer.weight"].to(dtype)}
    inputs = work(model(tmp_path, "base", base), model(tmp_path, "tuned", tensors(1)))
    with pytest.raises(SpecError, match=r"'layer\.weight' is F32 in tuned and (I8|F8_E4M3) in base"):
        cured("merge", inputs, tmp_path / "out")
    inputs = work(model(tmp_path, "base8", base), model(tmp_path, "tuned8", base))
    if dtype == torch.float8_e4m3fn:
        with pytest.raises(SpecError, match="is F8_E4M3 in tuned8"):
            cured("merge", inputs, tmp_path / "again")


def test_integers_that_differ(tmp_path: Path) -> None:
    """They have no mean, and are not rounded."""
    tuned = model(tmp_path, "tuned", {**tensors(1), "position_ids": torch.arange(5) + 1})
    with pytest.raises(SpecError, match=r"'position_ids' of integers \(I64\) differs"):
        cured("merge", work(model(tmp_path, "base", tensors(0)), tuned), tmp_path / "out")


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    """What overflows the precision of the model would be scored as noise."""
    base, tuned = tensors(0, dtype=torch.float16), tensors(1, dtype=torch.float16)
    tuned["layer.weight"][0, 0] = 60_000
    inputs = work(model(tmp_path, "base", base), model(tmp_path, "tuned", tuned))
    with pytest.raises(TrainingError, match=r"tensor 'layer\.weight' has values that aren't finite in F16"):
        cured("task_arithmetic", inputs, tmp_path / "out", scale=2.0)


def test_a_model_that_is_more_than_its_weights(tmp_path: Path) -> None:
    """The outcome of a cure with another encoder would lose what that cure added."""
    fused = replace(model(tmp_path, "tuned", tensors(1)), base=BASE.model_copy(update={"encoder": "hashed_chars"}))
    with pytest.raises(SpecError, match="tuned is loaded by encoder hashed_chars"):
        cured("merge", work(model(tmp_path, "base", tensors(0)), fused), tmp_path / "out")


@pytest.mark.parametrize("cure", ["fusion", "nudge", "query_adapter"])
def test_a_reranker_has_no_vectors_to_change(cure: str) -> None:
    """It is refused when a run is planned, with what to name instead."""
    base = Base.model_validate({"name": "pairs", "kind": "reranker", "path": "pairs"})
    method = plugins.use("cures", cure)
    with pytest.raises(
        SpecError, match=f"cure {cure}: expected an embedding model, got one that encoder cross_encoder"
    ):
        method.module.settings(base, count=1, options=method.options)


def test_another_number_of_models_than_fits(tmp_path: Path) -> None:
    """Weights are for as many models as there are, and an arc has two ends."""
    base, one, other = (model(tmp_path, name, tensors(seed)) for seed, name in enumerate(("base", "one", "other")))
    with pytest.raises(SpecError, match="cure merge: expected one weight per model, got 2 weights for 1 models"):
        cured("merge", work(base, one), tmp_path / "a", weights=[1, 1])
    with pytest.raises(SpecError, match="cure slerp: expected one model, got 2"):
        cured("slerp", work(base, one, other), tmp_path / "b")
    with pytest.raises(SpecError, match="expected weights of at least 0, one of them above it"):
        cured("merge", work(base, one), tmp_path / "c", weights=[0])

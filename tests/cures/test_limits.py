"""Every cure of weights is its base at one end of its scale, and where it has one its tuned model at the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.cures.scene import bits, cured, model, tensors, work

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("cure", "options"),
    [("merge", {"alpha": 0.0}), ("task_arithmetic", {"scale": 0.0}), ("slerp", {"alpha": 0.0})],
    ids=str,
)
def test_nothing_of_the_tuned_model_is_the_base_to_the_bit(
    cure: str, options: dict[str, Any], dtype: torch.dtype, tmp_path: Path
) -> None:
    """Zeros keep their sign, and no value is rounded."""
    base, tuned = tensors(0, dtype=dtype), tensors(1, dtype=dtype)
    inputs = work(model(tmp_path, "base", base), model(tmp_path, "tuned", tuned))
    made = cured(cure, inputs, tmp_path / "out", **options)
    assert {name: bits(each) for name, each in made.items()} == {name: bits(each) for name, each in base.items()}
    assert (tmp_path / "out/tokenizer.json").read_text(encoding="utf-8") == '"tuned"'


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("cure", "options"),
    [("merge", {"alpha": 1.0}), ("task_arithmetic", {"scale": 1.0}), ("slerp", {"alpha": 1.0})],
    ids=str,
)
def test_all_of_the_tuned_model_is_its_file_to_the_bit(
    cure: str, options: dict[str, Any], dtype: torch.dtype, tmp_path: Path
) -> None:
    """The whole file is equal, with its header, so that its revision and scores are those of the tuned model."""
    inputs = work(model(tmp_path, "base", tensors(0, dtype=dtype)), model(tmp_path, "tuned", tensors(1, dtype=dtype)))
    cured(cure, inputs, tmp_path / "out", **options)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("tuned", "out")]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("cure", "options"),
    [
        ("merge", {"alpha": 0.5}), ("task_arithmetic", {"scale": 0.5}), ("slerp", {"alpha": 0.5}),
        ("ties", {"density": 0.5}), ("dare", {"rate": 0.5}),
    ],
    ids=str,
)  # fmt: skip
def test_a_model_that_changed_nothing_stays_the_base(cure: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Without a change there is nothing to draw back, drop or add."""
    base = tensors(0)
    inputs = work(model(tmp_path, "base", base), model(tmp_path, "tuned", base))
    made = cured(cure, inputs, tmp_path / "out", **options)
    assert all(torch.equal(made[name], base[name]) for name in base)


def test_all_changes_are_kept_at_full_density_and_without_dropping(tmp_path: Path) -> None:
    """TIES of one model at density 1 and DARE at rate 0 are the tuned model, up to rounding of the difference."""
    tuned = tensors(1)
    inputs = work(model(tmp_path, "base", tensors(0)), model(tmp_path, "tuned", tuned))
    for cure, options in {"ties": {"density": 1.0}, "dare": {"rate": 0.0}}.items():
        made = cured(cure, inputs, tmp_path / cure, **options)
        assert all(torch.allclose(made[name], tuned[name], atol=1e-6) for name in tuned)


def test_between_the_ends_it_is_the_weighted_mean(tmp_path: Path) -> None:
    """Computed in float32 and stored in the tuned model's precision, also where the base has another."""
    base, tuned = tensors(0, dtype=torch.bfloat16), tensors(1, dtype=torch.float16)
    inputs = work(model(tmp_path, "base", base), model(tmp_path, "tuned", tuned))
    made = cured("merge", inputs, tmp_path / "out", alpha=0.25)
    for name in ("embed.weight", "layer.weight", "layer.bias"):
        expected = 0.75 * base[name].double() + 0.25 * tuned[name].double()
        assert made[name].dtype == torch.float16
        assert torch.allclose(made[name].double(), expected, rtol=2**-11, atol=1e-6)


def test_a_soup_is_the_mean_of_its_models(tmp_path: Path) -> None:
    """Equal shares by default; given weights are shares of their sum."""
    base, one, other = (model(tmp_path, name, tensors(seed)) for seed, name in enumerate(("base", "one", "other")))
    made = cured("merge", work(base, one, other), tmp_path / "equal", alpha=1.0)
    weighed = cured("merge", work(base, one, other), tmp_path / "weighed", alpha=1.0, weights=[3, 1])
    name = "embed.weight"
    assert torch.allclose(made[name], (tensors(1)[name] + tensors(2)[name]) / 2, atol=1e-6)
    assert torch.allclose(weighed[name], 0.75 * tensors(1)[name] + 0.25 * tensors(2)[name], atol=1e-6)

"""The benchmark for GPUs takes the shipped recipes, counts operations by its formula, and runs on a processor."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import _gpu_recipes, _mfu, gpu
from benchmarks._gpu_recipes import RECIPES
from benchmarks._result import LeftOut
from models.recipes.qwen3_shape import SHAPES, Shape
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.toml import read
from tcmbench.specs.variant import Variant
from tcmbench.workspace import find

ROOT = Path(__file__).parents[2]
SMALL = Shape(hidden=64, layers=1, heads=2, inner=96, key_value_heads=1, head=32, vocabulary=10_240)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as the benchmark writes it."""
    root = tmp_path_factory.mktemp("gpu")
    _gpu_recipes.write(root, size="0.6b", shape=SMALL, steps=50, records=60, queries=5, vllm="/env/python")
    return root


def test_recipes_are_the_shipped_ones_for_one_device(workspace: Path) -> None:
    """Steps, seeds, trainer and options for several devices differ; all else is what ships."""
    place = find(workspace)
    for name, (shipped, trainer) in RECIPES.items():
        ours = place.spec(Variant, name)
        theirs = read(Variant, ROOT / "models" / "variants" / f"{shipped.format(size='0.6b')}.toml")
        assert (ours.training.max_steps, ours.seeds, ours.trainer) == (50, (0,), trainer)
        changed = {"max_steps", "options"}
        assert ours.training.model_dump(exclude=changed) == theirs.training.model_dump(exclude=changed)
        same = {"name", "trainer", "seeds", "training"}
        assert ours.model_dump(exclude=same) == theirs.model_dump(exclude=same)


def test_sets_and_other_encoders_are_valid(workspace: Path) -> None:
    """A set names its variants; the bases beside the reference are derived from it."""
    from tcmbench import models

    place = find(workspace)
    sets = [place.spec(ModelSet, f"gpu-{kind}") for kind in _gpu_recipes.SETS]
    assert [variant for one in sets for variant in one.variants] == list(RECIPES)
    flash = models.base_model(place, "qwen3-embedding-0.6b-flash").base
    assert (flash.attention, flash.dtype, flash.max_length) == ("flash_attention_2", "bfloat16", 2048)
    assert place.spec(Base, "qwen3-reranker-0.6b-vllm").encoder == "vllm"


def test_operations_are_twice_the_weights_per_token_and_the_attention() -> None:
    """Qwen3-Embedding-0.6B has 440 million weights in its layers; LoRA needs two forwards, all weights three."""
    shape = SHAPES["0.6b"]
    short = _mfu.flops(shape, tokens=1000, texts=1000, work="forward")
    assert short / 1000 == pytest.approx(2 * 440.4e6, rel=1e-3)
    long = _mfu.flops(shape, tokens=1000, texts=1, work="forward")
    assert (long - short) / 1000 == pytest.approx(4 * 28 * 16 * 128 * 999 / 2)
    assert _mfu.flops(shape, tokens=1000, texts=1, work="lora") == 2 * long
    assert _mfu.flops(shape, tokens=1000, texts=1, work="full") == 3 * long


@pytest.mark.parametrize(
    ("name", "tera"),
    [("NVIDIA H100 80GB HBM3", 989), ("NVIDIA H100 PCIe", 756), ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA L40S", 362)],
)
def test_a_device_is_known_by_its_name(name: str, tera: float) -> None:
    """As nvidia-smi writes it; an unknown one has no peak, so no utilisation."""
    assert _mfu.peak(name) == tera
    for other in ("NVIDIA GeForce GT 710", "NVIDIA RTX A4000", "NVIDIA RTX A1000", "NVIDIA A10G"):
        assert _mfu.peak(other) is None


def test_the_report_names_what_is_missing() -> None:
    """Utilisation is that of the stated peak; a part that didn't run has its reason."""
    speed = gpu.Speed(tokens=1000, texts=1000, seconds=1.0, mib=2048, note="as it is")
    parts = [gpu.Line("evaluation", "forward", speed), LeftOut(case="vLLM", reason="no environment")]
    given = argparse.Namespace(peak=2 * 440.4e6 * 1000 / 1e12 * 4, quick=True)
    text = gpu.report(list(parts), shape=SHAPES["0.6b"], given=given)
    assert "| evaluation | 1,000 | 1,000 | 1 | 2,048 | 25.0% | as it is |" in text
    assert "Not measured: vLLM: no environment" in text
    assert "no measurement" in text


def test_without_a_gpu_it_says_how_to_try_it() -> None:
    """A report of a processor has no place beside those of GPUs."""
    for words, message in (((), "sees no GPU"), (("--device", "cpu", "--quick"), "--out")):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert message in done.stderr


@pytest.mark.slow
def test_all_parts_run_on_a_processor(tmp_path: Path) -> None:
    """Every evaluation, training and gate that needs no GPU, with a tiny network."""
    out = tmp_path / "report.md"
    words = ["--device", "cpu", "--quick", "--out", str(out)]
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu", *words], cwd=ROOT, check=False)
    text = out.read_text(encoding="utf-8")
    assert done.returncode == 0, text
    left = [line for line in text.splitlines() if line.startswith("Not measured")]
    assert len(left) == 3, left  # flash attention, and vLLM twice
    assert text.count("| training: ") == len(RECIPES)
    assert text.count("| evaluation and gate ") == len(_gpu_recipes.SETS)

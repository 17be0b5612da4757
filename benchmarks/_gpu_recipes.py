"""A workspace with the shipped recipes for Qwen3, a few steps on one device, over random weights and generated data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from models.recipes import qwen3_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.recipes.qwen3_shape import Shape

_VARIANTS = Path(__file__).parents[1] / "models" / "variants"

RECIPES: Mapping[str, tuple[str, str]] = {
    "lora": ("qwen3-embedding-{size}-lora", "swift"),
    "lora-st": ("qwen3-embedding-{size}-lora", "sentence_transformers"),
    "full": ("qwen3-embedding-{size}-full", "swift"),
    "reranker": ("qwen3-reranker-{size}-lora", "swift"),
}
"""Variant of the workspace → the shipped recipe and its trainer."""

SETS = {"embedding": ("lora", "lora-st", "full"), "reranker": ("reranker",)}
"""Kind → the variants of its set, `gpu-KIND`."""

_TASKS = {
    "embedding": (("TCMSDRetrieval", "in_domain"), ("SynthSTS", "general")),
    "reranker": (("TCMSDTwoStage", "in_domain"), ("SynthReranking", "general")),
}


def write(root: Path, *, size: str, shape: Shape, steps: int, records: int, queries: int, vllm: str) -> None:
    """Write bases, recipes, sets, suites and data.

    Args:
        root: An empty folder.
        size: Size of the shipped bases and recipes.
        shape: Shape of the random weights.
        steps: Steps of each training.
        records: Generated records, the training's and the task's.
        queries: Queries of each task that are measured.
        vllm: Python of an environment with vLLM; empty for none.
    """
    from tcmbench.data.synthetic import write_tcm_sd

    for folder in ("tasks/suites", "models/bases", "models/variants", "models/sets", "data"):
        (root / folder).mkdir(parents=True)
    write_tcm_sd(root / "data" / "tcm-sd", records=records, seed=1)
    for kind, variants in SETS.items():
        base = qwen3_shape.write(root, kind=kind, size=size, shape=shape)
        for suffix, lines in _others(kind, vllm=vllm).items():
            text = f'kind = "{kind}"\nderive = {{ base = "{base.stem}" }}\n{lines}\n'
            (base.parent / f"{base.stem}-{suffix}.toml").write_text(text, encoding="utf-8")
        tasks = "".join(
            f'[[tasks]]\ntask = "{task}"\nrole = "{role}"\nlimit = {queries}\n' for task, role in _TASKS[kind]
        )
        (root / f"tasks/suites/gpu-{kind}.toml").write_text(tasks, encoding="utf-8")
        named = ", ".join(f'"{variant}"' for variant in variants)
        text = f'title = "{kind}"\nsuite = "gpu-{kind}"\nreference = "{base.stem}"\nmodels = ["{base.stem}"]\n'
        (root / f"models/sets/gpu-{kind}.toml").write_text(f"{text}variants = [{named}]\n", encoding="utf-8")
    for variant, (shipped, trainer) in RECIPES.items():
        text = (_VARIANTS / f"{shipped.format(size=size)}.toml").read_text(encoding="utf-8")
        shortened = for_one_device(text, trainer=trainer, steps=steps)
        (root / f"models/variants/{variant}.toml").write_text(shortened, encoding="utf-8")


def for_one_device(text: str, *, trainer: str, steps: int) -> str:
    """Return a shipped recipe with a trainer, one seed and a number of steps, without options for several GPUs."""
    text = text.partition("[training.options]")[0]
    text = re.sub(r"^seeds = .*\n", "", text, flags=re.MULTILINE)
    return f'trainer = "{trainer}"\n' + text.replace("[training]\n", f"[training]\nmax_steps = {steps}\n")


def _others(kind: str, *, vllm: str) -> dict[str, str]:
    """Return suffix → lines of the bases that are computed otherwise."""
    others = {"flash": 'attention = "flash_attention_2"'} if kind == "embedding" else {}
    return {**others, "vllm": f'encoder = "vllm"\n[options]\npython = "{vllm}"'} if vllm else others

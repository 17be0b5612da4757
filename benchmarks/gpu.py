"""How fast are evaluation and training on a GPU, in tokens per second, memory and MFU?

    python -m benchmarks.gpu [--vllm PYTHON] [--peak TFLOPS] [--steps 50]     on a GPU: writes reports/gpu-DATE.md
    python -m benchmarks.gpu --device cpu --quick --out FILE                  a tiny network, to see that all runs

Random weights of Qwen3-Embedding-0.6B's and Qwen3-Reranker-0.6B's shape, in bfloat16, on generated records.
Evaluation: tcmbench with and without flash attention, `SentenceTransformer.encode` and `CrossEncoder.predict` with 32
per batch, and vLLM, tokenisation included. Then the shipped recipes, each for 50 steps on one device, through ms-swift
and sentence-transformers: trained, merged, compared with the unmerged network, evaluated and gated. Tokens per second
of a training are those between its first and last logged step. Ten minutes at most: what doesn't fit is listed as left
out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import _cost, _gpu_recipes, _mfu
from benchmarks._result import ONE_THREAD, LeftOut, described, environment, number
from models.recipes.qwen3_shape import SHAPES, Shape
from tcmbench.errors import MissingExtra, SpecError, TcmbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks._mfu import Work
    from tcmbench.trainers import Step

_ROOT = Path(__file__).parents[1]
_LIMIT, _QUICK_LIMIT = 600.0, 1800.0
"""Seconds of the whole benchmark; a quick run has no figures, so it may take longer on a busy machine."""
_LEAST_LEFT = 20.0
_LONGEST_REASON = 300
_SIZE = "0.6b"
_TINY = Shape(hidden=64, layers=2, heads=2, inner=96, key_value_heads=1, head=32, vocabulary=10_240)
_TEXTS, _PAIRS, _RECORDS, _QUERIES = 4000, 2000, 2400, 200
_QUICK_TEXTS, _QUICK_PAIRS, _QUICK_RECORDS, _QUICK_QUERIES, _QUICK_STEPS = 40, 40, 120, 10, 2
_PACKAGES = ("sentence-transformers", "transformers", "torch", "ms-swift", "peft")


class Speed(NamedTuple):
    """Tokens of a part, and what they cost."""

    tokens: int
    texts: int
    seconds: float
    mib: float
    """Peak of memory reserved on the GPU; on a processor that of the process."""
    note: str = ""


class Line(NamedTuple):
    """A line of the report."""

    what: str
    work: Work
    speed: Speed


def main() -> int:
    """Measure all parts, print the report, and write it."""
    given = _arguments()
    os.environ.update({name: value for name, value in ONE_THREAD.items() if name != "OMP_NUM_THREADS"})
    end = time.monotonic() + (_QUICK_LIMIT if given.quick else _LIMIT)
    shape = _TINY if given.quick else SHAPES[_SIZE]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        records, queries = (_QUICK_RECORDS, _QUICK_QUERIES) if given.quick else (_RECORDS, _QUERIES)
        steps = _QUICK_STEPS if given.quick else given.steps
        _gpu_recipes.write(
            root, size=_SIZE, shape=shape, steps=steps, records=records, queries=queries, vllm=given.vllm
        )
        parts = list(_parts(root, given, end))
    text = report(parts, shape=shape, given=given)
    print(text)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text, encoding="utf-8")
    return 2 if any(isinstance(part, LeftOut) and part.reason.startswith("failed") for part in parts) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="a tiny network and two steps, to see that all runs")
    parser.add_argument("--steps", type=int, default=50, help="steps of each training; 50 by default")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the device in bfloat16, where its name isn't listed")
    parser.add_argument("--vllm", default="", help="Python of an environment with vLLM; without it vLLM is left out")
    parser.add_argument("--out", type=Path, help="the report; on a GPU reports/gpu-DATE.md by default")
    given = parser.parse_args()
    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU. To see that it runs: --device cpu --quick --out FILE")
    if given.out is None and (given.device == "cpu" or given.quick):
        parser.error("--out: name a file; reports/ has measurements on GPUs at full size only")
    given.out = given.out or _ROOT / "reports" / f"gpu-{datetime.now(UTC).date().isoformat()}.md"
    return given


def _parts(root: Path, given: argparse.Namespace, end: float) -> Iterator[Line | LeftOut]:
    """Yield all parts, each in a process of its own."""
    texts, pairs = (_QUICK_TEXTS, _QUICK_PAIRS) if given.quick else (_TEXTS, _PAIRS)
    embedding, reranker = f"qwen3-embedding-{_SIZE}", f"qwen3-reranker-{_SIZE}"
    evaluations: list[tuple[str, Callable[..., Speed], str, int]] = [
        ("evaluation: tcmbench", encode, embedding, texts),
        ("evaluation: tcmbench, flash attention", encode, f"{embedding}-flash", texts),
        ("evaluation: SentenceTransformer.encode", encode_plainly, embedding, texts),
        ("evaluation: tcmbench, vLLM", encode, f"{embedding}-vllm", texts),
        ("reranking: tcmbench", rerank, reranker, pairs),
        ("reranking: CrossEncoder.predict", rerank_plainly, reranker, pairs),
        ("reranking: tcmbench, vLLM", rerank, f"{reranker}-vllm", pairs),
    ]
    for what, measure, base, count in evaluations:
        if base.endswith("-vllm") and not given.vllm:
            yield LeftOut(case=what, reason="no environment with vLLM: --vllm PYTHON")
            continue
        yield _apart(what, "forward", end, measure, root, base, count, given.device)
    for kind, variants in _gpu_recipes.SETS.items():
        for variant in variants:
            shipped, trainer = _gpu_recipes.RECIPES[variant]
            what = f"training: {shipped.format(size=_SIZE)}, {trainer}"
            yield _apart(what, "full" if variant == "full" else "lora", end, train, root, variant)
        yield _judged(root, f"gpu-{kind}", end)


def _apart(what: str, work: Work, end: float, function: Callable[..., Speed], *arguments: object) -> Line | LeftOut:
    """Return what a function measures in a new process, within the time that is left."""
    left = end - time.monotonic()
    if left < _LEAST_LEFT:
        return LeftOut(case=what, reason=f"the time of the benchmark was over: {_REMEDY}")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        try:
            return Line(what, work, pool.apply_async(function, arguments).get(timeout=left))
        except multiprocessing.TimeoutError:
            return LeftOut(case=what, reason=f"not done when the time of the benchmark was over: {_REMEDY}")
        except (MissingExtra, SpecError) as error:
            return LeftOut(case=what, reason=f"refused: {_short(error, root=arguments[0])}")
        except (TcmbenchError, RuntimeError, ValueError, OSError) as error:
            return LeftOut(case=what, reason=f"failed: {_short(error, root=arguments[0])}")


_REMEDY = "take a faster device, or fewer --steps"


def _short(error: BaseException, *, root: object) -> str:
    """Return an error in one line, without the folder of the benchmark."""
    words = " ".join(str(error).replace(str(root), "…").split())
    return f"{type(error).__name__}: {words[:_LONGEST_REASON]}"


def encode(root: Path, base: str, count: int, device: str) -> Speed:
    """Encode with tcmbench."""
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder

    inner = _loaded(root, base, device).inner
    texts = _texts(count)
    inner.encode_texts(texts[:4])
    model = CachedEncoder(inner, cache_dir=None)
    speed = _timed(lambda: model.encode_list(texts), device)
    return speed._replace(tokens=model.encoded_tokens, texts=model.encoded_texts, note=_padding(model))


def encode_plainly(root: Path, base: str, count: int, device: str) -> Speed:
    """Encode with sentence-transformers alone."""
    inner = _loaded(root, base, device).inner
    texts = _texts(count)
    inner.model.encode(texts[:4], prompt="", show_progress_bar=False)
    speed = _timed(lambda: inner.model.encode(texts, batch_size=32, prompt="", show_progress_bar=False), device)
    return speed._replace(tokens=sum(inner.token_lengths(texts)), texts=len(texts))


def rerank(root: Path, base: str, count: int, device: str) -> Speed:
    """Score pairs with tcmbench."""
    from benchmarks.rerank_prefix import ours

    model, pairs = _loaded(root, base, device), _pairs(count)
    ours(model, pairs[:2])
    model._batches.tokens = model._batches.padded = model._batches.texts = 0
    speed = _timed(lambda: ours(model, pairs), device)
    return speed._replace(tokens=model.encoded_tokens, texts=model.encoded_texts, note=_padding(model))


def rerank_plainly(root: Path, base: str, count: int, device: str) -> Speed:
    """Score pairs with sentence-transformers alone."""
    from benchmarks.rerank_prefix import theirs

    model, pairs = _loaded(root, base, device), _pairs(count)
    theirs(model, pairs[:2])
    speed = _timed(lambda: theirs(model, pairs), device)
    return speed._replace(tokens=int(model.token_lengths(pairs).sum()), texts=len(pairs))


def train(root: Path, variant: str) -> Speed:
    """Train a variant of the workspace; it is merged and compared with the unmerged network before it is stored."""
    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import REPORTED
    from tcmbench.tuning import tune
    from tcmbench.tuning.recipe import resolve

    place = _place(root)
    times: dict[int, float] = {}

    def note(step: Step) -> None:
        times.setdefault(step.step, time.monotonic())

    recipe = resolve(place, place.spec(Variant, variant))
    per_row = _texts_per_row(tune.training_set(place, recipe, seed=0).train, is_pairs=recipe.base.kind == "reranker")
    tuned = tune.tune(place, recipe, seed=0, progress=note)
    facts: dict[str, Any] = tuned.outcome
    steps, first, last = int(facts["steps"]), min(times), max(times)
    share, seconds = (last - first) / steps, times[last] - times[first]
    parity = max(value for name, value in facts["parity"].items() if name not in REPORTED)
    whole = f"{facts['seconds']:.0f} s with start-up and end, {steps} steps; parity within {parity:.0e}"
    if not share:
        share, seconds, whole = 1.0, float(facts["seconds"]), f"{whole}; start-up included, as one step was logged"
    read = int(facts["rows"]["read"])
    mib = float(facts["peak_gpu_memory_mib"] or facts["peak_memory_mib"])
    return Speed(round(facts["tokens"] * share), max(round(read * per_row * share), 1), seconds, mib, whole)


def _texts_per_row(path: Path, *, is_pairs: bool) -> int:
    """Return how many texts, or pairs, a row of a training file has; all have as many."""
    from tcmbench import strict_json

    with path.open(encoding="utf-8") as file:
        row = strict_json.loads(next(file))
    documents = len(row["positive_messages"]) + len(row.get("negative_messages", ()))
    return documents + (not is_pairs)


def _judged(root: Path, name: str, end: float) -> Line | LeftOut:
    """Return the time of evaluating the trained models and of their gate."""
    what = f"evaluation and gate of set {name}"
    start = time.perf_counter()
    for words in (["run", name], ["check", name]):
        left = max(end - time.monotonic(), 1.0)
        environment = {**os.environ, "TCMBENCH_CACHE": str(root / "store"), "PYTHONPATH": str(_ROOT)}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tcmbench", *words], cwd=root, env=environment, timeout=left, check=False,
                capture_output=True, text=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return LeftOut(case=what, reason=f"not done when the time of the benchmark was over: {_REMEDY}")
        # 1 is a verdict of the gate: random weights may lose.
        if done.returncode not in ((0, 1) if words[0] == "check" else (0,)):
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            return LeftOut(case=what, reason=f"failed: tcmbench {' '.join(words)}: {lines[-1].replace(str(root), '…')}")
    return Line(what, "forward", Speed(0, 0, time.perf_counter() - start, 0.0, "measured, written as a board, gated"))


def _place(root: Path) -> Any:
    from tcmbench.workspace import find

    return find(root, cache=root / "store")


def _loaded(root: Path, base: str, device: str) -> Any:
    from tcmbench import models

    return models.load(models.base_model(_place(root), base), cache=None, device=device)


def _texts(count: int) -> list[str]:
    from benchmarks.encode import texts_of

    return texts_of(count)


def _pairs(count: int) -> list[tuple[str, str]]:
    from benchmarks.rerank_prefix import Shape as Lengths
    from benchmarks.rerank_prefix import pairs_of

    return pairs_of(Lengths("a record", query=300, candidates=20, least_ratio=0), max(count // 20, 1))


def _timed(work: Callable[[], object], device: str) -> Speed:
    """Return seconds and memory of a function; its tokens are counted by the caller."""
    if device == "cpu":
        _, cost = _cost.of(work)
        return Speed(0, 0, cost.wall, cost.mib)
    import torch

    torch.cuda.reset_peak_memory_stats()
    _, cost = _cost.of(work)
    return Speed(0, 0, cost.wall, torch.cuda.max_memory_reserved() / (1 << 20))


def _padding(model: Any) -> str:
    return f"{model.padded_tokens / model.encoded_tokens:.2f} tokens computed per token, padding included"


def report(found: list[Line | LeftOut], *, shape: Shape, given: argparse.Namespace) -> str:
    """Return the report as Markdown."""
    machine = environment(_PACKAGES)
    peak = given.peak or _mfu.peak(machine.gpu)
    lines = [line for line in found if isinstance(line, Line)]
    left = [part for part in found if isinstance(part, LeftOut)]
    against = f"{peak:g} TFLOP/s" if peak else "not stated, as the device isn't listed: --peak"
    quick = " **A tiny network: that it runs, no measurement.**" if given.quick else ""
    rows = [_row(line, shape=shape, peak=peak) for line in lines]
    return "\n".join(
        [
            f"# GPU benchmark, {datetime.now(UTC).date().isoformat()}\n",
            f"Written by `make bench-gpu` (`python -m benchmarks.gpu`).{quick}\n",
            f"- {described(machine)}",
            f"- {', '.join(f'{name} {version}' for name, version in machine.packages.items())}",
            f"- random weights, bfloat16: {shape}",
            f"- MFU: operations needed / (seconds × peak), peak {against}; formula in `benchmarks/_mfu.py`. Of",
            "  rerankers, those of whole pairs: what is saved by sharing a query counts as done\n",
            "| what | tokens/s | tokens | seconds | MiB | MFU | |\n|---|---:|---:|---:|---:|---:|---|",
            *rows,
            *(f"\nNot measured: {part.case}: {part.reason}" for part in left),
            "",
        ]
    )


def _row(line: Line, *, shape: Shape, peak: float | None) -> str:
    speed = line.speed
    needed = _mfu.flops(shape, tokens=speed.tokens, texts=speed.texts, work=line.work)
    share = f"{needed / (speed.seconds * peak * 1e12):.1%}" if peak and speed.tokens else "–"
    rate = f"{speed.tokens / speed.seconds:,.0f}" if speed.tokens else "–"
    memory = number(speed.mib) if speed.mib else "–"
    cells = (
        line.what,
        rate,
        f"{speed.tokens:,}" if speed.tokens else "–",
        number(speed.seconds),
        memory,
        share,
        speed.note,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())

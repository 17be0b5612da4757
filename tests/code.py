"""What artefacts are made with: the code behind every revision, without docstrings and comments."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import io
import tokenize
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import plugins
from tcmbench.trainers import _runtime
from tests.imports import CALLS, MODULES, TREES, room_of
from tests.kinds import MAKERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.plugins import Kind

STAGES: Mapping[str, tuple[str, ...]] = {
    "contents": ("tcmbench.tuning.training_data._STAGE",),
    "converted": (
        "tcmbench.models.sources.package._STAGE",
        "tcmbench.models.e5s1",
        "tcmbench.models.e5s1.model_file",
        "tcmbench.models.e5s1.network",
        "tcmbench.models.e5s1.tokenizer",
    ),
    "cured": ("tcmbench.treatment.treat._STAGE",),
    "derived": (
        "tcmbench.models.vocabulary._STAGE",
        "tcmbench.models.vocabulary.files",
        "tcmbench.models.vocabulary.samples",
        "tcmbench.models.vocabulary.scripts",
        "tcmbench.models.vocabulary.tokenizer_json",
    ),
    "general_texts": ("tcmbench.tuning.general_texts._STAGE",),
    "general_vectors": ("tcmbench.tuning.general_texts._VECTORS_STAGE",),
    "leaks": ("tcmbench.tuning.leaks._STAGE",),
    "models": ("tcmbench.models.revisions._STAGE", "tcmbench.encoders.runtime.cached_encoder"),
    "scores": ("tcmbench.evaluation.evaluate._REVISION",),
    "trainsets": ("tcmbench.trainsets.build.STAGE", "tcmbench.trainsets.tokens", "tcmbench.data.tcm_sd"),
}
"""What is made without a plug-in, or around plug-ins → the constant in its keys, and code that it is handed."""

_ROOMS = {"text", "data", "ranking", "trainsets", "evaluation", *MAKERS}
"""Rooms whose code decides what an artefact holds; the others name, store, plan and show it."""


class Maker(NamedTuple):
    """Something that artefacts are made with."""

    revision: str
    """Its revision in keys."""

    declared: str
    """Where the revision is raised."""

    modules: tuple[str, ...]
    """Where its code begins."""


def makers() -> dict[str, Maker]:
    """Return all plug-ins of the makers' kinds, as `<kind>/<name>`, and all stages."""
    found = {}
    for kind in MAKERS:
        for name in plugins.names(kind):
            module = plugins.load(kind, name)
            revision, declared = str(module.REVISION), f"REVISION in {module.__name__}"
            if kind == "trainers":
                revision += f", runtime {_runtime.RUNTIME_REVISION}"
                declared += f" or RUNTIME_REVISION in {_runtime.__name__}"
            found[f"{kind}/{name}"] = Maker(revision, declared, (module.__name__,))
    for name, (constant, *handed) in STAGES.items():
        module_name, _, attribute = constant.rpartition(".")
        revision = str(getattr(importlib.import_module(module_name), attribute))
        found[name] = Maker(revision, f"{attribute} in {module_name}", (module_name, *handed))
    return found


_PLUGINS = {plugins.load(kind, name).__name__: (kind, name) for kind in MAKERS for name in plugins.names(kind)}


def reach(maker: Maker) -> tuple[frozenset[str], frozenset[tuple[Kind, str]]]:
    """Return the modules that a maker's code is in, and the plug-ins with revisions of their own that it calls."""
    seen, called, waiting = set(maker.modules), set(), [*maker.modules]
    while waiting:
        for target in _called(waiting.pop()):
            if target in _PLUGINS and target not in maker.modules:
                called.add(_PLUGINS[target])
            elif target not in seen and room_of(target) in _ROOMS:
                seen.add(target)
                waiting.append(target)
    return frozenset(seen), frozenset(called)


@functools.cache
def _called(module: str) -> frozenset[str]:
    """Return what a module imports, and the files of its room that it starts as programs by their name."""
    strings = {
        node.value.removesuffix(".py")
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    started = {
        other
        for other in MODULES
        if room_of(other) == room_of(module) and other not in _PLUGINS and not strings.isdisjoint(_endings(other))
    }
    return frozenset(CALLS[module] | started)


def _endings(module: str) -> list[str]:
    """Return the names that a module may be started by: `worker`, `_runtime.worker` and so on."""
    parts = module.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def digest(module: str) -> str:
    """Return a short hash of a module's code."""
    return hashlib.sha256(bare(MODULES[module].read_text(encoding="utf-8")).encode()).hexdigest()[:12]


def bare(source: str) -> str:
    """Return Python source without docstrings, comments and empty lines.

    Its own text and no dump of its syntax tree, whose form differs between versions of Python.
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for row in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[row] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())

"""Every plug-in there is, and will be: found by its file name, documented, configured strictly, deterministic."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from tcmbench import augmentations, cures, encoders, executors, forms, miners, plugins, task_types, trainers
from tcmbench.boards import columns, figures
from tcmbench.checks import outputs
from tcmbench.data import formats
from tcmbench.errors import SpecError, UnknownName
from tcmbench.models import sources
from tcmbench.publishing import exports
from tcmbench.specs.base import Ability, ModelKind, Weights
from tcmbench.stats import statistics
from tests.kinds import MAKERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.plugins import Kind

PROTOCOLS: dict[Kind, type] = {
    "miners": miners.Miner,
    "augmentations": augmentations.Augmentation,
    "trainers": trainers.Trainer,
    "encoders": encoders.Encoder,
    "sources": sources.WeightSource,
    "task_types": task_types.TaskType,
    "statistics": statistics.Statistic,
    "columns": columns.Column,
    "figures": figures.Figure,
    "outputs": outputs.Output,
    "executors": executors.Executor,
    "cures": cures.CureMethod,
    "exports": exports.Export,
    "forms": forms.FormMethod,
}
ALL = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]
ENCODERS = plugins.names("encoders")


def protocol_of(kind: Kind, module: Any) -> type:
    """Return the protocol that a plug-in keeps; formats have two, by what they write."""
    if kind != "formats":
        return PROTOCOLS[kind]
    written = next(iter(inspect.signature(module.write).parameters))
    return formats.RowFormat if written == "rows" else formats.CollectionFormat


def parameters_of(function: Callable[..., object]) -> list[tuple[str, Any]]:
    """Return names and kinds of a function's parameters, `self` left out."""
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values() if p.name != "self"]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_plugin_keeps_its_protocol(kind: Kind, name: str) -> None:
    """A plug-in loads by its name, has every name of its protocol, and its functions take the protocol's arguments."""
    module = plugins.load(kind, name)
    protocol = protocol_of(kind, module)
    absent = [attribute for attribute in protocol.__annotations__ if not hasattr(module, attribute)]
    assert absent == []
    functions = {member: f for member, f in vars(protocol).items() if inspect.isfunction(f) and member[0] != "_"}
    assert functions
    for member, expected in functions.items():
        assert parameters_of(getattr(module, member)) == parameters_of(expected), member


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_plugin_is_documented(kind: Kind, name: str) -> None:
    """The module says why it exists, its functions what they return, its options what each of them does."""
    module = plugins.load(kind, name)
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
        if isinstance(node, ast.ClassDef) and node.name == "Options":
            after = zip(node.body, [*node.body[1:], None], strict=True)
            fields = [(ast.unparse(field), _is_text(doc)) for field, doc in after if isinstance(field, ast.AnnAssign)]
            assert [field for field, is_documented in fields if not is_documented] == []


def _is_text(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_options_are_frozen_and_strict(kind: Kind, name: str) -> None:
    """Options can't be changed, and refuse what they don't know."""
    schema = getattr(plugins.load(kind, name), "Options", plugins.PluginOptions)
    assert issubclass(schema, plugins.PluginOptions)
    assert (schema.model_config.get("frozen"), schema.model_config.get("extra")) == (True, "forbid")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in ALL if kind in MAKERS])
def test_what_makes_artefacts_has_a_revision(kind: Kind, name: str) -> None:
    """The revision is text, and the plug-ins that another uses exist."""
    module = plugins.load(kind, name)
    assert isinstance(module.REVISION, str)
    assert module.REVISION
    assert all(used in plugins.names(other) for other, used in getattr(module, "USES", ()))


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_declare_what_models_can_do(name: str) -> None:
    """Abilities and the place of weights are among those that exist; encoders with vectors have all abilities."""
    module = plugins.load("encoders", name)
    assert module.WEIGHTS in get_args(Weights)
    assert module.ABILITIES
    for kind, abilities in module.ABILITIES.items():
        assert kind in get_args(ModelKind)
        assert set(get_args(Ability)) >= abilities
        if "vectors" in abilities:
            assert abilities == encoders.EMBEDS


def test_the_same_seed_gives_the_same_in_every_process() -> None:
    """Miners, augmentations and encoders without weights give equal bytes where Python hashes text otherwise."""
    program = Path(__file__).with_name("determinism.py")
    printed = [
        subprocess.run(
            [sys.executable, str(program)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    first, second = map(json.loads, printed)
    assert first == second
    built_in = [name for name in ENCODERS if plugins.load("encoders", name).WEIGHTS == "built in"]
    expected = [f"miners/{n}" for n in plugins.names("miners")] + [f"encoders/{n}" for n in built_in]
    assert set(first) == {*expected, *(f"augmentations/{n}" for n in plugins.names("augmentations"))}


def test_unknown_name_says_what_is_close_and_known() -> None:
    """A misspelt name gets a suggestion, and all known names."""
    with pytest.raises(UnknownName, match=r"x\.toml: no task type named 'syndrome_retrival'\. Did you mean "):
        plugins.load("task_types", "syndrome_retrival", where="x.toml")


def test_unknown_option_names_the_known_ones() -> None:
    """A misspelt option gets the known ones."""
    with pytest.raises(
        SpecError,
        match=r"task x: options of syndrome_reranking: bm52.*Known options: record_fields, entry_fields, confusable",
    ):
        plugins.use("task_types", "syndrome_reranking", {"bm52": 3}, where="task x")


def test_identity_is_what_changes_the_output() -> None:
    """Name, revision, the plug-ins that are used with theirs, and the options that differ from the defaults."""
    assert plugins.use("miners", "bm25").identity() == {"name": "bm25", "revision": "1"}
    assert plugins.use("miners", "bm25", {"k1": 1.5, "b": 0.5}).identity() == {
        "name": "bm25", "revision": "1", "options": {"b": 0.5},
    }  # fmt: skip
    assert plugins.use("miners", "hybrid").identity() == {
        "name": "hybrid",
        "revision": "1",
        "uses": {"miners/random": "1", "miners/bm25": "1", "miners/embedding": "2"},
    }


def test_a_plugin_may_say_which_options_count(install: Callable[[Kind, str, str], Path]) -> None:
    """Where a server is changes no vector; a plug-in of another package may say so too."""
    install("miners", "far", IDENTITY)
    far = [plugins.use("miners", "far", {"url": url, "model": "m"}).identity() for url in ("a", "b")]
    assert far[0] == far[1] == {"name": "far", "revision": "acme-far 7", "options": {"model": "m"}}


IDENTITY = """
from tcmbench.miners import MinerOptions
from tcmbench.store import differences

REVISION = "7"

class Options(MinerOptions):
    url: str = ""
    model: str = ""

def identity(options):
    return differences(options, include={"model"})
"""


def test_a_plugin_without_a_revision_has_that_of_its_distribution(install: Callable[[Kind, str, str], Path]) -> None:
    """Name and version of the distribution, with the hash of the file: an edit under one version is no old artefact."""
    path = install("miners", "plain", '"""One."""\n')
    first = plugins.use("miners", "plain").revision
    assert first.startswith("acme-plain 3.1 ")
    path = install("miners", "plain", '"""Two."""\n')
    assert plugins.use("miners", "plain").revision != first
    assert [plugin.name for plugin in plugins.of_other_packages("miners")] == ["plain"]
    assert plugins.of_other_packages("columns") == []
    path.unlink()


def test_another_package_changes_nothing_of_ours(install: Callable[[Kind, str, str], Path]) -> None:
    """A plug-in by the name of one of ours isn't loaded."""
    install("miners", "bm25", "raise RuntimeError\n")
    assert plugins.use("miners", "bm25").revision == "1"
    assert plugins.of_other_packages("miners") == []

"""Every artefact is keyed by the revision and the options of every plug-in that it is made with, and by no default."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin

import pytest
from pydantic import ValidationError, create_model

from tcmbench import plugins, tasks
from tcmbench.boards import publish
from tcmbench.evaluation.evaluate import score_key
from tcmbench.models import base_model, weights
from tcmbench.models.revisions import revision
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.specs.base import Base
from tcmbench.specs.cure import Cure
from tcmbench.specs.form import Form
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.suite import Suite
from tcmbench.specs.task import TaskSpec
from tcmbench.specs.variant import Training, Variant
from tcmbench.store import Store, key
from tcmbench.trainsets import build, tokens
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import Treatment
from tcmbench.tuning import leaks, tune
from tcmbench.tuning.context import build_context
from tcmbench.tuning.recipe import resolve
from tests.kinds import MAKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tcmbench.plugins import Kind, PluginOptions
    from tcmbench.workspace import Workspace

ALL = [(kind, name) for kind in MAKERS for name in plugins.names(kind)]
TOUCHED: dict[Kind, set[str]] = {
    "miners": {"trainset", "tuned", "cured"},
    "augmentations": {"trainset", "tuned", "cured"},
    "trainers": {"tuned", "cured"},
    "cures": {"cured"},
    "forms": {"form"},
    "encoders": {"model", "score"},
    "task_types": {"task", "score", "leaks"},
}
"""Kind → artefacts of `keys` that are made with such a plug-in; a score of a tuned model follows its weights."""

TASKS = {
    "syndrome_retrieval": "TinyRetrieval",
    "syndrome_reranking": "TinyReranking",
    "syndrome_two_stage": "TinyTwoStage",
    "syndrome_classification": "TinyProbe",
    "retrieval": "TinyQA",
    "pairs_retrieval": "TinyTable",
    "two_stage": "TinyQATwoStage",
    "sts": "TinySTS",
    "pair_classification": "TinyPairs",
    "classification": "TinyHeadlines",
    "clustering": "TinyClusters",
}
BASES: dict[str, dict[str, Any]] = {
    "endpoint": {"kind": "embedding"},
    "sentence_transformers": {"kind": "embedding", "path": "mini-zh-static"},
    "vllm": {"kind": "embedding", "path": "mini-zh-static"},
    "onnx": {"kind": "embedding", "path": "mini-zh-static"},
    "openvino": {"kind": "embedding", "path": "mini-zh-static"},
    "fusion": {"kind": "embedding", "path": "mini-zh-static"},
    "moved_documents": {"kind": "embedding", "path": "mini-zh-static"},
    "query_adapter": {"kind": "embedding", "path": "mini-zh-static"},
    "stored_vectors": {"kind": "embedding", "path": "mini-zh-static"},
    "product_codes": {"kind": "embedding", "path": "mini-zh-static"},
    "cross_encoder": {"kind": "reranker", "path": "mini-zh-reranker"},
}
"""Encoder → fields of a base that it runs; a baseline where there are none."""

REQUIRED = {
    "endpoint": {"url": "http://localhost", "model": "m", "revision": "1"},
    "given": {"top_up": "embedding"},
}
"""Plug-in → options without a default, or without which others have no effect."""

FORM_OF_BASE: dict[tuple[Kind, str], set[str]] = {("encoders", "sentence_transformers"): {"form"}}
"""Plug-in that runs the base that a form is made of → what is made anew with it."""

VALUES = (
    False, True, 1, 2, 3, 0.5, "hashed-chars", "http://other", "zero1", ("definition",), ("name", "definition"),
    ("history",), (16,), (("definition",),), {"a": "b"}, {"text": "other"}, {"sentence1": "other"}, {"query": "other"},
    {}, {"batch_tokens": 512}, "vllm", "bm25", 5,
)  # fmt: skip
"""What options are set to, each to the first value that it takes and that isn't its default."""


_load_once = functools.cache(tokens._load)


@pytest.fixture(autouse=True)
def one_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key asks for the tokenizer's revision, and reading it takes longer than all else."""
    monkeypatch.setattr(tokens, "_load", _load_once)


class Made(NamedTuple):
    """What artefacts are made from."""

    variant: Variant
    base: Base
    task: TaskSpec
    cure: Cure
    form: Form


def made_with(place: Workspace, kind: Kind, name: str, options: dict[str, Any]) -> Made:
    """Return a variant, a base, a task, a cure and a form, one of which uses the plug-in."""
    given: dict[Kind, dict[str, Any]] = {kind: {"name": name, "options": options}}
    trainer = given.get("trainers", {"name": "sentence_transformers", "options": {}})
    miner = given.get("miners", {"name": "bm25", "options": {}})
    encoder = given.get("encoders", {"name": "hashed_chars", "options": {}})
    task = given.get("task_types", {"name": "sts", "options": {}})
    variant = Variant(
        name="v",
        base="mini-zh-static",
        data="tcm-synth",
        negatives={"miner": miner["name"], "options": miner["options"]},  # type: ignore[arg-type]
        augmentation=given.get("augmentations"),  # type: ignore[arg-type]
        trainer=trainer["name"],
        training=Training(max_length=64, options=trainer["options"]),
    )
    fields = {"kind": "baseline", "options": encoder["options"], **BASES.get(encoder["name"], {})}
    base = Base.model_validate({"name": "b", "encoder": encoder["name"], **fields})
    spec = place.spec(TaskSpec, TASKS[task["name"]])
    cure = given.get("cures", {"name": "merge", "options": {}})
    form = given.get("forms", {"name": "vectors", "options": {}})
    return Made(
        variant,
        base,
        spec.model_copy(update={"options": {**spec.options, **task["options"]}}),
        Cure(name="c", of=("v",), cure=cure["name"], options=cure["options"]),
        Form(name="f", of="b", form=form["name"], options=form["options"]),
    )


def keys(place: Workspace, made: Made) -> dict[str, str]:
    """Return the key of every artefact."""
    recipe = resolve(place, made.variant)
    context = build_context(place, recipe)
    inputs = build.recipe(
        made.variant, recipe.base, recipe.first.data.sha256, seed=0, context=context, drop=frozenset()
    )
    task = tasks._local(place, made.task)
    model = revision(made.base, weights.source(place, made.base) if made.base.has_weights else None)
    suite = Suite.model_validate({"name": "one", "tasks": [{"task": task.name, "role": "general"}]})
    method = plugins.use("cures", made.cure.cure, made.cure.options)
    treatment = Treatment(made.cure, method, base_model(place, recipe.base.name), recipe.base, (recipe,), (0,))
    form = plugins.use("forms", made.form.form, made.form.options)
    shipped = Treatment(
        made.form, form, base_model(place, recipe.base.name), recipe.base, (base_model(place, "mini-zh-static"),), (0,)
    )
    return {
        "trainset": key(build.STAGE, inputs),
        "tuned": tune.model_key(place, recipe, seed=0),
        "cured": treat.model_key(place, treatment, seed=0),
        "form": treat.model_key(place, shipped, seed=0),
        "model": model,
        "task": task.revision,
        "score": score_key(model, task, split="test", subset="default"),
        "leaks": leaks._key(recipe.first.data, PlannedSuite(suite, {task.name: task})),
    }


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Return the names of the keys that differ."""
    return {name for name in before if before[name] != after[name]}


def schema_of(kind: Kind, name: str) -> type[PluginOptions]:
    """Return the options of a plug-in."""
    schema: type[PluginOptions] = getattr(plugins.load(kind, name), "Options", plugins.PluginOptions)
    return schema


def others(kind: Kind, name: str) -> Iterator[dict[str, Any]]:
    """Yield each option with a value that is valid and not the usual one."""
    schema, required = schema_of(kind, name), REQUIRED.get(name, {})
    usual = schema.model_validate(required)
    for field, info in schema.model_fields.items():
        literals = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
        for value in (*literals, *VALUES):
            try:
                options = schema.model_validate({**required, field: value})
            except ValidationError:
                continue
            if options != usual:
                yield {field: value}
                break


def counts(kind: Kind, name: str, option: dict[str, Any]) -> bool:
    """Return whether a plug-in says that an option changes what is made with it."""
    required = REQUIRED.get(name, {})
    usual, other = (plugins.use(kind, name, options).identity() for options in (required, {**required, **option}))
    return usual != other


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_another_revision_of_a_plugin_is_another_key(
    kind: Kind, name: str, tiny: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of everything that is made with it, and of nothing else."""
    made = made_with(tiny, kind, name, REQUIRED.get(name, {}))
    before = keys(tiny, made)
    assert changed(before, keys(tiny, made)) == set()
    monkeypatch.setattr(plugins.load(kind, name), "REVISION", "another")
    assert changed(before, keys(tiny, made)) == TOUCHED[kind] | FORM_OF_BASE.get((kind, name), set())


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_another_option_of_a_plugin_is_another_key(kind: Kind, name: str, tiny: Workspace) -> None:
    """Each option is in the keys, unless the plug-in says that it changes nothing that is made."""
    required = REQUIRED.get(name, {})
    usual = keys(tiny, made_with(tiny, kind, name, required))
    for option in others(kind, name):
        touched = changed(usual, keys(tiny, made_with(tiny, kind, name, {**required, **option})))
        # how many devices share a step decides which examples stand together in the training set
        extra = {"trainset"} if option.keys() == {"devices"} else set()
        assert touched == (TOUCHED[kind] | extra if counts(kind, name, option) else set()), option


def test_hardly_an_option_is_left_out() -> None:
    """Values are found for all options but those that only change together."""
    tried = {f"{kind}/{name}.{field}" for kind, name in ALL for option in others(kind, name) for field in option}
    every = {f"{kind}/{name}.{field}" for kind, name in ALL for field in schema_of(kind, name).model_fields}
    together = {f"miners/hybrid.{field}" for field in ("count", "random", "bm25", "embedding")}
    assert every - tried == together | {
        "encoders/vllm.adapter"
    }  # whose folder has to exist: tests/encoders/test_vllm.py


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_new_option_with_a_default_changes_no_key(
    kind: Kind, name: str, tiny: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made before the option came stays valid; where the option is set, it counts."""
    required = REQUIRED.get(name, {})
    before = keys(tiny, made_with(tiny, kind, name, required))
    later = create_model("Options", __base__=schema_of(kind, name), later=(int, 0))
    monkeypatch.setattr(plugins.load(kind, name), "Options", later, raising=False)
    assert changed(before, keys(tiny, made_with(tiny, kind, name, required))) == set()
    if counts(kind, name, {"later": 1}):
        assert changed(before, keys(tiny, made_with(tiny, kind, name, {**required, "later": 1}))) == TOUCHED[kind]


def test_a_new_field_of_a_spec_changes_no_key(tiny: Workspace) -> None:
    """Bases, tasks, variants and their training may grow; a field that is set counts."""
    made = made_with(tiny, "miners", "bm25", {})
    before = keys(tiny, made)
    training = create_model("LaterTraining", __base__=Training, later=(int, 0))
    base = create_model("LaterBase", __base__=Base, later=(int, 0))
    spec = create_model("LaterSpec", __base__=TaskSpec, later=(int, 0))
    variant = create_model("LaterVariant", __base__=Variant, training=(training, training()))
    grown = [base, spec, variant]

    def made_later(**fields: int) -> Made:
        settings = {**made.variant.training.model_dump(exclude_defaults=True), **fields}
        recipe = {**made.variant.model_dump(exclude_defaults=True), "training": settings}
        others = [{**old.model_dump(exclude_defaults=True), **fields} for old in (made.base, made.task)]
        of_base, of_task, of_variant = (
            schema.model_validate(values) for schema, values in zip(grown, [*others, recipe], strict=True)
        )
        return Made(of_variant, of_base, of_task, made.cure, made.form)  # type: ignore[arg-type]

    assert changed(before, keys(tiny, made_later())) == set()
    assert changed(before, keys(tiny, made_later(later=1))) == {"tuned", "cured", "model", "task", "score", "leaks"}


@pytest.mark.parametrize(
    ("used", "user", "touched"),
    [
        (("miners", "bm25"), ("miners", "hybrid"), TOUCHED["miners"]),
        (("miners", "random"), ("miners", "hybrid"), TOUCHED["miners"]),
        (("miners", "random"), ("miners", "given"), TOUCHED["miners"]),
        (("miners", "embedding"), ("miners", "hybrid"), TOUCHED["miners"]),
        (("encoders", "sentence_transformers"), ("miners", "embedding"), TOUCHED["miners"]),
        (("encoders", "bm25"), ("encoders", "fusion"), TOUCHED["encoders"]),
        (("encoders", "bm25"), ("cures", "fusion"), TOUCHED["cures"]),
        (("encoders", "sentence_transformers"), ("encoders", "fusion"), TOUCHED["encoders"]),
        (("encoders", "sentence_transformers"), ("encoders", "vllm"), TOUCHED["encoders"]),
        (("encoders", "cross_encoder"), ("encoders", "vllm"), TOUCHED["encoders"]),
        (("encoders", "sentence_transformers"), ("encoders", "moved_documents"), TOUCHED["encoders"]),
        (("encoders", "bm25"), ("task_types", "syndrome_reranking"), TOUCHED["task_types"]),
        (("encoders", "bm25"), ("task_types", "syndrome_two_stage"), TOUCHED["task_types"]),
        (("encoders", "bm25"), ("task_types", "two_stage"), TOUCHED["task_types"]),
        (("task_types", "retrieval"), ("task_types", "two_stage"), TOUCHED["task_types"]),
    ],
)
def test_plugins_that_another_uses_are_in_its_keys(
    used: tuple[Kind, str], user: tuple[Kind, str], touched: set[str], tiny: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A miner's miners, the encoder of the model that mines, the first stage of a task: all as if they were its own."""
    made = made_with(tiny, *user, {})
    before = keys(tiny, made)
    monkeypatch.setattr(plugins.load(*used), "REVISION", "another")
    assert changed(before, keys(tiny, made)) == touched | FORM_OF_BASE.get(used, set())


def test_columns_of_other_packages_are_in_the_boards_key(
    tiny: Workspace, install: Callable[[Kind, str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board is written anew when a column is added, edited or removed."""
    monkeypatch.setattr(Store, "has", lambda *_: True)
    model_set = ModelSet(name="set", suite="tiny", reference="bm25", models=("bm25",))
    planned = PlannedSuite(tiny.spec(Suite, "tiny"), {})

    def board() -> Path:
        return publish.stored_board(tiny, model_set, planned, [])

    plain = board()
    assert board() == plain
    install("columns", "more", '"""One."""\n')
    added = board()
    install("columns", "more", '"""Two."""\n')
    assert len({plain, added, board()}) == 3

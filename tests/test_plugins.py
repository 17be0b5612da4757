"""Every plug-in there is, and will be: found by its file name, documented, configured strictly."""

from __future__ import annotations

import inspect

import pytest

from tcmbench import plugins
from tcmbench.errors import SpecError, UnknownName

OFFERED = {
    "miners": ("mine",),
    "trainers": ("train", "plan", "check", "LOSSES", "Options", "REVISION"),
    "encoders": ("load", "REVISION"),
    "outputs": ("render", "FILE"),
    "columns": ("figure", "HEADING"),
    "figures": ("draw", "CAPTION"),
    "statistics": ("value", "draws", "VALUES", "GOLD", "STEP", "HAS_ITEM_SCORES"),
    "task_types": ("files", "task_class", "REVISION", "METRIC", "STATISTIC", "SCORES", "LAYOUT"),
}
ALL = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_plugin_keeps_the_contract(kind: plugins.Kind, name: str) -> None:
    """A plug-in loads by its name, says why it exists, and offers what its kind asks for."""
    module = plugins.load(kind, name)
    assert (module.__doc__ or "").strip()
    for offered in OFFERED.get(kind, ()):
        assert hasattr(module, offered), f"{kind}/{name} lacks {offered}"
        member = getattr(module, offered)
        if inspect.isfunction(member):
            assert (member.__doc__ or "").strip(), f"{kind}/{name}.{offered} has no docstring"


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_options_are_frozen_documented_and_strict(kind: plugins.Kind, name: str) -> None:
    """Options refuse what they don't know."""
    schema = getattr(plugins.load(kind, name), "Options", None)
    if schema is None:
        return
    assert issubclass(schema, plugins.PluginOptions)
    assert schema.model_config.get("frozen")
    assert schema.model_config.get("extra") == "forbid"


def test_unknown_name_says_what_is_close_and_known() -> None:
    """A misspelt name answers with the close one and all the known ones."""
    with pytest.raises(UnknownName, match=r"x\.toml: no task type named 'syndrome_retrival'\. Did you mean "):
        plugins.load("task_types", "syndrome_retrival", where="x.toml")


def test_unknown_option_names_the_known_ones() -> None:
    """A misspelt option answers with the known ones."""
    with pytest.raises(SpecError, match=r"task x: options of syndrome_reranking: bm52.*Known options: confusable"):
        plugins.use("task_types", "syndrome_reranking", {"bm52": 3}, where="task x")

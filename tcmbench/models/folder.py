"""Settings of a model in its folder, in the files of sentence-transformers and transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKS = ("config.json", "modules.json", "adapter_config.json")
"""Files of which a folder with a model has one."""

_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
_POOLING_NAMES = {"lasttoken": "last"}
_OFFSET_OF_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert"})
"""Families whose positions start after the padding index."""

ROUTING = ("Router", "Asym")
"""Ends of the types of modules that encode queries and documents by different weights."""

NO_ROUTES = (
    "Such a model encodes a text in two ways, as a query and as a document, and tcmbench has one vector per text. Save "
    "each route as a separate model."
)

_NO_LIMIT = 10**9
"""Tokenizers without a limit state a number above this."""

_KINDS = {"CrossEncoder": "reranker", "SentenceTransformer": "embedding", "SparseEncoder": "embedding"}
SYMMETRIC = "symmetric"
"""Name of the prompt of tasks without queries in config_sentence_transformers.json; it is tcmbench's own."""

_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""Names that sentence-transformers tries, in this order, when it encodes documents."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One setting in a folder."""

    value: object
    """Its value."""

    source: Path
    """Its file."""


def at(named: str | Path) -> Path | None:
    """Return the folder that a user, or the file of a model, names; None where there is none that can be looked at."""
    try:
        path = Path(named).expanduser()
        return path.resolve() if path.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, the home of nobody, a NUL
        return None


def is_file(named: str) -> bool:
    """Return whether what a user names as a model is a file."""
    try:
        return Path(named).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # as above
        return False


def is_model(model_dir: Path) -> bool:
    """Return whether a folder holds a model, or an adapter."""
    return any((model_dir / name).is_file() for name in MARKS)


def require_model(model_dir: Path) -> None:
    """Check that a folder holds a model, or an adapter.

    Raises:
        ModelAbsent: It doesn't.
    """
    if not is_model(model_dir):
        raise ModelAbsent(
            f"{model_dir}: expected the folder of a model, with one of {', '.join(MARKS)}; it has none. Correct the "
            "path."
        )


def facts(model_dir: Path) -> dict[str, Statement]:
    """Return field of a `Base` → setting in the folder; fields without a setting are left out.

    Raises:
        ModelAbsent: A configuration isn't JSON, or not in the format of its library.
    """
    modules = module_types(model_dir)
    kind, settings = _kind(model_dir, modules), model_dir / "config_sentence_transformers.json"
    is_reranker = kind is not None and kind.value == "reranker"
    said = {
        "kind": kind,
        "architecture": _architecture(model_dir, modules),
        "padding_side": _value(model_dir / "tokenizer_config.json", "padding_side"),
        **_vectors(model_dir, modules),
        **({"instruction": instruction(model_dir)} if is_reranker else _prompts(settings)),
        "max_length": _max_length(model_dir, modules),
    }
    return {field: fact for field, fact in said.items() if fact is not None}


def instruction(model_dir: Path) -> Statement | None:
    """Return the instruction of a reranker: sentence-transformers applies the default prompt to every pair."""
    path = model_dir / "config_sentence_transformers.json"
    settings = json_object(path)
    prompts = settings.get("prompts")
    default = prompts.get(str(settings.get("default_prompt_name"))) if isinstance(prompts, dict) else None
    return Statement(str(default), path) if default else None


def similarity(model_dir: Path) -> Statement | None:
    """Return the similarity function in the folder; None where there is none."""
    return _value(model_dir / "config_sentence_transformers.json", "similarity_fn_name")


def positions(model_dir: Path) -> Statement | None:
    """Return the number of positions of the network; None for networks without a limit."""
    path = model_dir / "config.json"
    config = json_object(path)
    count = config.get("max_position_embeddings")
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    if str(config.get("model_type")) in _OFFSET_OF_POSITIONS:
        padding = config.get("pad_token_id")
        count -= 1 + (padding if isinstance(padding, int) else 1)
    return Statement(count, path)


def default_length(model_dir: Path) -> int | None:
    """Return the longest input that sentence-transformers reads where no file of its own states one.

    It is the tokenizer's, which is where sentence-transformers 6 writes it, and at most the number of positions. None
    where neither is known, and for a table of token vectors, which reads all of a text.
    """
    modules = module_types(model_dir)
    if _architecture(model_dir, modules) is not None:
        return None
    stated = _value(_transformer(model_dir, modules) / "tokenizer_config.json", "model_max_length")
    places = positions(model_dir)
    limits = [said.value for said in (stated, places) if said is not None]
    return min((limit for limit in limits if isinstance(limit, int) and 0 < limit < _NO_LIMIT), default=None)


def _kind(model_dir: Path, modules: list[tuple[str, str]]) -> Statement | None:
    declared = _value(model_dir / "config_sentence_transformers.json", "model_type")
    if declared is not None and str(declared.value) in _KINDS:
        return Statement(_KINDS[str(declared.value)], declared.source)
    if any(kind.endswith(("Pooling", "StaticEmbedding")) for _, kind in modules):
        return Statement("embedding", model_dir / "modules.json")
    path = model_dir / "config.json"
    listed = json_object(path).get("architectures")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    if any(name.endswith("ForSequenceClassification") for name in names):
        return Statement("reranker", path)
    return None


def _architecture(model_dir: Path, modules: list[tuple[str, str]]) -> Statement | None:
    if any(kind.endswith("StaticEmbedding") for _, kind in modules):
        return Statement("static", model_dir / "modules.json")
    return None


def _vectors(model_dir: Path, modules: list[tuple[str, str]]) -> dict[str, Statement]:
    """Return pooling and normalisation of an embedding model with a transformer."""
    settings: dict[str, Statement] = {}
    for path in (path for path, kind in modules if kind.endswith("Pooling")):
        source = (at(model_dir / path) or model_dir) / "config.json"
        config = json_object(source)
        mode = str(config.get("pooling_mode") or "") or "+".join(n for k, n in _POOLING.items() if config.get(k))
        if mode:
            settings["pooling"] = Statement(_POOLING_NAMES.get(mode, mode), source)
    if any(kind.endswith(("Pooling", "StaticEmbedding")) for _, kind in modules):
        normalises = any(kind.endswith("Normalize") for _, kind in modules)
        settings["normalize"] = Statement(normalises, model_dir / "modules.json")
    return settings


def pools_prompts(model_dir: Path) -> Statement | None:
    """Return whether the vector of a text is pooled over the tokens of its prompt too; None where no file says it."""
    for path in (path for path, kind in module_types(model_dir) if kind.endswith("Pooling")):
        source = (at(model_dir / path) or model_dir) / "config.json"
        said = json_object(source).get("include_prompt")
        if isinstance(said, bool):
            return Statement(said, source)
    return None


def _prompts(path: Path) -> dict[str, Statement]:
    """Return the prompts of queries and documents that sentence-transformers selects, and the symmetric one.

    Empty ones are left out: sentence-transformers writes them for every model that was trained without.
    """
    settings = json_object(path)
    prompts = settings.get("prompts")
    named = prompts if isinstance(prompts, dict) else {}
    query, document = prompts_of(named, str(settings.get("default_prompt_name")))
    prompts = {"query_prompt": query, "document_prompt": document}
    said = {field: Statement(text, path) for field, text in prompts.items() if text}
    symmetric = symmetric_prompt_of(named)
    return said if symmetric is None else {**said, "symmetric_prompt": Statement(symmetric, path)}


def prompts_of(prompts: Mapping[str, object], default_name: str) -> tuple[str, str]:
    """Return the prompts of queries and of documents, as sentence-transformers selects them by name; "" for none."""
    named = {str(name): str(text) for name, text in prompts.items() if text}
    default = named.get(default_name, "")
    return named.get("query", default), next((named[name] for name in _DOCUMENT_PROMPTS if name in named), default)


def symmetric_prompt_of(prompts: Mapping[str, object]) -> str | None:
    """Return the prompt of tasks without queries, which tcmbench writes beside the others; None where there is none."""
    return str(prompts[SYMMETRIC]) if SYMMETRIC in prompts else None


def _max_length(model_dir: Path, modules: list[tuple[str, str]]) -> Statement | None:
    said = _value(_transformer(model_dir, modules) / "sentence_bert_config.json", "max_seq_length")
    return said if said is not None and isinstance(said.value, int) and not isinstance(said.value, bool) else None


def _transformer(model_dir: Path, modules: list[tuple[str, str]]) -> Path:
    """Return the folder of the network."""
    folder = next((path for path, kind in modules if kind.endswith("Transformer")), "")
    return at(model_dir / folder) or model_dir


def module_types(model_dir: Path) -> list[tuple[str, str]]:
    """Return path and type of each module; empty without a modules.json.

    Raises:
        ModelAbsent: It isn't a list of modules, or one lies outside the folder, where nothing may be read or written.
    """
    path = model_dir / "modules.json"
    listed = _json(path) if path.is_file() else []
    if not isinstance(listed, list) or not all(isinstance(module, dict) for module in listed):
        raise ModelAbsent(
            f"{path}: expected a list of modules in the format of sentence-transformers. Copy the file again."
        )
    named = [(str(module.get("path", "")), str(module.get("type", ""))) for module in listed]
    outside = [place for place, _ in named if Path(place).is_absolute() or ".." in Path(place).parts]
    if outside:
        raise ModelAbsent(f"{path}: expected modules within the folder, got path {outside[0]!r}. Correct the file.")
    return named


def _value(path: Path, name: str) -> Statement | None:
    value = json_object(path).get(name)
    return None if value is None else Statement(value, path)


def json_object(path: Path) -> Mapping[str, object]:
    """Return the object in a JSON file; empty where the file doesn't exist.

    Raises:
        ModelAbsent: It isn't JSON, or not an object.
    """
    content = _json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise ModelAbsent(f"{path}: expected a JSON object. Copy the file again.")
    return content


def _json(path: Path) -> object:
    try:
        content: object = strict_json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelAbsent(f"{path}: expected JSON, but: {error}. Copy the file again.") from error
    return content

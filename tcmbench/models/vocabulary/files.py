"""The folder of a model with a part of its vocabulary: rows of its tables, ids in its configurations, tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from tcmbench.errors import SpecError
from tcmbench.models import model_files
from tcmbench.models.folder import json_object
from tcmbench.store import atomic_write, write_json, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizers import Tokenizer

    from tcmbench.models.vocabulary.tokenizer_json import Division
    from tcmbench.records.model import Model
    from tcmbench.store import Json

_TOKENIZER = "tokenizer.json"
_SETTINGS = "tokenizer_config.json"
_OTHER_TOKENIZERS = frozenset(
    {"vocab.txt", "vocab.json", "merges.txt", "added_tokens.json", "spiece.model", "sentencepiece.bpe.model",
     "tokenizer.model"}
)  # fmt: skip
"""Further forms of the whole tokenizer, which a loader could prefer."""

_OF_A_CLASS = ("added_tokens_decoder", "auto_map", "backend", "vocab_file", "merges_file", "tokenizer_file")
"""Settings that only the class of the whole tokenizer reads."""


def require_folder(model: Model) -> Path:
    """Return the folder of a model that has a tokenizer.json.

    Raises:
        SpecError: It has no weights, or another form of tokenizer.
    """
    if model.model_dir is None:
        raise SpecError(f"base {model.name}: it has no weights, so its vocabulary can't be divided.")
    if len(list(_tokenizers(model.model_dir))) != 1:
        raise SpecError(
            f"base {model.name}: {model.model_dir} has no {_TOKENIZER}, or several, so its vocabulary can't be "
            "divided. Save its tokenizer: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    return model.model_dir


def backend(folder: Path) -> Tokenizer:
    """Return the tokenizer that evaluation uses, without truncation and padding."""
    from tokenizers import Tokenizer

    if (folder / "config.json").is_file():
        from transformers import AutoTokenizer

        # Some classes build their tokenizer from the pieces, with rules of their own.
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
        made = Tokenizer.from_str(loaded.to_str())
    else:
        made = Tokenizer.from_file(str(folder / next(_tokenizers(folder))))
    made.no_truncation()
    made.no_padding()
    return made


def ids_in_configurations(folder: Path) -> set[int]:
    """Return the ids of pieces that the configurations name: padding, ends, the answers of a reranker."""
    names = [name for name in model_files.relevant(folder) if _is_configuration(name)]
    return {place for name in names for place in _ids(json_object(folder / name))}


def write(folder: Path, target: Path, division: Division) -> None:
    """Write the folder with the part of the vocabulary.

    Raises:
        SpecError: The table of token vectors can't be told from other weights.
    """
    home = PurePosixPath(next(_tokenizers(folder))).parent
    rows = _rows(folder, division)
    for name, path in model_files.relevant(folder).items():
        place, copy = PurePosixPath(name), target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if place.name in _OTHER_TOKENIZERS:
            continue
        if place.name == _TOKENIZER:
            write_text(copy, division.tokenizer.to_str())
        elif place.name == _SETTINGS:
            write_json(copy, _settings(path))
        elif place.suffix == ".safetensors" and place.parent == home:
            _write_rows(path, copy, division, rows=rows)
        elif _is_configuration(name):
            write_json(copy, _renumbered(json_object(path), division))
        else:
            shutil.copyfile(path, copy)
    _require_table(target, home, len(division.kept), folder)


def _tokenizers(folder: Path) -> Iterator[str]:
    return (name for name in model_files.relevant(folder) if PurePosixPath(name).name == _TOKENIZER)


def _is_configuration(name: str) -> bool:
    return PurePosixPath(name).name in {"config.json", "generation_config.json"}


def _rows(folder: Path, division: Division) -> int:
    """Return the rows of the table of token vectors, which may have more than there are pieces.

    Raises:
        SpecError: Another size of the network is the same number.
    """
    config = json_object(folder / "config.json")
    inner = config.get("text_config")
    sizes = {**config, **(inner if isinstance(inner, dict) else {})}
    rows = sizes.get("vocab_size", division.total)
    same = [name for name, value in sizes.items() if name != "vocab_size" and name.endswith("_size") and value == rows]
    if not isinstance(rows, int) or same:
        raise SpecError(
            f"{folder / 'config.json'}: its vocabulary can't be divided: vocab_size is {rows}, as is {same}."
        )
    return rows


def _settings(path: Path) -> dict[str, Json]:
    said = cast(
        "dict[str, Json]", {name: value for name, value in json_object(path).items() if name not in _OF_A_CLASS}
    )
    return {**said, "tokenizer_class": "PreTrainedTokenizerFast"}


def _write_rows(path: Path, copy: Path, division: Division, *, rows: int) -> None:
    """Write a file of weights with the rows of the pieces that are kept; other weights are unchanged."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    kept = torch.tensor(division.kept)
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        metadata = file.metadata()
    smaller = {
        name: weight.index_select(0, kept) if weight.ndim and weight.shape[0] == rows else weight
        for name, weight in weights.items()
    }
    with atomic_write(copy) as part:
        save_file(smaller, part, metadata=metadata)


def _require_table(target: Path, home: PurePosixPath, count: int, folder: Path) -> None:
    """Check that some file of weights has a table of token vectors with the new number of rows.

    Raises:
        SpecError: None has.
    """
    from safetensors import safe_open

    for path in sorted((target / home).glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            if any(file.get_slice(name).get_shape()[:1] == [count] for name in file.keys()):  # noqa: SIM118
                return
    raise SpecError(
        f"{folder}: its vocabulary can't be divided: no weights have as many rows as its vocab_size, so there is no "
        "table of token vectors."
    )


def _ids(value: object) -> Iterator[int]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        if _names_pieces(name):
            yield from (place for place in (inner if isinstance(inner, list) else [inner]) if _is_id(place))
        else:
            yield from _ids(inner)


def _renumbered(value: Any, division: Division) -> Any:
    """Return a configuration with the new ids and number of pieces."""
    if not isinstance(value, dict):
        return value
    places = division.places
    result: dict[str, Any] = {}
    for name, inner in value.items():
        if name == "vocab_size":
            result[name] = len(division.kept)
        elif _names_pieces(name):
            if isinstance(inner, list):
                result[name] = [places[place] if _is_id(place) else place for place in inner]
            else:
                result[name] = places[inner] if _is_id(inner) else inner
        else:
            result[name] = _renumbered(inner, division)
    return result


def _names_pieces(name: str) -> bool:
    return name.endswith(("token_id", "token_ids"))


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

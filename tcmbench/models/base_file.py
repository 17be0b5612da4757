"""The file of a base, generated from the folder of its weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent
from tcmbench.models import completion, folder, given, swift_output

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

_ORDER = (
    "kind", "path", "tuned_from", "architecture", "pooling", "normalize", "max_length", "query_prompt",
    "document_prompt", "symmetric_prompt", "instruction", "padding_side",
)  # fmt: skip
_ASKED = {
    "kind": "embedding or reranker: not stated in any file of the folder",
    "pooling": "last, cls or mean: not stated in any file of the folder",
    "tuned_from": "the base that it was tuned from, by its name in tcmbench",
}


def text(workspace: Workspace, model_dir: Path) -> str:
    """Return a base's file: the settings in the folder, and a line to fill in for each missing one.

    Args:
        workspace: Workspace with the base of an adapter or checkpoint.
        model_dir: Folder of the model.

    Raises:
        ModelAbsent: There is no model, or a configuration isn't JSON.
    """
    whole = folder.at(model_dir)
    if whole is None:
        raise ModelAbsent(f"{model_dir}: expected the folder of a model, but there is none. Correct the path.")
    checkpoint = swift_output.checkpoint(whole)
    folder.require_model(checkpoint)
    unfinished = completion.unfinished(checkpoint)
    said: dict[str, object] = {"path": str(checkpoint)}
    said |= {field: statement.value for field, statement in folder.facts(checkpoint).items()}
    kind = swift_output.kind(swift_output.arguments(checkpoint))
    if kind is not None:
        said.setdefault("kind", kind)
    if said.get("kind") == "reranker":
        said = {field: value for field, value in said.items() if not field.endswith("_prompt")}
    if unfinished is not None:
        origin = given.known_origin(workspace, unfinished)
        said |= {"tuned_from": origin.name, "kind": origin.kind} if origin else {}
        open_fields = [name for name in ("tuned_from", "kind") if name not in said]
    else:
        is_transformer = said.get("kind") != "reranker" and "architecture" not in said
        open_fields = [name for name in ("kind", *(["pooling"] if is_transformer else [])) if name not in said]
    lines = [f"# Generated from {checkpoint}."]
    for name in _ORDER:
        if name in open_fields:
            lines.append(f'# {name} = "…"  # {_ASKED[name]}')
        elif name in said:
            lines.append(f"{name} = {json.dumps(said[name], ensure_ascii=False)}")
    return "\n".join([*lines, 'description = "Description for the leaderboard."', ""])

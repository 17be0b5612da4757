"""A small TCM-SD folder, and a chat model that writes queries of the signs in what it is shown."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tcmbench.generation.chat import Chat, ChatModel, Connection
from tests.task_types.folders import write_lines

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.store import Store
    from tests.model_server import Model

SIGNS = {
    "甲虚证": "倦怠乏力，气短懒言，自汗",
    "乙实证": "胁肋胀痛，口苦咽干，目赤",
    "丙寒证": "脘腹冷痛，喜温喜按，便溏",
    "丁热证": "高热口渴，面红目赤，尿黄",
    "戊湿证": "头重如裹，胸闷纳呆，苔腻",
    "己燥证": "干咳少痰，鼻燥唇裂，皮肤干",
}
"""Syndrome → its signs; no two share one, but for 目赤."""

_SHOWN = re.compile(r"典型表现：([^\n]+)|主诉：([^\n]+)")


def write_folder(root: Path) -> Path:
    """Write the folder: an entry and two training records per syndrome, two test records, a label map."""
    write_lines(
        root / "syndrome_knowledge.jsonl",
        [
            {"Name": name, "Definition": f"第{n}种", "Typical_performance": s}
            for n, (name, s) in enumerate(SIGNS.items())
        ],
    )
    for split, repeats in (("train", 2), ("test", 1)):
        rows = [
            {
                "example_id": f"{split}-{name}-{n}", "user_id": f"p-{name}", "norm_syndrome": name,
                "chief_complaint": f"{signs}{n}天", "description": f"病人{split}{n}",
            }
            for name, signs in SIGNS.items()
            for n in range(1, repeats + 1)
        ]  # fmt: skip
        write_lines(root / f"{split}.jsonl", rows)
    (root / "label_map.txt").write_text("甲气虚,甲虚证,MERGE\n甲气不足证,甲虚证,MERGE\n", encoding="utf-8")
    return root


def sign_of(prompt: str) -> str:
    """Return the signs of the text in a prompt."""
    match = _SHOWN.search(prompt.rpartition("资料：")[2] or prompt)
    return next((part for part in match.groups() if part), "") if match else ""


def asks(prompt: str) -> str:
    """Answer with one JSON line per query, each of another sign."""
    signs = sign_of(prompt).split("，")
    return "\n".join(json.dumps({"query": f"总是{sign}怎么回事"}, ensure_ascii=False) for sign in signs)


def chat(server: Model | None, store: Store, **given: Any) -> Chat:
    """Return a chat with a server; None where the address is given."""
    connection = {"url": server.url if server else "", "pause": 0.0, "patience": 2.0, "parallel": 2}
    sampling = {name: given.pop(name) for name in ("temperature", "seed", "max_tokens") if name in given}
    model = ChatModel(name=given.pop("name", "m"), **sampling)
    return Chat(Connection.model_validate({**connection, **given}), model, store=store)

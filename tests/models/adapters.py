"""PEFT adapters and ms-swift checkpoints of the bundled base, made without a training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench import models
from tcmbench.models import given

if TYPE_CHECKING:
    from tcmbench.records.model import Model
    from tcmbench.workspace import Workspace

MINI = Path(__file__).parents[2] / "models" / "mini-zh"


def network(kind: str) -> Any:
    """Return the bundled base, opened as one of transformers' classes."""
    import torch
    import transformers

    opener = getattr(transformers, kind)
    return opener.from_pretrained(MINI, dtype=torch.float32, local_files_only=True).eval()


def adapter(folder: Path, *, kind: str, base: str = str(MINI), seed: int = 0) -> Path:
    """Write a LoRA adapter of random weights, as training on this class would."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    adapted = get_peft_model(network(kind), LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    adapted.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def vectors_beside_base(folder: Path, texts: list[str], *, kind: str) -> Any:
    """Return the unit vectors of the adapter beside its base, by plain transformers and PEFT."""
    import numpy as np
    import torch
    from peft import PeftModel
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MINI, local_files_only=True)
    model = PeftModel.from_pretrained(network(kind), str(folder)).eval().base_model.model
    backbone = getattr(model, model.base_model_prefix, model)
    rows = []
    with torch.inference_mode():
        for text in texts:
            state = backbone(input_ids=torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0, -1]
            rows.append(torch.nn.functional.normalize(state, dim=-1).numpy())
    return np.stack(rows)


def swift_output(folder: Path, *, steps: tuple[int, ...] = (2, 4), best: int | None = None) -> Path:
    """Write what ms-swift leaves after a full training of the bundled base: bare checkpoints with args.json."""
    run = folder / "v0-20260101-000000"
    settings = {"model": str(MINI), "task_type": "embedding", "tuner_type": "full", "learning_rate": 1e-5}
    for step in steps:
        checkpoint = run / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(MINI / name, checkpoint / name)
        (checkpoint / "args.json").write_text(json.dumps(settings), encoding="utf-8")
        (checkpoint / "optimizer.pt").write_bytes(b"state")
    if best is not None:
        line = {"best_model_checkpoint": f"/elsewhere/{run.name}/checkpoint-{best}"}
        (run / "logging.jsonl").write_text('{"loss": 1.0}\n' + json.dumps(line) + "\n", encoding="utf-8")
    return folder


def edit(path: Path, **fields: object) -> None:
    """Change fields of a JSON file."""
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | fields), encoding="utf-8")


def model_of(place: Workspace, name: str, *, tuned_from: str | None = None) -> Model:
    """Return a model as a user names it."""
    place, called = given.register(place, [name], tuned_from=tuned_from)
    return models.base_model(place, called[name])

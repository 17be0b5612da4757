"""Code that comes with a model, or is named by it, runs only where the base's file says so."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench import models
from tcmbench.errors import TcmbenchError
from tcmbench.records import failures
from tcmbench.workspace import Workspace, bundled_content, find

if TYPE_CHECKING:
    from pathlib import Path

CODE = "from pathlib import Path\nPath({path!r}).touch()\nclass Evil: pass\n"
"""Leaves a file where it is imported."""


@pytest.fixture
def place(workspace_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace, the current folder, with code in it that other folders may name."""
    source = CODE.format(path=str(workspace_dir / "ran"))
    (workspace_dir / "evil.py").write_text(source, encoding="utf-8")
    for name, kind in (("mini-zh", "embedding"), ("mini-zh-reranker", "reranker")):
        folder = workspace_dir / "models" / name
        shutil.copytree(bundled_content() / "models" / name, folder)
        (folder / "evil.py").write_text(source, encoding="utf-8")
        text = f'kind = "{kind}"\npath = "{name}"\npooling = "last"\npadding_side = "left"\ninstruction = "检索"\n'
        (workspace_dir / f"models/bases/my-{name}.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(workspace_dir)
    monkeypatch.syspath_prepend(str(workspace_dir))
    return find(workspace_dir, cache=workspace_dir / "store")


def edit(path: Path, **fields: object) -> None:
    """Change fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **fields}), encoding="utf-8")


def require_refused(place: Workspace, name: str) -> None:
    """Check that a model isn't loaded, and that no code ran."""
    with pytest.raises(TcmbenchError, match=r"trust_remote_code|custom code"), failures.explained(name):
        models.load(models.base_model(place, name), cache=place.cache, device="cpu")
    assert not (place.root / "ran").exists()


@pytest.mark.parametrize("kind", ["evil.Evil", "os.system", "evil"])
def test_modules_are_those_of_sentence_transformers(place: Workspace, kind: str) -> None:
    """Not classes of the model's folder, of the current folder or of whatever is installed."""
    path = place.root / "models/mini-zh/modules.json"
    modules = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps([*modules, {"idx": 3, "name": "3", "path": "", "type": kind}]), encoding="utf-8")
    require_refused(place, "my-mini-zh")


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-reranker"])
def test_a_configuration_brings_no_code(place: Workspace, name: str) -> None:
    """Networks and tokenizers are those of transformers."""
    classes = {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"}
    edit(place.root / f"models/{name}/config.json", auto_map=classes, model_type="unknown-to-transformers")
    require_refused(place, f"my-{name}")


def test_an_activation_is_one_of_torch(place: Workspace) -> None:
    """A reranker's configuration may name one."""
    settings = place.root / "models/mini-zh-reranker/config_sentence_transformers.json"
    edit(settings, activation_fn="evil.Evil")
    edit(place.root / "models/mini-zh-reranker/config.json", sentence_transformers={"activation_fn": "evil.Evil"})
    with failures.explained("my-mini-zh-reranker"):
        models.load(models.base_model(place, "my-mini-zh-reranker"), cache=place.cache, device="cpu")
    assert not (place.root / "ran").exists()

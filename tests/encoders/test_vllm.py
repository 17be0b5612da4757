"""The protocol with vLLM's process, with a stub module named vllm."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tcmbench import plugins
from tcmbench.encoders import model_meta, vllm
from tcmbench.errors import EvaluationError, MissingExtra, ModelAbsent, SpecError
from tcmbench.specs.base import Base

STAND_IN = '''
"""Gives vectors that tell what arrived."""
import os, sys
from types import SimpleNamespace

__version__ = "stand-in"


class LLM:
    def __init__(self, **arguments):
        print("vLLM talks a lot")
        self.arguments = arguments

    def embed(self, texts, *, use_tqdm, truncate_prompt_tokens):
        if "crash" in texts:
            sys.exit(3)
        plugins = float(os.environ["VLLM_PLUGINS"] == "")
        cut = [text[:truncate_prompt_tokens] for text in texts]
        vectors = [[float(len(text)), float(self.arguments["seed"]), plugins] for text in cut]
        return [SimpleNamespace(outputs=SimpleNamespace(embedding=vector)) for vector in vectors]
'''


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder in the hub layout."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "modules.json").write_text("[]", encoding="utf-8")
    return folder


def encoder(weights: Path, *, stand_in: Path | None, **fields: Any) -> vllm.VllmEncoder:
    """Return an encoder whose process finds the stand-in, or no vLLM at all."""
    environment = {"PYTHONPATH": str(stand_in or ""), "PYTHONWARNINGS": "ignore"}
    base = Base.model_validate(
        {"name": "big", "kind": "embedding", "encoder": "vllm", "path": "weights", "max_length": 8, "normalize": False}
        | {"options": {"environment": environment}}
        | fields
    )
    options = plugins.use("encoders", "vllm", base.options).options
    meta = model_meta(base, name="big", revision="r")
    return vllm.load(base, options=options, model_dir=weights, meta=meta, seed=0, device=None)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with a module named vllm."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "vllm.py").write_text(STAND_IN, encoding="utf-8")
    return folder


def test_vectors_come_through_the_process(weights: Path, stand_in: Path) -> None:
    """Texts go out and vectors come back in order, cut at max_length, whatever the process prints beside."""
    model = encoder(weights, stand_in=stand_in)
    actual = model.encode_texts(["一", "三个字", "比八个字还要长的文本"])
    np.testing.assert_array_equal(np.array([[1, 0, 1], [3, 0, 1], [8, 0, 1]], dtype=np.float32), actual)
    np.testing.assert_array_equal(actual[:1], model.encode_texts(["二"]))
    model.close()


def test_a_process_that_ends_is_an_error(weights: Path, stand_in: Path) -> None:
    """No vectors are made up when vLLM dies."""
    model = encoder(weights, stand_in=stand_in)
    with pytest.raises(EvaluationError, match="ended with 3"):
        model.encode_texts(["crash"])


def test_an_environment_without_vllm_says_what_to_install(weights: Path) -> None:
    """The extra is named."""
    if vllm._has_vllm(sys.executable):
        pytest.skip("vLLM is installed here")
    with pytest.raises(MissingExtra, match=r"tcmbench\[vllm\]"):
        encoder(weights, stand_in=None).encode_texts(["一"])


def test_what_vllm_cannot_do_is_said_before_it_starts(weights: Path, tmp_path: Path) -> None:
    """Folders without a layout and interpreters that aren't there are refused by name."""
    with pytest.raises(ModelAbsent, match="does not exist"):
        encoder(weights, stand_in=None, options={"python": str(tmp_path / "none")}).encode_texts(["一"])
    (weights / "modules.json").unlink()
    with pytest.raises(SpecError, match=r"no modules\.json"):
        encoder(weights, stand_in=None)


def test_the_place_of_vllm_is_no_part_of_the_revision() -> None:
    """Engine options change vectors; the interpreter's path doesn't."""
    one, other = vllm.Options(python="a"), vllm.Options(python="b", environment={"X": "1"})
    assert vllm.identity(one) == vllm.identity(other)
    assert vllm.identity(one) != vllm.identity(vllm.Options(engine={"dtype": "bfloat16"}))

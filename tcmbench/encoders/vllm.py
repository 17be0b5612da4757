"""Bi-encoders through vLLM without a server: the model runs in a process of the environment that has vLLM.

vLLM pins another version of torch, so it has a separate environment, named by `python`. The process is started when the
first text is encoded and ends with this one. Texts longer than `max_length` are cut by vLLM on the side that the
tokenizer specifies.

Rerankers need a score template, which only a server accepts: start `vllm serve` with it, and use `endpoint`.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench import strict_json
from tcmbench.encoders import EMBEDS
from tcmbench.encoders._prompts import prompt_for
from tcmbench.encoders.runtime.batches import FREE_TOKENS
from tcmbench.errors import EvaluationError, MissingExtra, ModelAbsent, SpecError
from tcmbench.plugins import PluginOptions
from tcmbench.store import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
ABILITIES = {"embedding": EMBEDS}
WEIGHTS = "folder"

_WORKER = Path(__file__).with_name("_vllm_worker.py")
# ms-swift registers a plug-in that would run at every start of vLLM; usage statistics would need a network.
_VARIABLES = {"VLLM_PLUGINS": "", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


class Options(PluginOptions):
    """The environment of vLLM, and its settings."""

    python: str = ""
    """Python of the environment that has vLLM; "": the current one."""

    engine: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of `vllm.LLM`, such as `gpu_memory_utilization` or `enforce_eager`."""

    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the process, such as `VLLM_CPU_KVCACHE_SPACE`."""


def identity(options: PluginOptions) -> dict[str, Json]:
    """Return the options that change vectors: the engine's settings, not its location."""
    return differences(options, include={"engine"})


class VllmEncoder:
    """An encoder in another process."""

    def __init__(self, model_dir: Path, *, base: Base, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self.revision = str(meta.revision)
        self.max_length = base.max_length
        self.dtype = base.dtype
        # vLLM builds its own batches; this only keeps it supplied with texts.
        self.batch_tokens = 4 * FREE_TOKENS
        self._model_dir = model_dir
        self._base = base
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def prompt_for(self, task_metadata: Any, prompt_type: Any) -> str:
        """Return the prompt of a text of this task and role."""
        return prompt_for(self._base, task_metadata, prompt_type)

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in characters, which approximates its tokens in Chinese."""
        return [min(len(text), self.max_length) for text in texts]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, float32, shape (len(texts), dimensions); prompts are in the text.

        Raises:
            MissingExtra: The environment has no vLLM. EvaluationError: The process ended, or its answer is invalid.
        """
        import numpy as np

        answer = self._ask({"texts": list(texts)})
        try:
            numbers = np.frombuffer(base64.b64decode(answer["vectors"]), dtype="<f4")
            vectors = numbers.reshape(len(texts), int(answer["dimensions"])).copy()
        except (KeyError, ValueError) as error:
            raise EvaluationError(f"base {self._base.name}: vLLM's process gave no vectors for its texts") from error
        if self._base.normalize:
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            np.divide(vectors, norms, out=vectors, where=norms > 0)
        return vectors

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(timeout=60)
            self._process = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._process = self._start()
        return self._exchange(self._process, request)

    def _start(self) -> subprocess.Popen[str]:
        python = self._options.python or sys.executable
        if not Path(python).is_file():
            raise ModelAbsent(f"base {self._base.name}: `python` in its options is {python}, which does not exist.")
        process = subprocess.Popen(
            [python, str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **_VARIABLES, **self._options.environment},
        )
        atexit.register(self.close)
        job = {"model": str(self._model_dir), "dtype": self.dtype, "max_length": self.max_length}
        self._exchange(process, {**job, "engine": self._options.engine})
        return process

    def _exchange(self, process: subprocess.Popen[str], request: dict[str, Any]) -> dict[str, Any]:
        """Send a line and return the answer.

        Raises:
            MissingExtra: The process ended at its start because there is no vLLM.
            EvaluationError: The process ended.
        """
        if process.stdin is None or process.stdout is None:
            raise EvaluationError(f"base {self._base.name}: vLLM's process has no channel")
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            answer: dict[str, Any] = strict_json.loads(line)
            return answer
        code = process.wait()
        self._process = None
        if "engine" in request and not _has_vllm(self._options.python or sys.executable):
            raise MissingExtra.of("vllm", "vllm", purpose=f"base {self._base.name} (encoder vllm)")
        raise EvaluationError(f"base {self._base.name}: vLLM's process ended with {code}; its output is above.")


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> VllmEncoder:
    """Return the encoder; its process starts with the first text, on the devices that are visible to it.

    Raises:
        SpecError: The folder isn't in the hub layout. ModelAbsent: No weights.
    """
    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: an encoder needs a folder of weights")
    if not (model_dir / "modules.json").is_file():
        raise SpecError(
            f"base {base.name}: {model_dir} has no modules.json, from which vLLM reads how to pool. "
            "Write the hub layout."
        )
    return VllmEncoder(model_dir, base=base, options=options, meta=meta)


def _has_vllm(python: str) -> bool:
    words = [python, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"]
    return subprocess.run(words, check=False).returncode == 0

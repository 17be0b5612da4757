"""A module named vllm whose calls have the recorded signatures: it returns numbers that tell what arrived.

The variable STAND_IN names what goes wrong, and STAND_IN_LOG a file that gets one line per start.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from vllm_signatures import bind

__version__ = "stand-in"

_WRONG = os.environ.get("STAND_IN", "")


class PoolingParams:
    """What is wanted of a text."""

    def __init__(self, *args, **kwargs):
        self.wanted = bind("PoolingParams", *args, **kwargs)


class LLM:
    """Numbers of a text: how many tokens, the first and the last, segment, adapter, device, and the sum of the ids."""

    def __init__(self, *args, **kwargs):
        print("vLLM talks a lot")
        self.arguments = bind("LLM", *args, **kwargs)
        if "STAND_IN_LOG" in os.environ:
            with Path(os.environ["STAND_IN_LOG"]).open("a", encoding="utf-8") as log:
                variables = {name: value for name, value in os.environ.items() if name.startswith(("VLLM", "CUDA"))}
                log.write(f"{os.getpid()} {self.arguments} {variables}\n")
        if _WRONG == "start":
            raise ValueError("No available memory for the cache blocks")

    def embed(self, *args, **kwargs):
        """Return the numbers of each text."""
        return self._answer(bind("LLM.embed", self, *args, **kwargs), "embedding")

    def classify(self, *args, **kwargs):
        """Return the logit of each pair: the number of its tokens."""
        return self._answer(bind("LLM.classify", self, *args, **kwargs), "probs")

    def _answer(self, call, field):
        _go_wrong(call["prompts"])
        adapter = call["lora_request"]
        outputs = []
        for prompt, params in zip(call["prompts"], call["pooling_params"], strict=True):
            assert params.wanted["use_activation"] is False
            ids = prompt["prompt_token_ids"]
            start = (params.wanted["extra_kwargs"] or {}).get("compressed_token_type_ids", -1)
            device = os.environ.get("CUDA_VISIBLE_DEVICES", "")[-1:]
            numbers = [len(ids), ids[0], ids[-1], start, adapter.number if adapter else 0, int(device or -1), sum(ids)]
            if _WRONG == "nan":
                numbers = [float("nan")] * len(numbers)
            numbers = [float(number) for number in numbers]
            row = numbers if field == "embedding" else numbers[:1]
            outputs.append(SimpleNamespace(outputs=SimpleNamespace(**{field: row}), prompt_token_ids=ids))
        return outputs[1:] if _WRONG == "short" else outputs


def _go_wrong(prompts):
    if _WRONG == "exit":
        sys.exit(3)
    if _WRONG == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if _WRONG == "hang":
        with Path(os.environ["STAND_IN_LOG"]).open("a", encoding="utf-8") as log:
            log.write("hangs\n")
        time.sleep(600)
    if _WRONG == "refuse" and len(prompts) > 1:
        raise ValueError("too many\nprompts")

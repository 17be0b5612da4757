"""Worker in the environment that has vLLM: reads lines of JSON on stdin and writes vectors or logits to stdout.

It is started by path, so that tcmbench need not be installed there. First line in: the arguments of `vllm.LLM`; then
one line of token ids per request. Lines out: `{"ready": version}`, then `{"numbers": base64 of float32, "width": n}`,
or `{"error": …}` for a request that failed, after which the engine goes on. vLLM's own output goes to stderr.

It ends, with all processes of vLLM, when stdin ends or its parent is gone, also in the middle of a request.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from array import array
from typing import Any

_GRACE_SECONDS = 10.0
_WATCH_SECONDS = 1.0


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # vLLM and its libraries print to stdout, from C too; only answers may be written there.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    signal.signal(signal.SIGTERM, _leave)
    requests = _requests()
    first = requests.get()
    if first is None:
        return
    try:
        vllm, model = _start(first)
    except Exception as error:  # noqa: BLE001 - whatever vLLM raises is reported in tcmbench's words
        _say(answers, {"error": _words(error), "is_absent": getattr(error, "name", None) == "vllm"})
        return
    _say(answers, {"ready": str(getattr(vllm, "__version__", "unknown"))})
    while (request := requests.get()) is not None:
        try:
            answer = _answer(vllm, model, request)
        except Exception as error:  # noqa: BLE001 - as above; the next request may succeed
            answer = {"error": _words(error)}
        _say(answers, answer)


def _start(settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return the module and its started engine."""
    # The folder of this file contains another vllm.py, which Python would import.
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - compared with strings
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]  # noqa: PTH100
    import vllm

    arguments = dict(settings["engine"])
    if "pooler_config" in arguments:
        from vllm.config import PoolerConfig

        arguments["pooler_config"] = PoolerConfig(**arguments["pooler_config"])
    return vllm, vllm.LLM(**arguments)


def _answer(vllm: Any, model: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the vectors of texts, or the logits of pairs, without activation or normalisation."""
    prompts = [{"prompt_token_ids": ids} for ids in request["ids"]]
    # BERT's segments: position of the first token of the second text.
    segments = request.get("segments") or [None] * len(prompts)
    params = [
        vllm.PoolingParams(
            use_activation=False,
            extra_kwargs=None if start is None else {"compressed_token_type_ids": start},
        )
        for start in segments
    ]
    options = {"use_tqdm": False, "pooling_params": params, "lora_request": _adapter(request.get("adapter"))}
    if request["is_pairs"]:
        outputs = model.classify(prompts, **options)
        rows = [list(output.outputs.probs) for output in outputs]
    else:
        outputs = model.embed(prompts, **options)
        rows = [list(output.outputs.embedding) for output in outputs]
    read = [list(output.prompt_token_ids) for output in outputs]
    if read != request["ids"]:
        raise ValueError("vLLM has not read the tokens that it was given")
    return _packed(rows)


def _adapter(adapter: dict[str, Any] | None) -> Any:
    if adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest(lora_name=adapter["name"], lora_int_id=adapter["id"], lora_path=adapter["path"])


def _packed(rows: list[list[float]]) -> dict[str, Any]:
    numbers = array("f", [number for row in rows for number in row])
    if sys.byteorder == "big":
        numbers.byteswap()
    return {"numbers": base64.b64encode(numbers.tobytes()).decode(), "width": len(rows[0])}


def _requests() -> queue.Queue[dict[str, Any] | None]:
    """Return a queue of the lines of stdin, None at its end; from then on this process has seconds to end."""
    waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()
    parent = os.getppid()

    def read() -> None:
        for line in sys.stdin:
            waiting.put(json.loads(line))
        waiting.put(None)
        _end()

    def watch() -> None:
        # A process that the parent has forked may still hold the other end of stdin.
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        _end()

    for target in (read, watch):
        threading.Thread(target=target, daemon=True).start()
    return waiting


def _end() -> None:
    """Interrupt this process, and kill it and all processes that vLLM has started where that doesn't end it."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _leave(*_: object) -> None:
    sys.exit(0)


def _words(error: Exception) -> str:
    """Return the error in one line, with the one that it came from."""
    told = [error, *(cause for cause in [error.__cause__ or error.__context__] if cause is not None)]
    return "; from ".join(f"{type(one).__name__}: {' '.join(str(one).split())}"[:1000] for one in told)


def _say(answers: Any, value: object) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(value), file=answers, flush=True)


if __name__ == "__main__":
    main()

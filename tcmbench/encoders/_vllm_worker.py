"""Worker in the environment that has vLLM: reads lines of JSON on stdin and writes vectors to stdout.

It is started by path, so that tcmbench need not be installed there. First line in: the model and its settings; then one
line of texts per request. Lines out: `{"ready": …}`, then `{"vectors": base64 of float32, "dimensions": n}`. vLLM's own
output goes to stderr.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from array import array


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # vLLM and its libraries print to stdout, from C too; only answers may be written there.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    settings = json.loads(sys.stdin.readline())
    # The folder of this file contains another vllm.py, which Python would import.
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - compared with strings
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]  # noqa: PTH100
    import vllm

    model = vllm.LLM(
        model=settings["model"],
        runner="pooling",
        dtype=settings["dtype"],
        max_model_len=settings["max_length"],
        seed=0,
        trust_remote_code=False,
        **settings["engine"],
    )
    _say(answers, {"ready": getattr(vllm, "__version__", "unknown")})
    for line in sys.stdin:
        texts = json.loads(line)["texts"]
        outputs = model.embed(texts, use_tqdm=False, truncate_prompt_tokens=settings["max_length"])
        vectors = [list(output.outputs.embedding) for output in outputs]
        numbers = array("f", [number for vector in vectors for number in vector])
        if sys.byteorder == "big":
            numbers.byteswap()
        data = base64.b64encode(numbers.tobytes()).decode()
        _say(answers, {"vectors": data, "dimensions": len(vectors[0])})


def _say(answers: object, value: object) -> None:
    print(json.dumps(value), file=answers, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()

"""Runs inside the environment that has vLLM: vectors for lines of JSON on stdin, answered on stdout.

Started as a file, so nothing of tcmbench need be installed there. First line in: the model and how to run it; then
one line of texts a request. Lines out: `{"ready": …}`, then `{"vectors": base64 of float32, "dimensions": n}`.
What vLLM itself prints goes to stderr.
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
    # vLLM and the libraries under it print to stdout, from C too; answers must stand alone there.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked = json.loads(sys.stdin.readline())
    # The folder of this file holds a vllm.py of its own, which Python would find first.
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - compared with strings
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]  # noqa: PTH100
    import vllm

    model = vllm.LLM(
        model=asked["model"],
        runner="pooling",
        dtype=asked["dtype"],
        max_model_len=asked["max_length"],
        seed=0,
        trust_remote_code=False,
        **asked["engine"],
    )
    _say(answers, {"ready": getattr(vllm, "__version__", "unknown")})
    for line in sys.stdin:
        texts = json.loads(line)["texts"]
        found = model.embed(texts, use_tqdm=False, truncate_prompt_tokens=asked["max_length"])
        vectors = [list(output.outputs.embedding) for output in found]
        numbers = array("f", [number for vector in vectors for number in vector])
        if sys.byteorder == "big":
            numbers.byteswap()
        data = base64.b64encode(numbers.tobytes()).decode()
        _say(answers, {"vectors": data, "dimensions": len(vectors[0])})


def _say(answers: object, value: object) -> None:
    print(json.dumps(value), file=answers, flush=True)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()

"""`tcmbench serve` as a process: it is ready when it says so, and answers what it accepted before it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.serving import fake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

fake.require()


def test_accepted_requests_are_answered_before_the_end(tmp_path: Path) -> None:
    """SIGTERM while a body is on its way: the rest is read, the vector sent, and the process ends with 0."""
    command = [sys.executable, "-m", "tcmbench", "serve", "hashed-chars", "--port", "0"]
    environment = {**os.environ, "TCMBENCH_CACHE": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:(\d+)/v1 serves hashed-chars \(embedding\)", greeting)
        assert found is not None, greeting
        body = json.dumps({"text": "咳嗽"}).encode()
        head = (
            f"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=120) as client:
            client.sendall(head.encode() + b"\r\n\r\n" + body[:5])
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            client.sendall(body[5:])
            answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"embedding":[' in answer
        assert process.stdout.read().strip() == "ended"
        assert process.wait(120) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mini-zh", "--host", "0.0.0.0"], "--api-key-env"),  # noqa: S104 - refused
        (["mini-zh", "--api-key-env", "NO_SUCH_KEY"], "got nothing"),
        (["bm25", "--port", "0"], "depend on all documents of a collection"),
        (["no-such-model"], "no model named 'no-such-model'"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    in_empty_folder: Callable[..., tuple[int, str, str]], arguments: list[str], words: str
) -> None:
    """Exit code 2."""
    code, _, err = in_empty_folder("serve", *arguments)
    assert code == 2
    assert words in err


def test_the_command_of_another_server_is_printed_alone(
    in_empty_folder: Callable[..., tuple[int, str, str]],
) -> None:
    """So that it can be piped into a shell."""
    code, out, _ = in_empty_folder("serve", "mini-zh", "--print", "vllm")
    assert code == 0
    assert out.splitlines()[-1].startswith("vllm serve ")
    assert all(line.startswith("#") for line in out.splitlines()[:-1])

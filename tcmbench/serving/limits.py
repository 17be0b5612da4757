"""Bounds of a request, so that one client can neither fill the memory nor keep all others waiting."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from tcmbench.serving.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request

_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_BODY_SECONDS = 60.0
"""A client that sends its body more slowly is cut off."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request."""

    body_bytes: int = 16 << 20

    texts: int = 2048
    """Texts, or pairs, as in OpenAI's API."""

    characters: int = 100_000
    """Characters per text: the tokenizer reads all of a text that is cut."""

    def check(self, texts: Sequence[str], *, field: str) -> None:
        """Check the texts of a request.

        Raises:
            Refused: There are none, too many, one is too long, or one has half of a character.
        """
        if not texts:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{field}: expected at least one text, got none")
        if len(texts) > self.texts:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{field}: expected at most {self.texts} texts per request, got {len(texts)}. Send several requests.",
            )
        if any(_HALF_CHARACTER.search(text) for text in texts):
            raise Refused(
                HTTPStatus.BAD_REQUEST,
                f"{field}: expected whole characters, got half of one (a surrogate). Cut texts between characters.",
            )
        longest = max(map(len, texts))
        if longest > self.characters:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{field}: expected at most {self.characters} characters per text, got {longest}. Shorten it: what "
                "follows the model's longest input is cut in any case.",
            )

    async def body(self, request: Request) -> bytes:
        """Return the body of a request.

        Raises:
            Refused: It is no JSON by its type, too large, or doesn't come.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        # A page of another site can send any other type to this machine without being asked first.
        if kind != "application/json":
            raise Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"expected Content-Type: application/json, got {kind[:40] or 'none'!r}",
            )
        stated = request.headers.get("content-length", "")
        if stated.isdigit() and int(stated) > self.body_bytes:
            raise self._too_large()
        from starlette.requests import ClientDisconnect

        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for part in request.stream():
                    body += part
                    if len(body) > self.body_bytes:
                        raise self._too_large()
        except ClientDisconnect as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the client has closed the connection") from error
        except TimeoutError as error:
            raise Refused(
                HTTPStatus.REQUEST_TIMEOUT, f"expected the whole body within {_BODY_SECONDS:g} seconds"
            ) from error
        return bytes(body)

    def _too_large(self) -> Refused:
        return Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"expected a body of at most {self.body_bytes:,} bytes, got more. Send several requests.",
        )

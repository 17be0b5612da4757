"""Markup of a page: templates that escape by default, texts in both languages, hashes of scripts for its policy."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from tcmbench.boards import texts
from tcmbench.boards.texts import Text, clip

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import jinja2
    from markupsafe import Markup


def environment(*folders: Path) -> jinja2.Environment:
    """Return the environment of the templates in some folders, in which an undefined name is an error."""
    import jinja2
    from markupsafe import Markup

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(t=both, spans=spans, label=label)
    made.filters.update(clip=clip, raw=Markup)
    return made


def both(key: str, **values: str) -> Markup:
    """Return a string of the board in both languages; the style sheet displays one of them."""
    return spans(texts.text(key, **values))


def spans(text: Text) -> Markup:
    """Return a text in both languages, once where they are equal."""
    from markupsafe import Markup

    if text.en == text.zh:
        return Markup("{}").format(text.en)
    return Markup("<span lang=en>{}</span><span lang=zh-Hans>{}</span>").format(*text)


def label(key: str, attribute: str = "aria-label", **values: str) -> Markup:
    """Return an attribute in English that the script swaps when the language changes."""
    from markupsafe import Markup

    text = texts.text(key, **values)
    return Markup('{}="{}" data-{}-zh="{}"').format(attribute, text.en, attribute.removeprefix("data-"), text.zh)


def own(text: str) -> Markup:
    """Return text of the package as markup; never data."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own text, not data


def hashes(scripts: Iterable[str]) -> str:
    """Return the hashes of scripts for a page's policy, under which no other script, handler or link runs."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

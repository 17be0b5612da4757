"""A model named by the URL of its server: its name is asked for, and its scores are never those of another model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench import models
from tcmbench.errors import EvaluationError, ModelAbsent, SpecError
from tcmbench.models import given
from tcmbench.workspace import Workspace, find
from tests.model_server import Model, server

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["server"]


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """An empty folder."""
    return find(tmp_path, cache=tmp_path / "store")


def revision(place: Workspace, url: str) -> str:
    """Return the revision of the model behind a URL."""
    place, called = given.register(place, [url])
    return models.base_model(place, called[url]).revision


def test_the_server_names_its_model(place: Workspace, server: Model) -> None:
    """The last part of its name; the whole name is sent with every request."""
    place, called = given.register(place, [server.url])
    assert called[server.url] == "m"
    assert {body["model"] for body in server.seen} == {"org/m"}
    place, again = given.register(place, [server.url])
    assert (again, len(place.given)) == (called, 1)


def test_another_model_at_the_same_address_has_another_revision(place: Workspace, server: Model) -> None:
    """Even one of the same name whose vectors differ in the last digits; the same one keeps its revision."""
    before = revision(place, server.url)
    assert revision(place, server.url) == before
    server.turn = 1e-5
    assert revision(place, server.url) != before


def test_a_server_of_several_models_needs_a_name(place: Workspace, server: Model) -> None:
    """After the address; without a list, too."""
    server.listed = ["one", "two"]
    with pytest.raises(SpecError, match=r"several models: one, two\. Name one: URL#MODEL"):
        revision(place, server.url)
    assert revision(place, f"{server.url}#one") != revision(place, f"{server.url}#two")
    server.listed = []
    with pytest.raises(ModelAbsent, match=r"the server lists no model\. Name it: URL#MODEL"):
        revision(place, server.url)


def test_a_password_in_the_address_is_sent_and_not_shown(place: Workspace, server: Model) -> None:
    """Neither in the description nor in an error."""
    url = server.url.replace("http://", "http://someone:verysecret@")
    place, called = given.register(place, [url])
    base = models.base_model(place, called[url]).base
    assert any(key.startswith("Basic ") for key in server.keys)
    assert "verysecret" not in base.description
    server.answer = {"data": "no vectors, verysecret"}
    with pytest.raises(EvaluationError) as refused:
        revision(place, url)
    assert "verysecret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:1/v1", "http://host with space/v1"])
def test_what_is_no_server_is_refused(place: Workspace, url: str) -> None:
    """At once, with the address."""
    with pytest.raises((SpecError, ModelAbsent), match=r"URL of a server|127\.0\.0\.1:1/v1/models: no answer"):
        revision(place, url)

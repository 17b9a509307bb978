"""The description against the process: requests made from it, right and wrong ones, by everybody who may ask.

Nothing may fail on our side, and nothing may be answered that the description does not announce.
"""

from __future__ import annotations

import copy
import json
import threading
import time
from collections import Counter
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import requests  # what schemathesis itself speaks
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as examples
from schemathesis import GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    status_code_conformance,
)

from facematch.server.app import Parts, create_app
from facematch.server.web.openapi import document
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.keyed import KEYS, with_keys
from tests.rig.ports import free_tcp_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import APIOperation, Case

    Operation = APIOperation[Any, Any, Any, Any]

    from facematch.config.settings import Settings

EXAMPLES = 10
"""Of each kind, for each operation."""
SEED = 1
"""Of all that is made up: the next run does the same, also when something was written differently here."""
START_SECONDS = 15
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance]
SAYS_NO_BY_503 = {"/readyz", "/api/consent"}
"""That is what it is for, or is kept in LiveKit; here neither LiveKit nor a recognizer is there."""

NEEDS_MORE = {
    "/static/{path}",
    "/captures/{name}",
    "/reference/current.jpg",  # there is none
    "/api/events/{id}/verdict",  # an event of that id
    "/api/alarms/{id}/acknowledge",
    "/api/alarms/{id}/judge",
    "/api/people/{id}",  # somebody of that id
    "/api/people/{id}/merge",
    "/api/people/{id}/split",
    "/api/people/{id}/export",
    "/api/people/{id}/statistics",
    "/api/people/{id}/photos",
    "/api/people/{id}/photos/{photo}",
    "/api/unknowns/{id}/image",  # a face of that id
    "/api/unknowns/{id}/assign",
    "/api/unknowns/{id}/dismiss",
    "/api/people/import",  # a zip
    "/api/session",  # a key
    "/api/beat",  # ROOMS
    "/api/snapshots/{name}",  # SNAPSHOT_STORE
    "/livekit/webhook",  # a signature
    "/api/token",  # a room that is allowed
    "/api/match",  # a box with an inside
    "/api/events",  # the same, or an outcome that agrees with match_found
    *SAYS_NO_BY_503,
}
"""What a request needs that the description cannot say: everything else is answered with 200 to somebody."""

DOOR_TRIES = 3
"""Requests, for each operation, of those who are turned away before anything is read of what they ask."""
ANNOTATIONS = {"title", "description", "examples", "default"}
"""What a schema has that forbids nothing."""


class Description:
    """It is the same with keys and without: what is made of it is made once."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._described = described
        self._validators: dict[str, jsonschema_rs.Validator] = {}
        self._of: dict[tuple[str, str, int], jsonschema_rs.Validator | None] = {}

    def validator(self, path: str, method: str, status: int) -> jsonschema_rs.Validator | None:
        """Of an answer; None: nothing is announced. Many have the same, and to make it takes longer than the answer."""
        answer = (path, method, status)
        if answer not in self._of:
            self._of[answer] = self._made(*answer)
        return self._of[answer]

    def _made(self, path: str, method: str, status: int) -> jsonschema_rs.Validator | None:
        announced = self._described["paths"][path][method]["responses"][str(status)]
        content = announced.get("content", {}).get("application/json", {})
        if "schema" not in content:
            return None
        schema = {**content["schema"], "components": self._described["components"]}
        key = json.dumps(content["schema"], sort_keys=True)
        if key not in self._validators:
            self._validators[key] = jsonschema_rs.validator_for(schema, validate_formats=True)
        return self._validators[key]

    def operations(self) -> list[Operation]:
        schema = schemathesis.openapi.from_dict(copy.deepcopy(self._described))
        return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]

    def can_be_wrong(self, operation: Operation) -> bool:
        """Whether something is asked for that a request can lack, or have otherwise."""
        described = self._described["paths"][operation.path][operation.method.lower()]
        return "requestBody" in described or not all(map(_takes_anything, described.get("parameters", ())))


def _takes_anything(parameter: dict[str, Any]) -> bool:
    """Is text of any kind, and is in the path, where it cannot be missing, or need not be there."""
    kinds = parameter["schema"].get("anyOf", [parameter["schema"]])
    is_text = any({name: kind[name] for name in set(kind) - ANNOTATIONS} == {"type": "string"} for kind in kinds)
    return is_text and (parameter["in"] == "path" or not parameter["required"])


class Served:
    """The whole web process, in a thread, over real connections."""

    def __init__(self, settings: Settings, examiner: FakeExaminer, description: Description) -> None:
        port = free_tcp_port()
        self.url = f"http://127.0.0.1:{port}"
        self._description = description
        config = uvicorn.Config(
            create_app(settings, Parts(make_examiner=lambda: examiner)),
            host="127.0.0.1",
            port=port,
            log_config=None,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=300,  # it closes none that a request is just put on
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="uvicorn")

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not self._server.started:
            assert time.monotonic() < until, "the server did not start"
            assert self._thread.is_alive(), "the server has ended"
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def ask(self, sent: requests.PreparedRequest, headers: dict[str, str], kept: requests.Session) -> Response:
        """The same request, of somebody who is known by these headers."""
        mine = sent.copy()
        mine.url = self.url + mine.path_url
        mine.headers.update(headers)
        return Response.from_requests(kept.send(mine, allow_redirects=False, timeout=10), verify=True)

    def fits(self, case: Case[Any], response: Response) -> None:
        """The body is as described. Schemathesis' own check takes our tuples (`prefixItems`) for a mistake."""
        is_as_announced = self._description.validator(
            case.operation.path, case.operation.method.lower(), response.status_code
        )
        if is_as_announced is not None and response.headers["content-type"][0] == "application/json":
            is_as_announced.validate(response.json())


@pytest.fixture(scope="module")
def description(shared_settings: Settings) -> Description:
    return Description(document(create_app(shared_settings, Parts(make_examiner=FakeExaminer))))


@pytest.fixture(scope="module")
def keyed(shared_settings: Settings, description: Description) -> Iterator[Served]:
    found = Served(with_keys(shared_settings), FakeExaminer(), description)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def local(
    shared_settings: Settings, tmp_path_factory: pytest.TempPathFactory, description: Description
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("local")
    folders = {"data_dir": folder / "data", "output_dir": folder / "captures", "reference_image": folder / "now.jpg"}
    found = Served(shared_settings.model_copy(update=folders), FakeExaminer(), description)
    found.start()
    yield found
    found.stop()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def callers(keyed: Served) -> dict[str, dict[str, str]]:
    """Headers of everybody who may ask. The invitation is a new one: an admin may just have ended all."""
    answer = requests.post(f"{keyed.url}/api/invites", json={}, headers=bearer(KEYS["admin"]), timeout=10)
    invited = {"participant": bearer(answer.json()["token"])}
    strangers = {"nobody": {}, "a wrong key": bearer("wrong-key-0123456789")}
    return {role: bearer(key) for role, key in KEYS.items()} | invited | strangers


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_everybody_is_told_what_is_announced(
    keyed: Served, local: Served, description: Description, mode: GenerationMode
) -> None:
    answered: dict[str, set[int]] = {}
    operations = description.operations()
    if mode is GenerationMode.NEGATIVE:
        operations = [operation for operation in operations if description.can_be_wrong(operation)]
    with requests.Session() as kept:  # its connections, and nothing that an answer or a variable would have it keep
        kept.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        kept.trust_env = False
        for operation in operations:
            numbers = try_one(keyed, local, operation, mode, kept)
            answered[f"{operation.method} {operation.path}"] = numbers
    assert {401, 403} <= set().union(*answered.values())
    assert all(answered.values())
    if mode is GenerationMode.POSITIVE:
        assert {path.split()[1] for path, statuses in answered.items() if 200 not in statuses} <= NEEDS_MORE


def try_one(
    keyed: Served, local: Served, operation: Operation, mode: GenerationMode, kept: requests.Session
) -> set[int]:
    """One operation, by everybody. Returns the statuses of the answers."""
    statuses = set()
    everybody = [("here", local, {}), *((who, keyed, headers) for who, headers in callers(keyed).items())]
    turned_away: Counter[str] = Counter()

    @seed(SEED)
    @given(case=operation.as_strategy(generation_mode=mode))
    @examples(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: Case[Any]) -> None:
        sent = requests.Request(**case.as_transport_kwargs(base_url=keyed.url)).prepare()
        for who, served, headers in everybody:
            if turned_away[who] == DOOR_TRIES:
                continue
            response = served.ask(sent, headers, kept)
            statuses.add(response.status_code)
            is_no = operation.path in SAYS_NO_BY_503 and response.status_code == 503
            case.validate_response(response, checks=CHECKS if is_no else [not_a_server_error, *CHECKS])
            served.fits(case, response)
            turned_away[who] += is_turned_away(response)

    attempt()
    return statuses


def is_turned_away(response: Response) -> bool:
    """By who they are, and nothing else."""
    if response.status_code not in (401, 403):
        return False
    said = response.json()
    return said["code"] in {"NOT_SIGNED_IN", "WRONG_KEY"} or "you are here as" in said["detail"]

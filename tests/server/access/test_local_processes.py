"""Local mode as it runs: the real process, programs of this user and of others, proxies, a namespace in between."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from facematch.config.settings import ROOT
from facematch.protocol.local_secret import read_local_secret
from tests.rig.other_user import PYTHON, another_user_s, needs_root
from tests.rig.ports import free_tcp_port
from tests.rig.process import Process
from tests.rig.waiting import wait_until_true
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}

ASK = """
import http.client, json, sys
path, port, headers = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
connection.request("GET", path, headers=headers)
print(connection.getresponse().status)
"""

RELAY = """
import socket, sys, threading
def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    here, _ = server.accept()
    there = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((here, there), (there, here)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""
"""Passes bytes on and adds nothing, as `ssh -L` and a proxy without any header do."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    process = WebProcess(tmp_path_factory.mktemp("web"))
    asyncio.run(process.start())
    yield process
    process.end()


def ask(port: int, path: str = "/api/status", **headers: str) -> tuple[int, dict[str, Any]]:
    """Asked by this very process."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    if answer.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
        connection.close()
        return answer.status, {}
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if body.startswith(b"{") else {}


def asked_by_another_user(port: int, path: str = "/api/status", **headers: str) -> int:
    with another_user_s(ASK, path, str(port), json.dumps(headers)) as child:
        said, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    return int(said)


@contextmanager
def relay(to_port: int, user: int) -> Iterator[int]:
    """A program of that user that passes on what comes to its port."""
    port = free_tcp_port()
    with another_user_s(RELAY, str(port), str(to_port), user=user) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == "listening"
            yield port
        finally:
            child.kill()


def test_this_user_s_own_programs(web: WebProcess) -> None:
    assert ask(web.port)[0] == 200
    assert ask(web.port, "/ws/matches", **UPGRADE)[0] == 101
    if curl := shutil.which("curl"):
        command = [curl, "-sf", "--noproxy", "*", f"http://localhost:{web.port}/token?identity=Alice42"]
        assert "token" in json.loads(subprocess.check_output(command, timeout=20))


@needs_root
def test_another_user_s_programs(web: WebProcess) -> None:
    assert asked_by_another_user(web.port) == 403
    assert asked_by_another_user(web.port, "/ws/matches", **UPGRADE) == 403
    assert asked_by_another_user(web.port, "/livez") == 200
    assert ask(web.port)[0] == 200


ACT_AND_RUN = """
import json, socket, sys
body = sys.argv[2].encode()
head = "POST /api/check HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
for _ in range(50):
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    connection.sendall(head.encode() + body)
    connection.close()
"""


@needs_root
async def test_another_user_s_program_that_does_not_wait_for_the_answer(web: WebProcess, check: dict[str, Any]) -> None:
    """What it leaves behind is in the system's list as root's."""
    with another_user_s(ACT_AND_RUN, str(web.port), json.dumps(check)) as child:
        assert child.wait(60) == 0
    await wait_until_true(lambda: web.connections() == 0, within=20, what="all of them have been heard")
    status, body = ask(web.port, "/api/events")
    assert (status, body["events"]) == (200, [])
    assert "/login#" not in web.process.output()  # nor has anybody made a secret be printed


@needs_root
@pytest.mark.parametrize(
    "pretends", [{}, {"Host": "localhost"}, {"Host": "localhost:8000", "Origin": "http://localhost:8000"}]
)
def test_a_proxy_of_another_user(web: WebProcess, pretends: dict[str, str]) -> None:
    """Whoever asks it, and whatever they send: the socket is the proxy's."""
    nobody = 65_534
    with relay(web.port, nobody) as port:
        status, body = ask(port, **pretends)
        assert (status, body["code"]) == (403, "NOT_LOCAL")
        assert ask(port, "/ws/matches", **pretends, **UPGRADE)[0] == 403


def test_a_tunnel_of_this_user(web: WebProcess) -> None:
    port = free_tcp_port()
    with subprocess.Popen([*PYTHON, RELAY, str(port), str(web.port)], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == b"listening"
            assert ask(port)[0] == 200
            assert ask(port, "/ws/matches", **UPGRADE)[0] == 101
        finally:
            child.kill()


NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NGINX_CONF = """
user nobody nogroup;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{to}; {more} }}
    }}
}}
"""


@needs_root
@pytest.mark.skipif(NGINX is None, reason="needs nginx, which is not installed here")
@pytest.mark.parametrize("more", ["", "proxy_set_header Host $host;", "proxy_set_header Host localhost;"])
async def test_nginx_with_nothing_but_proxy_pass(web: WebProcess, tmp_path: Path, more: str) -> None:
    port = free_tcp_port()
    file = tmp_path / "nginx.conf"
    file.write_text(NGINX_CONF.format(folder=tmp_path, port=port, to=web.port, more=more))
    assert NGINX is not None
    nginx = Process("nginx", [NGINX, "-c", str(file)], env={"PATH": os.environ["PATH"]}, log=tmp_path / "nginx.log")
    nginx.start()
    try:
        await wait_until_true(lambda: _listens(port), within=20, what="nginx listens")
        status, body = ask(port, Host="localhost")  # which is what an attacker sends
        assert (status, body["code"]) == (403, "NOT_LOCAL")
        assert ask(port, Host="cam.example.com")[0] == 403
    finally:
        nginx.end()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


IN_A_NAMESPACE = ["unshare", "--net", sys.executable, "-m", "uvicorn", "api:app", "--fd"]


def can_unshare() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0
    )


@needs_root
def test_a_network_namespace_in_between(tmp_path: Path) -> None:
    """The listening socket is of this one, the process in another, whose list does not know our connections."""
    if not can_unshare():
        pytest.skip("no network namespace can be made here")
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", free_tcp_port())))
        port = server.getsockname()[1]
        like = WebProcess(tmp_path, port=port)
        log = stack.enter_context((tmp_path / "api.log").open("wb"))
        child = subprocess.Popen(
            [*IN_A_NAMESPACE, str(server.fileno())],
            pass_fds=[server.fileno()],
            cwd=ROOT,
            env=like.environment,
            stdout=log,
            stderr=log,
        )
        stack.callback(child.wait, 20)
        stack.callback(child.terminate)
        assert ask(port, "/livez")[0] == 200  # waits in the socket's queue until it answers
        status, body = ask(port)
        assert (status, body["code"]) == (401, "NOT_SIGNED_IN")
        secret = read_local_secret(tmp_path / "data")
        assert secret is not None
        assert f"/login#{secret}" in (tmp_path / "api.log").read_text()
        assert ask(port, Authorization=f"Bearer {secret}")[0] == 200
        assert ask(port, Authorization="Bearer local-guessed")[0] == 401

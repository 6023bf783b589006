"""The front doors of docs/deploy: its nginx and its Caddy, with TLS, before edges of a test."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.examples import ROOT
from kit.stack import PATIENCE_S

DEPLOY = ROOT / "docs" / "deploy"
EDGES = [f"    server 10.0.0.1{number}:8000 max_fails=1 fail_timeout=2s;" for number in (1, 2)]
"""The lines of nginx's that name edges."""
NGINX, OPENSSL, CADDY = shutil.which("nginx"), shutil.which("openssl"), shutil.which("caddy")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def front_door(edges: Sequence[str], folder: Path, port: int) -> Iterator[str]:
    """The file's nginx: its address. Names, port, certificate (`cert.pem` in the folder) and edges are the test's."""
    if NGINX is None or OPENSSL is None:
        pytest.skip("no nginx on this machine")
    san = ["-addext", "subjectAltName=DNS:localhost"]
    pair = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", *san, *pair],
        check=True,
        capture_output=True,
    )
    server = (DEPLOY / "nginx.conf").read_text()
    for there, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("play.example.org;", "localhost;"),
        ("/etc/ssl/play.example.org.pem", str(folder / "cert.pem")),
        ("/etc/ssl/play.example.org.key", str(folder / "key.pem")),
        (EDGES[0], "\n".join(EDGES[0].replace("10.0.0.11:8000", edge.removeprefix("http://")) for edge in edges)),
        (EDGES[1], ""),
    ):
        assert there in server
        server = server.replace(there, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\n"
        f"events {{}}\nhttp {{ access_log off; {folders}\n{server}\n}}\n"
    )
    with _runs([NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")], port, folder):
        yield f"localhost:{port}"


@contextmanager
def caddy_door(edges: Sequence[str], folder: Path, port: int) -> Iterator[str]:
    """The file's Caddy: its address. It signs its certificate itself, and its authority's is `cert.pem` in the
    folder; before the file stands what keeps it from ports and stores of the machine."""
    if CADDY is None:
        pytest.skip("no Caddy on this machine")
    (folder / "Caddyfile").write_text(
        "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n" + (DEPLOY / "Caddyfile").read_text()
    )
    addresses = " ".join(edge.removeprefix("http://") for edge in edges)
    environment = {"SITE": f"localhost:{port}", "EDGES": addresses, "XDG_DATA_HOME": str(folder), "HOME": str(folder)}
    with _runs([CADDY, "run", "--config", str(folder / "Caddyfile")], port, folder, environment):
        shutil.copy(folder / "caddy" / "pki" / "authorities" / "local" / "root.crt", folder / "cert.pem")
        yield f"localhost:{port}"


@contextmanager
def _runs(command: list[str], port: int, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """On entry it listens."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stderr=said)
    try:
        _listens(port, process, folder / "said")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _listens(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    """On return it has a certificate, which may take Caddy a moment after it listens."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, said.read_text()
        try:
            with socket.create_connection(("127.0.0.1", port)) as met:
                anybody.wrap_socket(met, server_hostname="localhost").close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return

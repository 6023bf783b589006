"""The front door of howto/proxy-and-tls.md: its nginx with TLS, before edges of a test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.examples import example
from kit.stack import PATIENCE_S

PROXY = "docs/howto/proxy-and-tls.md"
NGINX, OPENSSL = shutil.which("nginx"), shutil.which("openssl")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def front_door(edges: Sequence[str], folder: Path, port: int) -> Iterator[str]:
    """The page's nginx: its address. Names, port, certificate (`cert.pem` in the folder) and edges are the test's."""
    if NGINX is None or OPENSSL is None:
        pytest.skip("no nginx on this machine")
    san = ["-addext", "subjectAltName=DNS:localhost"]
    pair = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", *san, *pair],
        check=True,
        capture_output=True,
    )
    page = example(PROXY, "proxy_pass")
    for there, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("play.example.org;", "localhost;"),
        ("/etc/ssl/play.example.org.pem", str(folder / "cert.pem")),
        ("/etc/ssl/play.example.org.key", str(folder / "key.pem")),
        ("10.0.0.11:8000", edges[0].removeprefix("http://")),
        ("10.0.0.12:8000", edges[-1].removeprefix("http://")),
    ):
        assert there in page
        page = page.replace(there, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\n"
        f"events {{}}\nhttp {{ access_log off; {folders}\n{page}\n}}\n"
    )
    process = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-e", folder / "errors"])
    try:
        _listens(port, process)
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline
        else:
            return

"""The proxies of docs/deploy with TLS in front of two edges, and howto/supabase.md done as it says."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm
from websockets.asyncio.client import connect

from kit.examples import ROOT, example
from kit.front import caddy_door, free_port, front_door
from kit.stack import PATIENCE_S, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SUPABASE = "docs/howto/supabase.md"
NODE = shutil.which("node")


@pytest.fixture(scope="module")
def key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


@pytest.fixture(scope="module")
def issuer() -> dict[str, str]:
    """The page's settings of the first kind, by name."""
    return dict(re.findall(r"^(\w+)='(.*)'$", example(SUPABASE, "TAVOLA_TRUSTED_ISSUER="), re.MULTILINE))


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, key: EllipticCurvePrivateKey, issuer: dict[str, str]
) -> Iterator[Stack]:
    """An edge that trusts a proxy on this machine, and the page's issuer, whose keys are in a file."""
    folder = tmp_path_factory.mktemp("front")
    jwks = folder / "jwks.json"
    public = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    jwks.write_text(json.dumps({"keys": [{**public, "kid": "1", "alg": issuer["TAVOLA_TRUSTED_ALGORITHM"]}]}))
    settings = {**issuer, "TAVOLA_TRUSTED_JWKS": str(jwks), "TAVOLA_TRUSTED_PROXIES": "127.0.0.1"}
    operators = {"TAVOLA_ADMIN": "true", "TAVOLA_ADMIN_CLIENT_ID": "c", "TAVOLA_ADMIN_URL": "https://ops.example"}
    stack = Stack(folder / "data", edges=2, TAVOLA_ROOMS_PER_ACTOR="100", **settings, **operators)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(params=[front_door, caddy_door], ids=["nginx", "caddy"])
def proxy(stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with request.param(stack.urls, tmp_path, free_port()) as address:
        yield address


async def test_people_come_by_tls(stack: Stack, proxy: str, tmp_path: Path) -> None:
    tls = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with httpx.AsyncClient(base_url=f"https://{proxy}", verify=tls) as http:
        assert (await http.get("/readyz")).status_code == 200
        signed_in = await http.post("/api/session", json={"display_name": "Ann"})
        assert signed_in.headers["set-cookie"].endswith("; Secure")
        for hidden in ("/metrics", "/admin", "/api/admin/rooms"):
            assert (await http.get(hidden)).status_code == 404
    token = signed_in.json()["token"]
    address = {"uri": f"wss://{proxy}/ws", "ssl": tls, "subprotocols": ["tavola.v1"]}
    async with connect(**address, origin=f"https://{proxy}") as ws:  # type: ignore[arg-type]
        await ws.send(json.dumps({"type": "authenticate", "token": token}))
        assert json.loads(await ws.recv())["type"] == "authenticated"
    async with connect(**address, origin="https://elsewhere.example") as ws:  # type: ignore[arg-type]
        await ws.wait_closed()
        assert ws.close_code == 4403


async def test_without_the_proxys_name_the_cookie_is_not_secure(stack: Stack) -> None:
    """The test above can fail: what is asked without the headers is answered without."""
    async with httpx.AsyncClient(base_url=stack.urls[0]) as http:
        reply = await http.post("/api/session", json={"display_name": "Ann"})
    assert "Secure" not in reply.headers["set-cookie"]


def test_somebody_with_another_issuers_token_is_known(
    stack: Stack, tmp_path: Path, key: EllipticCurvePrivateKey, issuer: dict[str, str]
) -> None:
    if NODE is None:
        pytest.skip("no node on this machine")
    now = int(time.time())
    claims = {"sub": "7d3f", "email": "ann@example.org", "iat": now, "exp": now + 600, "role": "authenticated"}
    named = {"iss": issuer["TAVOLA_TRUSTED_ISSUER"], "aud": issuer["TAVOLA_TRUSTED_AUDIENCE"]}
    token = jwt.encode({**claims, **named}, key, algorithm="ES256", headers={"kid": "1"})
    shutil.copy(ROOT / "edge" / "static" / "client" / "tavola.js", tmp_path / "tavola.mjs")
    made, ours = "new Tavola({ token", f"new Tavola({{ url: {json.dumps(stack.urls[0])}, token"
    page = example(SUPABASE, "getSession")
    assert made in page
    (tmp_path / "program.mjs").write_text(
        'import { Tavola } from "./tavola.mjs";\n'
        f"const session = {{ access_token: {json.dumps(token)} }};\n"
        "const supabase = { auth: { getSession: async () => ({ data: { session } }) } };\n"
        + page.replace(made, ours)
        + "\nawait new Promise((open) => client.on('connection', ({ state }) => state === 'open' && open()));\n"
        "const { user_id, display_name } = await client.request('GET', '/api/session');\n"
        "console.log(user_id, display_name);\nprocess.exit(0);\n"
    )
    command = [NODE, "--experimental-websocket", "program.mjs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, "7d3f ann\n"), done.stderr


def test_operators_are_sent_to_the_issuer(stack: Stack) -> None:
    """The page names it, and the way there asks it where to go. Nobody is there: that is said, with a way back."""
    for url in stack.urls:
        assert 'name="issuer" content="abcdefghijkl.supabase.co"' in httpx.get(f"{url}/admin").text
        answer = httpx.get(f"{url}/admin/sign-in", timeout=PATIENCE_S)
        assert answer.status_code in (502, 503), answer.text
        assert 'href="/admin"' in answer.text
        answer = httpx.get(f"{url}/admin/signed-in?code=x&state=y")
        assert (answer.status_code, "not begun in this browser" in answer.text) == (400, True)

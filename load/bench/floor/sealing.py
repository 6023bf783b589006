"""The cost of sealing, so that nobody reads or changes what passes between our processes: `python -m
tavola.load.bench.floor.sealing`.

Each candidate seals a message at one end and opens it at the other. By processor time, the best of some rounds. The
last lines are what a move pays: a message on the line carries as many requests or answers as were said at once, so at
200 tables a move pays for a part of one.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import ssl
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tavola.storage.sealing import Opener, Sealer, numbers

ROUNDS, REPEATS = 7, 5_000
MOVE = Path(__file__).with_name("move.json")
REQUEST_BYTES = 150
"""A move as an edge asks for it."""
TOGETHER = (1, 4, 16)
Seal = Callable[[bytes], object]


def cost_us(work: Callable[[], object]) -> float:
    """Of one call, in µs of processor."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(REPEATS):
            work()
        best = min(best, time.process_time() - began)
    return best / REPEATS * 1e6


def candidates() -> dict[str, Seal]:
    """By name: one message, sealed and opened, or given a code and checked, with a nonce or a number that counts."""
    key = os.urandom(32)
    gcm, chacha, tls = AESGCM(key), ChaCha20Poly1305(key), _tls()
    count = 0

    def number() -> bytes:
        nonlocal count
        count += 1
        return count.to_bytes(12, "big")

    def coded(code: Callable[[bytes], bytes]) -> Seal:
        return lambda message: hmac.compare_digest(code(number() + message), code(number() + message))

    def sealed(cipher: AESGCM | ChaCha20Poly1305) -> Seal:
        def both(message: bytes) -> bytes:
            nonce = number()
            return cipher.decrypt(nonce, cipher.encrypt(nonce, message, None), None)

        return both

    return {
        "blake2b, keyed": coded(lambda data: hashlib.blake2b(data, key=key, digest_size=16).digest()),
        "HMAC-SHA256": coded(lambda data: hmac.digest(key, data, "sha256")),
        "AES-256-GCM": sealed(gcm),
        "ChaCha20-Poly1305": sealed(chacha),
        "TLS 1.3": tls,
    }


def _tls() -> Seal:
    """Both ends of a TLS connection in memory, a certificate of their own between them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(_certificate())
        file.flush()
        context.load_cert_chain(file.name)
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.load_verify_locations(file.name)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there)
    server = context.wrap_bio(there, back, server_side=True)
    for end in (client, server) * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue

    def both(message: bytes) -> bytes:
        client.write(message)
        got = server.read(len(message))
        while len(got) < len(message):
            got += server.read(len(message))
        return got

    return both


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tavola")])
    now = datetime.datetime.now(datetime.UTC)
    later = now + datetime.timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, later)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + made.sign(key, SHA256()).public_bytes(Encoding.PEM)


def main() -> None:
    update = msgspec.json.encode(msgspec.json.decode(MOVE.read_bytes())["update"])
    answer = len(update) + REQUEST_BYTES
    all = candidates()
    print(f"the line: a request of {REQUEST_BYTES} bytes and an answer of {answer}, both ends, µs a move")
    print(f"{'':20}" + "".join(f"{f'{count} at once':>12}" for count in TOGETHER))
    for name, seal in all.items():
        costs = []
        for count in TOGETHER:
            messages = [os.urandom(count * size) for size in (REQUEST_BYTES, answer)]
            costs.append(sum(cost_us(partial(seal, message)) for message in messages) / count)
        print(f"{name:20}" + "".join(f"{cost:12.2f}" for cost in costs))

    key = os.urandom(32)
    sealer, opener = Sealer(key), Opener([key])
    sealed = sealer.seal("room:r_0123456789abcdef", update, 1, 2)
    print(f"\nRedis: an update of {len(update)} bytes, µs")
    print(f"{'sealed':20}{cost_us(lambda: sealer.seal('room:r_0123456789abcdef', update, 1, 2)):12.2f}")
    print(f"{'opened':20}{cost_us(lambda: opener.open('room:r_0123456789abcdef', sealed)):12.2f}")
    print(f"{'seen to be old':20}{cost_us(lambda: numbers(sealed)):12.2f}")


if __name__ == "__main__":
    main()

"""The certificate of one machine's Ray, by which its processes know each other. Both ends of a connection show it: who
has not got its key can ask for nothing, nor stand in for a process that ended and be told Ray's token."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    BasicConstraints,
    CertificateBuilder,
    IPAddress,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    random_serial_number,
)
from cryptography.x509.oid import NameOID

from tavola.config.settings import write_private

_VALID_FOR = timedelta(days=3650)
"""It is made anew at each start."""
_CLOCKS_DIFFER = timedelta(days=1)


def write_certificate(certificate: Path, key: Path, address: str) -> None:
    """For a machine that is reached at `address` alone. It vouches for itself."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = Name([NameAttribute(NameOID.COMMON_NAME, "tavola")])
    now = datetime.now(UTC)
    signed = (
        CertificateBuilder(name, name, secret.public_key(), random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(SubjectAlternativeName([IPAddress(ip_address(address))]), critical=False)
        .add_extension(BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, SHA256())
    )
    write_private(certificate, signed.public_bytes(Encoding.PEM).decode())
    write_private(key, secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())

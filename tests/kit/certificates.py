"""An authority of one's own, with certificates for a server and for its clients, as a firm has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    CertificateBuilder,
    DNSName,
    KeyUsage,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    SubjectKeyIdentifier,
    random_serial_number,
)
from cryptography.x509.oid import NameOID


class Authority:
    """Its files lie in `folder`: `ca.pem`, and what it issues."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("an authority")
        self.certificate = folder / "ca.pem"
        self._write(self.certificate, self._name, self._key, None)

    def issue(self, name: str) -> tuple[Path, Path]:
        """The files of a certificate for the host `name`, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        paths = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        self._write(paths[0], _name(name), key, name)
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return paths

    def _write(self, path: Path, subject: Name, key: ec.EllipticCurvePrivateKey, host: str | None) -> None:
        now = datetime.now(UTC)
        made = CertificateBuilder(self._name, subject, key.public_key(), random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(BasicConstraints(ca=host is None, path_length=None), critical=True)
        # Python 3.13 and later ask for these.
        made = made.add_extension(SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made = made.add_extension(AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        if host is None:
            made = made.add_extension(_SIGNS, critical=True)
        else:
            made = made.add_extension(SubjectAlternativeName([DNSName(host)]), critical=False)
        path.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))


_SIGNS = KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def _name(text: str) -> Name:
    return Name([NameAttribute(NameOID.COMMON_NAME, text)])

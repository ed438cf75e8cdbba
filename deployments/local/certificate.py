"""The certificate without which SeaweedFS's inner ports answer nobody.

S3 keys and tokens guard what comes over HTTP. Over gRPC, master, volume, filer, S3 and admin do
what anybody says, unless each side has to show a certificate that the other knows.
https://github.com/seaweedfs/seaweedfs/wiki/Security-Configuration
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.local.folder import write

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LIFE = timedelta(days=3650)
LEAST_LEFT = timedelta(days=365)
SKEW = timedelta(days=1)  # a clock that is set back a little must not make it one of the future


def ensure(path: Path, now: datetime | None = None) -> None:
    """Make the certificate where none is there that can be kept; call it before the store starts.

    Raises:
        OSError: the file cannot be written.
    """
    now = now or datetime.now(UTC)
    if not _can_be_kept(path, now):
        write(path, _make(now).decode("ascii"))


def ends(path: Path) -> datetime | None:
    """Return when the certificate ends, or None where there is none to be read."""
    certificate = _read(path)
    return None if certificate is None else certificate.not_valid_after_utc


def _can_be_kept(path: Path, now: datetime) -> bool:
    certificate = _read(path)
    if certificate is None or now > certificate.not_valid_after_utc - LEAST_LEFT:
        return False
    found = path.lstat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o077


def _read(path: Path) -> Certificate | None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        data = path.read_bytes()
        certificate = load_pem_x509_certificate(data)
        same = load_pem_private_key(data, None).public_key() == certificate.public_key()
    except (OSError, ValueError, TypeError):
        return None
    return certificate if same else None


def _make(now: datetime) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "perennial")])
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFE)
        # It stands for itself, and no authority's key is left to sign another one with.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .sign(key, SHA256())
    )
    # In one file, written at once: SeaweedFS (4.48) that finds half of a pair opens its ports.
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)

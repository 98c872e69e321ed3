"""Certificates for servers of the tests' own."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def server_tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS settings of a server on localhost, and the file with the CA that its clients have to trust."""
    ca, bundle = trustme.CA(), folder / "ca.pem"
    ca.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context, bundle

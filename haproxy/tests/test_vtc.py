"""Each vtc/*.vtc is one test: what the door says to servers and clients, byte by byte (varnishtest)."""

import os
import subprocess
from pathlib import Path

import pytest

from haproxy.tests.door import CONFIGURATION
from local.binaries import binary
from local.certificates import Certificate
from local.ports import free_port
from local.proxy import FOLDER

VTC = Path(__file__).parent / "vtc"
SECONDS = 60


@pytest.mark.parametrize("script", sorted(VTC.glob("*.vtc")), ids=lambda path: path.stem)
def test_protocol(script: Path, certificate: Certificate) -> None:
    client, plain = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    port = free_port()
    variables = {
        "HAPROXY_PROGRAM": str(binary("haproxy")),
        "BRIDGE_BIND": client,
        "NEXUS_PROXY_HTTPS_BIND": f"127.0.0.1:{port}",
        "NEXUS_PROXY_HTTP_BIND": plain,
        "NEXUS_PROXY_HTTPS_PORT": str(port),
        "NEXUS_PROXY_CERTIFICATE": str(certificate.pem),
        "NEXUS_PROXY_ERRORS": str(FOLDER / "errors"),
        # Each server is checked once, at the start: its script begins with the check.
        "NEXUS_PROXY_CHECK_INTERVAL": "1h",
    }
    macros = {
        "client": client,
        "plain": plain,
        "door": f"-f {CONFIGURATION} -f {VTC / 'bridge.cfg'}",
        "port": str(port),
        # varnishtest itself writes this one into HAProxy's configuration and then takes it for a macro of ours.
        "cli": "${cli}",
    }
    definitions = [word for name, value in macros.items() for word in ("-D", f"{name}={value}")]
    ended = subprocess.run(
        [str(binary("varnishtest")), "-v", "-t", str(SECONDS), *definitions, str(script)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr

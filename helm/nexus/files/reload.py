"""Beside HAProxy: has it take a certificate that was renewed. Requests that run go on in the old process."""

import hashlib
import pathlib
import signal
import socket
import sys
import time

CERTIFICATE = pathlib.Path("/etc/haproxy/tls")
MASTER = "/tmp/master.sock"
LOOK_S = 30


def fingerprint() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(CERTIFICATE.glob("server.*")))).hexdigest()


def reload() -> str:
    with socket.socket(socket.AF_UNIX) as master:
        master.settimeout(20)
        master.connect(MASTER)
        master.sendall(b"reload\n")
        return b"".join(iter(lambda: master.recv(4096), b"")).decode()


signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # a first process ignores it otherwise
known = fingerprint()
while True:
    time.sleep(LOOK_S)
    try:
        if (now := fingerprint()) != known:
            print("the certificate was renewed:", reload().strip() or "reloaded", flush=True)
            known = now
    except OSError as error:  # tried again at the next look
        print("the certificate could not be renewed:", error, flush=True)

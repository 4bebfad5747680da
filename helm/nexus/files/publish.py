"""`helm test`: signs in through the proxy over TLS, publishes a post and finds it on the home timeline."""

import hashlib
import http.client
import json
import os
import ssl
import sys
import time
import uuid
from typing import Any

HANDLE = "helm_test"
PATIENCE_S = 60.0


class Trusting(http.client.HTTPSConnection):
    """Knows the proxy by its public name, whatever its address."""

    def __init__(self) -> None:
        trusted = ssl.create_default_context()
        trusted.load_verify_locations("/tls/tls.crt")
        trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        super().__init__(os.environ["PROXY"], int(os.environ["PORT"]), timeout=20)
        self.trusted = trusted

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self.trusted.wrap_socket(self.sock, server_hostname=os.environ["HOST"])


def call(method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    headers = {"Host": os.environ["HOST"], "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = Trusting()
    connection.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    print(method, path, answer.status, flush=True)
    return answer.status, json.loads(text) if text else None


def token() -> str:
    """Of an account of this test alone; its password follows from the installation's own secret."""
    secret = os.environ["NEXUS_SECRET_KEY"].encode()
    password = hashlib.blake2b(secret, person=b"helm test", digest_size=20).hexdigest()
    credentials = {"login": HANDLE, "password": password}
    status, answer = call("POST", "/identity/log-in", credentials)
    if status == 401:
        body = {"handle": HANDLE, "email": f"{HANDLE}@{os.environ['HOST']}", "password": password}
        call("POST", "/identity/sign-up", body)
        status, answer = call("POST", "/identity/log-in", credentials)
    if status != 200:
        sys.exit(f"cannot sign in: {status} {answer}")
    return str(answer["access_token"])


def main() -> None:
    mine = token()
    text = f"helm test {uuid.uuid4()}"
    status, post = call("POST", "/posts", {"text": text}, mine)
    if status != 201:
        sys.exit(f"cannot publish: {status} {post}")
    status, found = call("GET", f"/posts/{post['id']}", token=mine)
    if status != 200 or found["text"] != text:
        sys.exit(f"the post is not there: {status} {found}")
    until = time.monotonic() + PATIENCE_S
    while True:
        status, home = call("GET", "/timelines/home", token=mine)
        if status == 200 and any(each["post"]["id"] == post["id"] for each in home["items"]):
            break
        if time.monotonic() > until:
            sys.exit(f"the post is not on the home timeline: {status}")
        time.sleep(1)
    print("published and read again through the proxy")


main()

"""What the door itself answers, measures and writes down."""

import json
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from haproxy.tests.conftest import Farm, OpenDoor
from haproxy.tests.door import Door, wait_until
from haproxy.tests.replica import Replica
from local.ports import free_port
from local.proxy import FOLDER

MakeFarm = Callable[..., Farm]
NOBODY = "127.0.0.1:1"
DOCUMENTS = sorted((FOLDER / "errors").glob("*.json"))


def client_of(door: Door) -> httpx.Client:
    """A client that trusts the door's authority."""
    return httpx.Client(base_url=door.url, verify=door.client_tls(), timeout=15)


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    """One that the test starts when it needs it."""
    effects = tmp_path / "effects"
    effects.mkdir()
    return Replica(tmp_path / "replica-1", effects)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_error_document_is_a_problem_document(document: Path) -> None:
    problem = json.loads(document.read_text())
    assert set(problem) == {"type", "title", "status", "detail", "instance", "code", "errors", "trace_id"}
    assert problem["status"] == int(document.stem)
    assert problem["type"] == f"/problems#{problem['code']}"


def test_a_problem_document_names_the_path_and_the_request(open_door: OpenDoor) -> None:
    with client_of(open_door(web=[NOBODY])) as client:
        answer = client.get('/api/v1/"quoted"\\?token=secret')
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert answer.json()["trace_id"] == answer.headers["X-Request-ID"]
    assert answer.json()["instance"].startswith("/api/v1/")
    assert "secret" not in answer.text


def test_what_no_replica_answers_in_time_is_a_504(replica: Replica, open_door: OpenDoor) -> None:
    with replica:
        door = open_door(web=[replica.address])
        with client_of(door) as client:
            answer = client.get("/api/v1/slow/3")
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
    assert 1 <= int(answer.headers["Retry-After"]) <= 3
    assert door.access_log()[-1]["retries"] == "3"


def test_where_everything_is_slow_a_read_is_waited_for_and_not_tried_again(
    replica: Replica, open_door: OpenDoor
) -> None:
    with replica:
        door = open_door(web=[replica.address])
        with client_of(door) as client:
            assert client.get("/api/v1/slow/1.2").status_code == 200
            assert client.get("/api/v1/slow/3").status_code == 200
            assert door.access_log()[-1]["retries"] == "0"
            for _ in range(60):  # where most are quick, a slow replica is the exception again
                assert client.get("/api/v1/read").status_code == 200
            assert client.get("/api/v1/slow/3").status_code == 504


def test_what_does_not_fit_into_the_queue_is_shed_and_the_rest_is_served(replica: Replica, open_door: OpenDoor) -> None:
    with replica, ThreadPoolExecutor(8) as threads:
        door = open_door(web=[replica.address], variables={"WEB_MAXCONN": "1", "WEB_QUEUE": "2"})
        with client_of(door) as client:
            answers = list(threads.map(lambda _: client.get("/api/v1/slow/0.5"), range(8)))
    shed = [answer for answer in answers if answer.status_code == 503]
    served = [answer for answer in answers if answer.status_code == 200]
    assert len(shed) + len(served) == len(answers)
    assert shed
    assert len(served) >= 3  # one in the replica, two in the queue
    assert {answer.json()["code"] for answer in shed} == {"unavailable"}


def test_a_stream_that_is_quiet_for_longer_than_a_read_may_take_is_not_cut(
    replica: Replica, open_door: OpenDoor
) -> None:
    with replica:
        door = open_door(web=[NOBODY], live=[replica.address])
        with client_of(door) as client, client.stream("GET", "/api/v1/live") as stream:
            events = [line for line in stream.iter_lines() if line]
    assert events == ["event: hello", "event: late"]


def test_one_address_has_a_limited_number_of_streams(replica: Replica, open_door: OpenDoor) -> None:
    with replica:
        door = open_door(web=[NOBODY], live=[replica.address], variables={"LIVE_PER_ADDRESS": "1"})
        with client_of(door) as client, client.stream("GET", "/api/v1/live") as stream:
            second = client.get("/api/v1/live")
            assert next(stream.iter_lines()) == "event: hello"
    assert (second.status_code, second.json()["code"]) == (429, "rate_limited")


def test_metrics_and_the_own_liveness_need_no_replica_and_have_a_port_of_their_own(open_door: OpenDoor) -> None:
    door = open_door(web=[NOBODY])
    own = f"http://127.0.0.1:{door.metrics_port}"
    assert httpx.get(f"{own}/livez").status_code == 200
    assert "haproxy_backend_status" in httpx.get(f"{own}/metrics").text
    assert httpx.get(f"{own}/").json()["code"] == "not_found"


def test_the_access_log_is_json_and_keeps_secrets_out(replica: Replica, open_door: OpenDoor) -> None:
    with replica:
        door = open_door(web=[replica.address])
        with client_of(door) as client:
            headers = {"User-Agent": 'a "browser"\\', "Authorization": "Bearer secret"}
            answer = client.get("/api/v1/read?token=secret", headers=headers)
        wait_until(lambda: bool(door.access_log()), "the line in the log")
    (line,) = door.access_log()
    text = door.log.read_text()
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/read", 200)
    assert (line["frontend"], line["backend"], line["server"]) == ("https", "web", "web1")
    assert (line["retries"], line["termination"], line["user_agent"]) == ("0", "--", 'a "browser"\\')
    assert {type(line[name]) for name in line if name.endswith("_ms") or name.startswith("bytes_")} == {int}
    assert "secret" not in text


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_tls_is_modern_only_and_offers_http_2(open_door: OpenDoor) -> None:
    door = open_door(web=[NOBODY])
    assert handshake(door, ssl.TLSVersion.TLSv1_3) == ("TLSv1.3", "h2")
    assert handshake(door, ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", "h2")
    assert handshake(door, ssl.TLSVersion.TLSv1_2, protocols=["http/1.1"]) == ("TLSv1.2", "http/1.1")
    with pytest.raises(ssl.SSLError):
        handshake(door, ssl.TLSVersion.TLSv1_1)
    with pytest.raises(ssl.SSLError):
        handshake(door, ssl.TLSVersion.TLSv1_2, ciphers="AES128-SHA")
    # Lines about connections that never became requests are JSON too.
    assert {line["event"] for line in door.access_log()} <= {"request", "connection_failed"}


def test_two_proxies_share_the_rate_limit(open_door: OpenDoor) -> None:
    peers = {f"PEER_{number}": f"127.0.0.1:{free_port()}" for number in (1, 2)}
    first, second = (
        open_door(web=[NOBODY], variables={**peers, "PEER_NAME": name, "RATE_LIMIT": "20"})
        for name in ("peer1", "peer2")
    )
    with client_of(first) as client:
        statuses = [client.get("/").status_code for _ in range(25)]
    assert statuses == [503] * 20 + [429] * 5
    with client_of(second) as client:
        wait_until(lambda: client.get("/").status_code == 429, "the other proxy to know", seconds=8)


def handshake(
    door: Door, version: ssl.TLSVersion, protocols: list[str] | None = None, ciphers: str | None = None
) -> tuple[str | None, str | None]:
    """Version and protocol that were agreed on."""
    tls = door.client_tls()
    tls.minimum_version = tls.maximum_version = version
    tls.set_alpn_protocols(protocols or ["h2", "http/1.1"])
    if ciphers:
        tls.set_ciphers(ciphers)
    with (
        socket.create_connection(("127.0.0.1", door.port), timeout=10) as plain,
        tls.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.version(), secure.selected_alpn_protocol()


@pytest.mark.parametrize(("permille", "flags"), [("0", "00"), ("1000", "01")])
def test_so_many_of_the_traces_that_begin_here_are_to_be_recorded(
    open_door: OpenDoor, permille: str, flags: str
) -> None:
    door = open_door(web=[NOBODY], variables={"TRACES_PERMILLE": permille})
    with client_of(door) as client:
        request_id = client.get("/").headers["X-Request-ID"]
    wait_until(lambda: request_id in door.log.read_text(), "the line of the log")
    (line,) = [line for line in door.access_log() if line["request_id"] == request_id]
    assert (line["trace_id"], line["trace_flags"]) == (request_id.replace("-", ""), flags)
    assert line["parent_span_id"] == "-"

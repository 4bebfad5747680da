"""A name server of the tests: answers A questions about every name with the addresses of the moment."""

import socket
import struct
import threading
from types import TracebackType
from typing import Self

HEADER = struct.Struct("!6H")
RESPONSE = 0x8580  # an authoritative answer without error
A = 1


class Names:
    """`addresses` may be changed at any time; `silent` makes it ignore (and count) all questions."""

    def __init__(self, port: int, addresses: list[str]) -> None:
        self.address = f"127.0.0.1:{port}"
        self.addresses = addresses
        self.silent = False
        self.ignored = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(0.1)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._end.is_set():
            try:
                query, client = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            if self.silent:
                self.ignored += 1
            else:
                self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        identity = HEADER.unpack_from(query)[0]
        end = query.index(b"\0", HEADER.size) + 5  # the name, its end, type and class
        question = query[HEADER.size : end]
        kind = struct.unpack("!H", question[-4:-2])[0]
        records = [
            # a pointer to the name in the question, A, IN, one second to live, four bytes
            struct.pack("!3HIH", 0xC00C, A, 1, 1, 4) + socket.inet_aton(address)
            for address in self.addresses
            if kind == A
        ]
        return HEADER.pack(identity, RESPONSE, 1, len(records), 0, 0) + question + b"".join(records)

"""RFC 6455 as an independent client sees it: the cases of Autobahn's test suite, by its numbers.

The suite itself runs on Python 2. The cases here are what its descriptions say is sent and expected: groups 1
(framing), 2 (pings), 3 (reserved bits), 4 (opcodes), 5 (fragments), 6 (UTF-8), 7 (closing) and 9 (sizes); the others
are about compression, which we do not offer. The cases beyond it (masks, lengths, what is seen before a frame is whole)
come at the end. An edge's own sockets take less than what is sent in group 9, and answer otherwise than by an echo.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from kit.wire import BINARY, CLOSE, CONTINUED, PING, PONG, TEXT, Frame, Served, Wire, client_frame, goodbye, serving

LARGEST = 16 << 20
OPEN = -1
"""The connection is as it was: our goodbye is answered."""
WRONG, NO_UTF8, TOO_BIG = 1002, 1007, 1009


class Case(NamedTuple):
    """The bytes that a client sends, frame by frame or `chop` at a time; what it hears, and with which code it ends."""

    sends: list[bytes]
    hears: list[Frame]
    ends: int = OPEN
    chop: int = 0


def text(payload: bytes = b"Hello, world!", *, fin: bool = True, rsv: int = 0, opcode: int = TEXT) -> bytes:
    return client_frame(opcode, payload, fin=fin, rsv=rsv)


def part(payload: bytes, *, fin: bool = False) -> bytes:
    return client_frame(CONTINUED, payload, fin=fin)


def parts(payload: bytes, size: int, opcode: int = TEXT) -> list[bytes]:
    """A message in parts of that size."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    last = len(pieces) - 1
    return [
        client_frame(CONTINUED if number else opcode, piece, fin=number == last) for number, piece in enumerate(pieces)
    ]


def echoed(payload: bytes, opcode: int = TEXT, *, chop: int = 0) -> Case:
    return Case([client_frame(opcode, payload)], [(opcode, payload)], chop=chop)


BYE = client_frame(CLOSE, goodbye(1000))
HELLO = (TEXT, b"Hello, world!")
PING_, PONGED = client_frame(PING, b"are you there"), (PONG, b"are you there")
MANY = [client_frame(PING, f"payload-{number}".encode()) for number in range(10)]
PONGS = [(PONG, f"payload-{number}".encode()) for number in range(10)]
ODD = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

FRAMING = {
    **{
        f"1.{group}.{number}": echoed(fill * size, opcode)
        for group, opcode, fill in ((1, TEXT, b"*"), (2, BINARY, b"\xfe"))
        for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1)
    },
    "1.1.8": echoed(b"*" * 65536, chop=997),
    "1.2.8": echoed(b"\xfe" * 65536, BINARY, chop=997),
}

PINGS = {
    "2.1": Case([client_frame(PING)], [(PONG, b"")]),
    "2.2": Case([PING_], [PONGED]),
    "2.3": Case([client_frame(PING, ODD)], [(PONG, ODD)]),
    "2.4": Case([client_frame(PING, b"\xfe" * 125)], [(PONG, b"\xfe" * 125)]),
    "2.5": Case([client_frame(PING, b"\xfe" * 126)], [], WRONG),
    "2.6": Case([client_frame(PING, b"\xfe" * 125)], [(PONG, b"\xfe" * 125)], chop=1),
    "2.7": Case([client_frame(PONG)], []),
    "2.8": Case([client_frame(PONG, b"unsolicited")], []),
    "2.9": Case([client_frame(PONG, b"unsolicited"), PING_], [PONGED]),
    "2.10": Case(MANY, PONGS),
    "2.11": Case(MANY, PONGS, chop=1),
}

RESERVED = {
    "3.1": Case([text(rsv=1)], [], WRONG),
    "3.2": Case([text(), text(rsv=2), PING_], [HELLO], WRONG),
    "3.3": Case([text(), text(rsv=3), PING_], [HELLO], WRONG),
    "3.4": Case([text(), text(rsv=4), PING_], [HELLO], WRONG, chop=1),
    "3.5": Case([text(ODD, rsv=5, opcode=BINARY)], [], WRONG),
    "3.6": Case([client_frame(PING, b"are you there", rsv=6)], [], WRONG),
    "3.7": Case([client_frame(CLOSE, goodbye(1000), rsv=7)], [], WRONG),
}

OPCODES = {
    **{f"4.1.{number}": Case([client_frame(number + 2, b"x" * (number - 1))], [], WRONG) for number in (1, 2)},
    **{f"4.2.{number}": Case([client_frame(number + 10, b"x" * (number - 1))], [], WRONG) for number in (1, 2)},
    **{
        f"4.{group}.{number}": Case([text(), client_frame(number + base, b"x" * (number - 3)), PING_], [HELLO], WRONG)
        for group, base in ((1, 2), (2, 10))
        for number in (3, 4)
    },
    "4.1.5": Case([text(), client_frame(7, b"xx"), PING_], [HELLO], WRONG, chop=1),
    "4.2.5": Case([text(), client_frame(15, b"xx"), PING_], [HELLO], WRONG, chop=1),
}

TWO = [text(b"fragment1", fin=False), part(b"fragment2", fin=True)]
BOTH = (TEXT, b"fragment1fragment2")
TWICE = [part(b"fragment1"), text(b"fragment2", fin=False), part(b"fragment3", fin=True)]
FIVE = [text(b"fragment1", fin=False), part(b"fragment2"), PING_, part(b"fragment3"), part(b"fragment4"), PING_,
        part(b"fragment5", fin=True)]  # fmt: skip

FRAGMENTS = {
    "5.1": Case([client_frame(PING, b"fragment1", fin=False), part(b"fragment2", fin=True)], [], WRONG),
    "5.2": Case([client_frame(PONG, b"fragment1", fin=False), part(b"fragment2", fin=True)], [], WRONG),
    "5.3": Case([b"".join(TWO)], [BOTH]),
    "5.4": Case(TWO, [BOTH]),
    "5.5": Case(TWO, [BOTH], chop=1),
    "5.6": Case([b"".join((TWO[0], PING_, TWO[1]))], [PONGED, BOTH]),
    "5.7": Case([TWO[0], PING_, TWO[1]], [PONGED, BOTH]),
    "5.8": Case([TWO[0], PING_, TWO[1]], [PONGED, BOTH], chop=1),
    "5.9": Case([part(b"nothing", fin=True) + text()], [], WRONG),
    "5.10": Case([part(b"nothing", fin=True), text()], [], WRONG),
    "5.11": Case([part(b"nothing", fin=True), text()], [], WRONG, chop=1),
    "5.12": Case([part(b"nothing") + text()], [], WRONG),
    "5.13": Case([part(b"nothing"), text()], [], WRONG),
    "5.14": Case([part(b"nothing"), text()], [], WRONG, chop=1),
    "5.15": Case([*TWO, part(b"fragment3"), text(b"fragment4")], [BOTH], WRONG),
    "5.16": Case([*TWICE, *TWICE], [], WRONG),
    "5.17": Case([part(b"fragment1", fin=True), *TWICE[1:], *TWICE], [], WRONG),
    "5.18": Case([text(b"fragment1", fin=False), text(b"fragment2")], [], WRONG),
    "5.19": Case(FIVE, [PONGED, PONGED, (TEXT, b"".join(b"fragment%d" % n for n in range(1, 6)))]),
    "5.20": Case([b"".join(FIVE)], [PONGED, PONGED, (TEXT, b"".join(b"fragment%d" % n for n in range(1, 6)))]),
}

GREEK = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
UMLAUTS = "Hello-µ@ßöäüàá-UTF-8!!".encode()
SURROGATE = GREEK + b"\xed\xa0\x80edited"
BEYOND = b"\xf4\x90\x80\x80"

VALID = {
    "6.5": [b"A", UMLAUTS, GREEK],
    "6.7": [b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    "6.9": [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    "6.11": [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"],
    "6.22": [chr(plane << 16 | last).encode() for plane in range(17) for last in (0xFFFE, 0xFFFF)],
    "6.23": [chr(code).encode() for code in (0xFFF9, 0xFFFA, 0xFFFB, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF)],
}
INVALID = {
    "6.6": [GREEK[:end] for end in range(1, len(GREEK)) if end not in (2, 5, 7, 9)],
    "6.8": [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    "6.10": [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
    "6.11": [BEYOND],
    "6.12": [b"\x80", b"\xbf", *((b"\x80\xbf" * 3)[:end] for end in range(2, 7)), bytes(range(0x80, 0xC0))],
    "6.13": [
        b"".join(bytes((start, 0x20)) for start in range(first, last))
        for first, last in ((0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE))
    ],
    "6.14": [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80",
             b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"],
    "6.15": [b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"],
    "6.16": [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
    "6.17": [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"],
    "6.18": [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"],
    "6.19": [b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"],
    "6.20": [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80",
             b"\xed\xbf\xbf"],
    "6.21": [b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xa0\x80\xed\xbf\xbf", b"\xed\xad\xbf\xed\xb0\x80",
             b"\xed\xad\xbf\xed\xbf\xbf", b"\xed\xae\x80\xed\xb0\x80", b"\xed\xae\x80\xed\xbf\xbf",
             b"\xed\xaf\xbf\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"],
}  # fmt: skip

UTF8 = {
    "6.1.1": echoed(b""),
    "6.1.2": Case([text(b"", fin=False), part(b""), part(b"", fin=True)], [(TEXT, b"")]),
    "6.1.3": Case([text(b"", fin=False), part(b"middle"), part(b"", fin=True)], [(TEXT, b"middle")]),
    "6.2.1": echoed(UMLAUTS),
    "6.2.2": Case([text(UMLAUTS[:12], fin=False), part(UMLAUTS[12:], fin=True)], [(TEXT, UMLAUTS)]),
    "6.2.3": Case(parts(UMLAUTS, 1), [(TEXT, UMLAUTS)]),
    "6.2.4": Case(parts(GREEK, 1), [(TEXT, GREEK)]),
    "6.3.1": Case([text(SURROGATE)], [], NO_UTF8),
    "6.3.2": Case(parts(SURROGATE, 1), [], NO_UTF8),
    "6.4.1": Case([text(GREEK, fin=False), part(BEYOND)], [], NO_UTF8),
    "6.4.2": Case([text(GREEK + BEYOND[:1], fin=False), part(BEYOND[1:2])], [], NO_UTF8),
    "6.4.3": Case([text(GREEK + BEYOND + b"edited")], [], NO_UTF8, chop=len(GREEK) + 10),
    "6.4.4": Case([text(GREEK + BEYOND + b"edited")], [], NO_UTF8, chop=len(GREEK) + 7),
    **{f"{group}.{n}": echoed(valid) for group, payloads in VALID.items() for n, valid in enumerate(payloads, 1)},
    **{
        f"{group}.{n}, invalid": Case([text(invalid)], [], NO_UTF8)
        for group, payloads in INVALID.items()
        for n, invalid in enumerate(payloads, 1)
    },
    **{
        f"{group}.{n}, invalid, in parts": Case(parts(invalid, 1), [], NO_UTF8)
        for group, payloads in INVALID.items()
        for n, invalid in enumerate(payloads, 1)
    },
}

BYED = 1000
CLOSING = {
    "7.1.1": Case([text(), BYE], [HELLO], BYED),
    "7.1.2": Case([BYE, BYE], [], BYED),
    "7.1.3": Case([BYE, PING_], [], BYED),
    "7.1.4": Case([BYE, text()], [], BYED),
    "7.1.5": Case([text(b"fragment1", fin=False), BYE, part(b"fragment2", fin=True)], [], BYED),
    # Without the ping, which the suite sends last: a reset for it may overtake the echo, which it allows.
    "7.1.6": Case([text(b"*" * 262144), BYE], [(TEXT, b"*" * 262144)], BYED),
    "7.3.1": Case([client_frame(CLOSE)], [], 0),
    "7.3.2": Case([client_frame(CLOSE, b"a")], [], WRONG),
    "7.3.3": Case([client_frame(CLOSE, goodbye(1000))], [], 1000),
    "7.3.4": Case([client_frame(CLOSE, goodbye(1000, b"Hello, world!"))], [], 1000),
    "7.3.5": Case([client_frame(CLOSE, goodbye(1000, b"*" * 123))], [], 1000),
    "7.3.6": Case([client_frame(CLOSE, goodbye(1000, b"*" * 124))], [], WRONG),
    "7.5.1": Case([client_frame(CLOSE, goodbye(1000, SURROGATE))], [], WRONG),
    **{
        f"7.7.{n}": Case([client_frame(CLOSE, goodbye(code))], [], code)
        for n, code in enumerate(
            (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999), 1
        )
    },
    **{
        f"7.9.{n}": Case([client_frame(CLOSE, goodbye(code))], [], WRONG)
        for n, code in enumerate((0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999), 1)
    },
    "7.13.1": Case([client_frame(CLOSE, goodbye(5000))], [], WRONG),
    "7.13.2": Case([client_frame(CLOSE, goodbye(65535))], [], WRONG),
}

KINDS = ((TEXT, b"*"), (BINARY, b"\xfe"))
SIZES = {
    **{
        f"9.{group}.{n}": echoed(fill * (size << 10), opcode)
        for group, (opcode, fill) in enumerate(KINDS, 1)
        for n, size in enumerate((64, 256, 1024, 4096, 8192, 16384), 1)
    },
    **{
        f"9.{group}.{n}": Case([b"".join(parts(fill * (4 << 20), size, opcode))], [(opcode, fill * (4 << 20))])
        for group, (opcode, fill) in enumerate(KINDS, 3)
        for n, size in enumerate((64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20), 1)
    },
    **{
        f"9.{group}.{n}": echoed(fill * (1 << 20), opcode, chop=chop)
        for group, (opcode, fill) in enumerate(KINDS, 5)
        for n, chop in enumerate((64, 128, 256, 512, 1024, 2048), 1)
    },
    **{
        f"9.{group}.{n}": Case([client_frame(opcode, fill * size)] * 1000, [(opcode, fill * size)] * 1000)
        for group, (opcode, fill) in enumerate(KINDS, 7)
        for n, size in enumerate((0, 16, 64, 256, 1024, 4096), 1)
    },
    "9, too big": Case([client_frame(TEXT, b"*" * (LARGEST + 1))[:14]], [], TOO_BIG),
    "9, too big in parts": Case([text(b"*" * LARGEST, fin=False), part(b"*")], [], TOO_BIG),
}

AT_ONCE = {
    "reserved bits, by the first two bytes": Case([text(rsv=1)[:2]], [], WRONG),
    "no mask, by the first two bytes": Case([client_frame(TEXT, b"x", masked=False)[:2]], [], WRONG),
    "no mask, a ping": Case([client_frame(PING, masked=False)], [], WRONG),
    "no mask, a goodbye": Case([client_frame(CLOSE, goodbye(1000), masked=False)], [], WRONG),
    "an unknown opcode, by the first two bytes": Case([client_frame(3)[:2]], [], WRONG),
    "a large ping, by the first two bytes": Case([client_frame(PING, b"x" * 126)[:2]], [], WRONG),
    "a part of nothing, by the first two bytes": Case([part(b"x" * 1000)[:2]], [], WRONG),
    "a length of 125 in two bytes": Case([client_frame(TEXT, b"x" * 125, width=2)[:4]], [], WRONG),
    "a length of 65535 in eight": Case([client_frame(TEXT, b"x" * 65535, width=8)[:10]], [], WRONG),
    "a length beyond 63 bits": Case([b"\x81\xff\x80" + b"\x00" * 7], [], WRONG),
    "a length of nothing in eight": Case([client_frame(BINARY, b"", width=8)[:10]], [], WRONG),
    "no UTF-8, by the part that breaks it": Case([text(b"\xc3", fin=False), part(b"\x28")], [], NO_UTF8),
    "text that ends within a character": Case([text(b"\xc3", fin=False), part(b"", fin=True)], [], NO_UTF8),
}

CASES = FRAMING | PINGS | RESERVED | OPCODES | FRAGMENTS | UTF8 | CLOSING | SIZES | AT_ONCE


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(largest=LARGEST) as served:
        yield served


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(server: Served, case: Case) -> None:
    with Wire(server.port) as wire:
        assert wire.opens().startswith("HTTP/1.1 101 ")
        for sent in case.sends:
            for at in range(0, len(sent), case.chop or len(sent)):
                wire.send(sent[at : at + (case.chop or len(sent))])
        heard = [wire.frame() for _ in case.hears]
        assert heard == case.hears
        if case.ends == OPEN:
            wire.send(BYE)
        closing = wire.frame()
        assert closing is not None
        assert closing[0] == CLOSE
        assert int.from_bytes(closing[1][:2], "big") == (1000 if case.ends == OPEN else case.ends)
        wire.hangs_up(client_frame(CLOSE, closing[1][:2]))
        assert wire.frame() is None, "and nothing after it"

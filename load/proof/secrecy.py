"""P5: nobody is told what is not for them. Raw bytes are searched, not what a decoder makes of them.

Searched for: tokens that are one user's alone; the entropy that a room drew; and cards, each of which must be on the
board, shown by its owner, or the viewer's own.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from tavola.client.frames import Json
from tavola.load.checks.holdem import cards_in, cards_of
from tavola.load.evidence.evidence import Diary, RecordedRoom, Row, Text, decoded, users
from tavola.load.proof.findings import Finding
from tavola.load.proof.ledger import Ledger

K = TypeVar("K")
RECENT = 20
"""A full view holds so many updates, and what was known in them."""
_WORD = re.compile(rb"[0-9A-Za-z+/_=-]{24,}")
_HEX = 16
"""Digits of an entropy that are looked for, and characters of a token in a log: 64 bits are not met by chance."""
_RUN = re.compile(rb"[0-9A-Za-z_-]{%d,}" % _HEX)


class Mark(msgspec.Struct, frozen=True):
    """A text that must stand in no log, and where it comes from. `what` names it and does not quote it."""

    room: str
    seq: int
    what: str


def judge(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    yield from _tokens(room)
    yield from _entropy(room)
    if room.game == "holdem":
        yield from _cards(room, ledger)


def marks(room: RecordedRoom) -> dict[bytes, Mark]:
    """By what they are known in a text: the first digits of each entropy that was drawn here, and of each token that
    was given to somebody the end, which is its signature if it has one."""
    known = {_digits(row.entropy): Mark(room.id, row.seq, "the entropy that was drawn here") for row in _drawn(room)}
    for user in users(room):
        for token in _held(room, user):
            for run in _RUN.findall(token)[-1:]:
                known[run[-_HEX:]] = Mark(room.id, 0, f"a token of user {user}")
    return known


def judge_texts(texts: Iterable[Text], tokens: dict[str, str], known: Mapping[bytes, Mark]) -> Iterator[Finding]:
    """`tokens` by name; `known` as `marks` gives them, of all rooms: of these a text is gone through once."""
    for text in texts:
        runs = set(_RUN.findall(text.text))
        for mark in {mark: None for run in runs for mark in _within(run, known, _HEX)}:
            yield Finding("P5", mark.room, mark.seq, f"{text.name} holds {mark.what}")
        for name, token in tokens.items():
            if token.encode() in text.text:
                yield Finding("P5", "", 0, f"{text.name} holds {name}")
        for number, line in enumerate(text.text.splitlines(), 1):
            if len(cards_in(line)) > 1:
                yield Finding("P5", _room_in(line), 0, f"line {number} of {text.name} names cards")


# Tokens


def _tokens(room: RecordedRoom) -> Iterator[Finding]:
    """A token that was given to one user must not come to another."""
    held = {diary.user: _held(room, diary.user) for diary in room.diaries}
    for diary in room.diaries:
        others = {token for user, tokens in held.items() if user != diary.user for token in tokens}
        everything = b"\n".join(note.data for note in diary.notes if note.kind != "out")
        for token in others - held[diary.user]:
            if token in everything:
                seq = next(_seq_of(note.data) for note in diary.notes if token in note.data)
                yield Finding("P5", room.id, seq, f"{diary.name} was sent a token of somebody else's")
    channel = b"\n".join(message.data for message in room.heard)
    for user, tokens in held.items():
        for token in tokens:
            if token in channel:
                yield Finding("P5", room.id, 0, f"a token of user {user} was on the channel")


def _held(room: RecordedRoom, user: str) -> set[bytes]:
    tokens: set[bytes] = set()
    for diary in room.diaries:
        if diary.user == user:
            tokens.update(secret.encode() for secret in diary.secrets if secret)
            for note in diary.notes:
                if note.kind in ("in", "fetched") and (b'"rejoin_token"' in note.data or b'"seat_token"' in note.data):
                    mine = decoded(note.data)
                    view = mine.get("view", mine)
                    me = view.get("me") if isinstance(view, dict) else None
                    for given in (mine, me):
                        if isinstance(given, dict):
                            tokens.update(
                                str(given[name]).encode() for name in ("rejoin_token", "seat_token") if given.get(name)
                            )
    return tokens


# Entropy


def _entropy(room: RecordedRoom) -> Iterator[Finding]:
    known = {_digits(row.entropy): row.seq for row in _drawn(room)}
    raw = {row.entropy[: _HEX // 2]: row.seq for row in _drawn(room)}
    if not known:
        return
    for diary in room.diaries:
        for note in diary.notes:
            seq = next(_found(note.data, known), None)
            if note.kind in ("in", "fetched") and seq is not None:
                yield Finding("P5", room.id, seq, f"{diary.name} was sent the entropy that was drawn here")
    for message in room.heard:
        seq = next(_found(message.data, known), None)
        if seq is None:
            seq = next(_within(message.data, raw, _HEX // 2), None)
        if seq is not None:
            yield Finding("P5", room.id, seq, "the entropy that was drawn here was on the channel")


def _drawn(room: RecordedRoom) -> list[Row]:
    return [row for row in room.log if len(row.entropy) >= _HEX // 2]


def _digits(entropy: bytes) -> bytes:
    return entropy.hex()[:_HEX].encode()


def _found(data: bytes, known: dict[bytes, int]) -> Iterator[int]:
    for word in _WORD.findall(data):
        yield from _within(word, known, _HEX)


def _within(data: bytes, known: Mapping[bytes, K], size: int) -> Iterator[K]:
    """The values of the `known` pieces, each of `size` bytes, that lie anywhere in `data`."""
    for start in range(len(data) - size + 1):
        if (value := known.get(data[start : start + size])) is not None:
            yield value


# Cards


class _KnownCards:
    """Which cards may be named, as the log goes on, to everybody and to each user. A new hand forgets the last; one
    update may hold the end of a hand and the beginning of the next."""

    def __init__(self, ledger: Ledger) -> None:
        self._hand_after: dict[int, int] = {}
        self._steps: dict[int, list[tuple[int, frozenset[str], dict[str, frozenset[str]]]]] = {}
        hand, public, own = 0, frozenset[str](), dict[str, frozenset[str]]()
        for seq in sorted(ledger.entries):
            entry = ledger.entries[seq]
            for event in entry.events:
                if event["kind"] == "hand_started":
                    self._steps.setdefault(hand, []).append((seq, public, own))
                    hand, public, own = hand + 1, frozenset(), {}
                elif event["kind"] in ("cards_shown", "street_advanced"):
                    public |= cards_of(event)
            for user, part in entry.parts.items():
                dealt = [cards_of(event) for event in part.events or () if event["kind"] == "hole_cards_dealt"]
                if dealt:
                    own = {**own, user: frozenset[str]().union(*dealt)}
            self._steps.setdefault(hand, []).append((seq, public, own))
            self._hand_after[seq] = hand

    def at(self, user: str | None, seq: int, back: int = 1) -> frozenset[str]:
        """The cards that may be named to `user` (None: to everybody) after `seq`, of the hands up to `back` updates
        ago."""
        known = frozenset[str]()
        for hand in range(self._hand_after.get(seq - back, 0), self._hand_after.get(seq, 0) + 1):
            steps = self._steps.get(hand, [])
            index = bisect.bisect_right(steps, seq, key=lambda step: step[0])
            if index:
                _, public, own = steps[index - 1]
                known |= public
                if user is not None:
                    known |= own.get(user, frozenset())
        return known


def _cards(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    known = _KnownCards(ledger)
    for entry in ledger.entries.values():
        public = entry.row.events.encode() + entry.row.patch.encode()
        if not cards_in(public) <= known.at(None, entry.seq):
            yield Finding("P5", room.id, entry.seq, "everybody at the table is shown a card that nobody showed")
        if entry.row.outside and cards_in(entry.row.outside.encode()):
            yield Finding("P5", room.id, entry.seq, "what those outside are shown names cards")
    for diary in room.diaries:
        yield from _cards_of_client(room, known, diary)
    for message in room.heard:
        yield from _cards_on_channel(room, known, message.data)


def _cards_of_client(room: RecordedRoom, known: _KnownCards, diary: Diary) -> Iterator[Finding]:
    at = 0
    for note in diary.notes:
        if note.kind not in ("in", "fetched"):
            continue
        named = cards_in(note.data)
        back = 1
        if note.kind == "fetched" or note.data.startswith(b'{"type":"update') or b'"hydrated"' in note.data[:24]:
            first, last = _span(note.data)
            back = max(1, last - first + 1)
            if note.kind == "fetched" or b'"hydrated"' in note.data[:24]:
                back = RECENT + 1
            at = max(at, last)
        else:
            last, back = at, 2
        if named and not named <= known.at(diary.user, last, back):
            kind = decoded(note.data).get("type", "view")
            yield Finding("P5", room.id, last, f"{diary.name} was sent a card that they may not know, in `{kind}`")


def _cards_on_channel(room: RecordedRoom, known: _KnownCards, data: bytes) -> Iterator[Finding]:
    """The channel carries each user's part; all that is for everybody must name no card that is not shown."""
    try:
        message = msgspec.msgpack.decode(data, type=list[Any])
        seq, shared, parts = message[1], message[4] + b" " + message[5], message[7]
    except (ValueError, IndexError, TypeError, msgspec.MsgspecError):
        return  # a matter of P1
    if not cards_in(shared) <= known.at(None, seq):
        yield Finding("P5", room.id, seq, "the channel names a card to everybody that nobody showed")
    for user, part in parts.items():
        named = set().union(*(cards_in(each) for each in part if isinstance(each, bytes)))
        if not named <= known.at(user, seq):
            yield Finding("P5", room.id, seq, f"the channel names a card to user {user} that they may not know")


def _span(data: bytes) -> tuple[int, int]:
    frame: Json = decoded(data)
    updates = frame.get("updates")
    if isinstance(updates, list) and updates:
        return updates[0]["seq"], updates[-1]["seq"]
    seq = frame.get("seq", 0)
    return seq, seq


def _seq_of(data: bytes) -> int:
    return _span(data)[1]


def _room_in(line: bytes) -> str:
    found = re.search(rb"\broom=(\S+)", line)
    return found[1].decode() if found else ""

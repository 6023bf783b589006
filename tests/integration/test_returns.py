"""Coming back by token, on a real Postgres: what is good, for whom, for how long, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from kit.hosts import SECRET, Table, chat, connected, hosting, open_room, place
from tavola.actors.log.logged import update_of
from tavola.actors.wire.commands import (
    Epoch,
    Kick,
    Leave,
    LeaveSeat,
    RequestJoin,
    RoomId,
    Spectate,
    Start,
    TakeSeat,
    UserId,
)
from tavola.actors.wire.grants import digest
from tavola.actors.wire.refusals import NO_ROOM, NO_SEAT, TOKEN_EXPIRED, TOKEN_INVALID
from tavola.config.limits import REJOIN_MS
from tavola.edge.identity.auth import Identities
from tavola.edge.identity.reconnection import CONNECTION_MS, Holder, Membership, ReconnectionTokens, RoomPass
from tavola.edge.identity.tokens import SEAT_LIFE_S, Tokens, fresh
from tavola.edge.ws.gap_reader import EVER_MS, TOGETHER, GapReader
from tavola.storage.postgres import Database, StorageUnavailable

HOLDEM = {"auto_start": False, "turn_seconds": 120, "next_hand_seconds": 600, "timebank_seconds": 0}
ANN, BOB = UserId("ann"), UserId("bob")


class Scene:
    """A room on a host, and what an edge checks tokens with; both have the same clock, moved by hand."""

    def __init__(self, database: Database, table: Table, room: RoomId, epoch: Epoch) -> None:
        self.database, self.table, self.room, self.epoch = database, table, room, epoch
        self.tokens = Tokens(SECRET)
        self.returns = ReconnectionTokens(database, self.tokens, table.time)

    async def does(self, user: str, command: Any) -> dict[str, Any]:
        """The client's part of an answer: what the command gave."""
        done = await self.table.does(self.epoch, user, command)
        told = self.tokens.told(self.room, UserId(user), done.give.read(), self.table.time())
        return dict(msgspec.to_builtins(told))

    async def joins(self, user: str) -> str:
        """Their rejoin token."""
        return str((await self.does(user, RequestJoin(id="join", room=self.room, display_name=user)))["rejoin_token"])

    async def sits(self, user: str, index: int, id: str = "sit") -> dict[str, Any]:
        return await self.does(user, TakeSeat(id=id, room=self.room, seat_index=index))

    async def kicks(self, user: str) -> None:
        await self.does("host", Kick(id=f"kick {user}", room=self.room, user_id=user))

    async def signs_out(self, user: str) -> None:
        await self.sql("INSERT INTO sign_outs (user_id, at) VALUES ($1, $2)", user, self.table.time())

    async def sql(self, statement: str, *arguments: Any) -> list[Any]:
        connection = await self.database.take()
        try:
            rows: list[Any] = await connection.fetch(statement, *arguments)
            return rows
        finally:
            await self.database.give_back(connection)

    def goes_by(self, ms: int) -> None:
        self.table.time.ms += ms

    async def back(self, token: str) -> Membership:
        part = await self.returns.by_rejoin(token)
        assert isinstance(part, Membership), part
        return part


@asynccontextmanager
async def scene(database_url: str, game: str = "tictactoe", **options: Any) -> AsyncIterator[Scene]:
    async with connected(database_url, most=6) as database, hosting(database, "a") as table:
        room = await open_room(database, game, **options)
        yield Scene(database, table, room, await place(database, room))


@asynccontextmanager
async def a_hand(database_url: str) -> AsyncIterator[Scene]:
    """Host and Ann at hold'em, in the middle of a hand."""
    async with scene(database_url, "holdem", **HOLDEM) as here:
        await here.joins("ann")
        await here.sits("host", 0)
        await here.sits("ann", 1)
        await here.does("host", Start(id="start", room=here.room))
        assert await here.sql("SELECT 1 FROM hands WHERE started_at IS NOT NULL AND ended_at IS NULL")
        yield here


# Rejoin tokens


async def test_a_member_comes_back_as_what_he_is(database_url: str) -> None:
    async with scene(database_url) as here:
        token = await here.joins("ann")
        part = await here.back(token)
        assert (part.user, part.name, part.room, part.role) == ("ann", "ann", here.room, "approved")
        assert (part.is_host, part.seat_index, part.seat_token, part.seq) == (False, None, None, 1)
        await here.does("ann", Spectate(id="watch", room=here.room))
        assert (await here.back(token)).role == "spectator"
        seated = await here.sits("ann", 1)
        part = await here.back(seated["rejoin_token"])
        assert (part.role, part.seat_index, part.seq) == ("player", 1, 3)
        assert part.seat_token is not None
        assert isinstance(await here.returns.by_seat(part.seat_token), Membership)
        host = await here.sits("host", 0)
        assert (await here.back(host["rejoin_token"])).is_host


async def test_only_hashes_are_kept(database_url: str) -> None:
    async with scene(database_url) as here:
        token = await here.joins("ann")
        new = (await here.back(token)).rejoin_token
        connection = await here.sits("ann", 0) and await here.returns.connection_token(here.room, ANN)
        assert isinstance(connection, RoomPass)
        hashes = {row[0] for row in await here.sql("SELECT hash FROM rejoin_tokens")}
        hashes |= {row[0] for row in await here.sql("SELECT hash FROM connection_tokens")}
        assert {digest(each) for each in (token, new, connection.token)} <= hashes
        for table in ("rejoin_tokens", "connection_tokens", "room_seats", "actions"):
            [[dump]] = await here.sql(f"SELECT json_agg(t)::text FROM {table} t")
            assert not [each for each in (token, new, connection.token) if each in dump], table


async def test_a_token_that_was_never_given(database_url: str) -> None:
    async with scene(database_url) as here:
        await here.joins("ann")
        seated = await here.sits("ann", 0)
        identities = Identities(SECRET)
        identity = identities.token(identities.known(ANN, "Ann", 0))
        for token in (fresh(), "", "\0", "x" * 30_000, identity, seated["seat_token"]):
            assert await here.returns.by_rejoin(token) is TOKEN_INVALID
            assert await here.returns.holder(token) is TOKEN_INVALID
        for token in (fresh(), "", identity, seated["rejoin_token"]):
            assert await here.returns.by_seat(token) is TOKEN_INVALID


async def test_a_fresh_one_replaces_it_and_both_are_good_for_a_while(database_url: str) -> None:
    async with scene(database_url) as here:
        old = await here.joins("ann")
        here.goes_by(REJOIN_MS - 1)
        new = (await here.back(old)).rejoin_token
        assert new != old
        here.goes_by(1000)
        again = (await here.back(old)).rejoin_token
        assert again not in (old, new), "a client that lost the answer is given one more"
        here.goes_by(REJOIN_MS - 1000)
        assert await here.returns.by_rejoin(old) is TOKEN_EXPIRED, "its second use did not put it off"
        assert await here.returns.by_rejoin(new) is TOKEN_EXPIRED
        await here.back(again)


async def test_it_expires(database_url: str) -> None:
    async with scene(database_url) as here:
        token = await here.joins("ann")
        here.goes_by(REJOIN_MS - 1)
        assert isinstance(await here.returns.holder(token), Holder)
        here.goes_by(1)
        assert await here.returns.by_rejoin(token) is TOKEN_EXPIRED
        assert await here.returns.holder(token) is TOKEN_EXPIRED


async def test_a_hand_keeps_a_players_token_good_and_nobody_elses(database_url: str) -> None:
    async with a_hand(database_url) as here:
        watching, playing = await here.joins("bob"), await here.joins("ann")
        token = (await here.back(playing)).rejoin_token
        here.goes_by(REJOIN_MS + 60_000)
        assert await here.returns.by_rejoin(watching) is TOKEN_EXPIRED
        new = (await here.back(token)).rejoin_token
        here.goes_by(REJOIN_MS)
        assert await here.returns.by_rejoin(token) is TOKEN_EXPIRED, "a hand does not keep one that was replaced"
        await here.sql("UPDATE hands SET ended_at = $1", here.table.time())
        assert await here.returns.by_rejoin(new) is TOKEN_EXPIRED, "the hand is over"
        here.goes_by(1)
        await here.sql("INSERT INTO hands (room_id, game, number, started_at, record) VALUES ($1, 1, 2, $2, '{}')",
                       here.room, here.table.time())  # fmt: skip
        assert await here.returns.by_rejoin(new) is TOKEN_EXPIRED, "another hand is not the one that ran"


@pytest.mark.parametrize("how", ["kicked", "left"])
async def test_who_is_out_cannot_come_back(database_url: str, how: str) -> None:
    async with a_hand(database_url) as here:
        part = await here.returns.member(here.room, ANN)
        assert part is not None
        assert part.seat_token is not None
        connection = await here.returns.connection_token(here.room, ANN)
        assert isinstance(connection, RoomPass)
        if how == "kicked":
            await here.kicks("ann")
        else:
            await here.does("ann", Leave(id="leave", room=here.room))
        assert await here.sql("SELECT 1 FROM room_seats WHERE user_id = 'ann'"), "they are in the hand yet"
        assert await here.returns.by_rejoin(part.rejoin_token) is TOKEN_INVALID
        assert await here.returns.by_seat(part.seat_token) is TOKEN_INVALID
        assert await here.returns.holder(connection.token) is TOKEN_INVALID
        assert await here.returns.member(here.room, ANN) is None
        assert await here.returns.connection_token(here.room, ANN) is NO_SEAT
        assert not await here.sql("SELECT 1 FROM rejoin_tokens WHERE user_id = 'ann'")


async def test_signing_out_ends_what_was_given_before(database_url: str) -> None:
    async with scene(database_url) as here:
        await here.joins("ann")
        seated = await here.sits("ann", 0)
        connection = await here.returns.connection_token(here.room, ANN)
        assert isinstance(connection, RoomPass)
        await here.signs_out("ann")
        assert await here.returns.by_rejoin(seated["rejoin_token"]) is TOKEN_INVALID
        assert await here.returns.by_seat(seated["seat_token"]) is TOKEN_INVALID
        assert await here.returns.holder(seated["rejoin_token"]) is TOKEN_INVALID
        assert await here.returns.holder(connection.token) is TOKEN_INVALID
        here.goes_by(1)
        part = await here.returns.member(here.room, ANN)
        assert part is not None
        assert part.seat_token is not None, "signed in again, they are given new ones"
        await here.back(part.rejoin_token)
        assert isinstance(await here.returns.by_seat(part.seat_token), Membership)


async def test_a_holder_keeps_ten(database_url: str) -> None:
    async with scene(database_url) as here:
        first = await here.joins("ann")
        await here.joins("bob")
        given = [first]
        for number in range(30):
            here.goes_by(1)
            part = await here.back(given[-1]) if number % 2 else await here.returns.member(here.room, ANN)
            assert part is not None
            given.append(part.rejoin_token)
        [[kept]] = await here.sql("SELECT count(*) FROM rejoin_tokens WHERE user_id = 'ann'")
        assert kept == 10
        assert await here.returns.by_rejoin(first) is TOKEN_INVALID
        await here.back(given[-1])
        [[others]] = await here.sql("SELECT count(*) FROM rejoin_tokens WHERE user_id = 'bob'")
        assert others == 1
        await here.sits("ann", 0)
        passes = [await here.returns.connection_token(here.room, ANN) for _ in range(12)]
        [[kept]] = await here.sql("SELECT count(*) FROM connection_tokens")
        assert kept == 10
        assert isinstance(passes[-1], RoomPass)


async def test_two_tabs_come_back_at_once(database_url: str) -> None:
    async with scene(database_url) as here:
        token = await here.joins("ann")
        parts = await asyncio.gather(*(here.returns.by_rejoin(token) for _ in range(4)))
        fresh_ones = {part.rejoin_token for part in parts if isinstance(part, Membership)}
        assert len(fresh_ones) == 4
        for each in fresh_ones:
            await here.back(each)


# Seat tokens


async def test_a_seat_token_is_the_seats(database_url: str) -> None:
    async with scene(database_url) as here:
        await here.joins("ann")
        token = (await here.sits("ann", 1))["seat_token"]
        part = await here.returns.by_seat(token)
        assert isinstance(part, Membership)
        assert (part.user, part.room, part.seat_index, part.role) == ("ann", here.room, 1, "player")
        assert part.expires_at == here.table.time() // 1000 * 1000 + SEAT_LIFE_S * 1000
        await here.back(part.rejoin_token)
        again = (await here.sits("ann", 1))["seat_token"]
        assert isinstance(await here.returns.by_seat(again), Membership), "the same command, the same grant"


async def test_a_seat_token_ends_with_the_seat(database_url: str) -> None:
    async with scene(database_url) as here:
        await here.joins("ann")
        old = (await here.sits("ann", 1))["seat_token"]
        await here.does("ann", LeaveSeat(id="leave", room=here.room))
        assert await here.returns.by_seat(old) is TOKEN_INVALID
        new = (await here.sits("ann", 1, "sit again"))["seat_token"]
        assert await here.returns.by_seat(old) is TOKEN_INVALID, "the same seat, another grant"
        assert isinstance(await here.returns.by_seat(new), Membership)
        await here.does("ann", LeaveSeat(id="leave again", room=here.room))
        await here.joins("bob")
        await here.sits("bob", 1)
        assert await here.returns.by_seat(new) is TOKEN_INVALID, "somebody else's by now"


@pytest.mark.parametrize("changed", ["room", "user", "index", "grant"])
async def test_a_seat_token_for_what_was_not_given(database_url: str, changed: str) -> None:
    async with scene(database_url) as here:
        await here.joins("ann")
        await here.sits("ann", 1)
        await here.sits("host", 0)
        other = await open_room(here.database)
        [[grant]] = await here.sql("SELECT seat_token FROM room_seats WHERE user_id = 'ann'")
        [[others]] = await here.sql("SELECT seat_token FROM room_seats WHERE user_id = 'host'")
        says: dict[str, Any] = {"room": here.room, "user": ANN, "index": 1, "grant": grant}
        now = here.table.time()
        assert isinstance(await here.returns.by_seat(here.tokens.seat(**says, now=now)), Membership)
        lies: dict[str, Any] = {"room": other, "user": UserId("host"), "index": 0, "grant": others}
        for value in (lies[changed], *(("",) if changed == "grant" else ())):
            token = here.tokens.seat(**{**says, changed: value}, now=now)
            assert await here.returns.by_seat(token) is TOKEN_INVALID


# Connection tokens


async def test_a_connection_token_is_used_once(database_url: str) -> None:
    async with scene(database_url) as here:
        await here.joins("ann")
        await here.sits("ann", 1)
        made = await here.returns.connection_token(here.room, ANN)
        assert isinstance(made, RoomPass)
        assert made.expires_at == here.table.time() + CONNECTION_MS
        for _ in range(2):
            assert await here.returns.holder(made.token) == Holder(ANN, "ann", here.room, True)
        used = await asyncio.gather(*(here.returns.use(made.token) for _ in range(5)))
        assert sorted(used) == [False] * 4 + [True]
        assert await here.returns.holder(made.token) is TOKEN_INVALID


async def test_a_connection_token_expires(database_url: str) -> None:
    async with scene(database_url) as here:
        await here.joins("ann")
        await here.sits("ann", 1)
        made = await here.returns.connection_token(here.room, ANN)
        assert isinstance(made, RoomPass)
        here.goes_by(CONNECTION_MS - 1)
        assert isinstance(await here.returns.holder(made.token), Holder)
        here.goes_by(1)
        assert await here.returns.holder(made.token) is TOKEN_EXPIRED
        assert not await here.returns.use(made.token)


async def test_a_connection_token_is_a_players_and_ends_with_his_seat(database_url: str) -> None:
    async with scene(database_url) as here:
        assert await here.returns.connection_token(RoomId("r_none"), ANN) is NO_ROOM
        assert await here.returns.connection_token(here.room, ANN) is NO_SEAT
        await here.joins("ann")
        assert await here.returns.connection_token(here.room, ANN) is NO_SEAT
        await here.sits("ann", 1)
        made = await here.returns.connection_token(here.room, ANN)
        assert isinstance(made, RoomPass)
        await here.does("ann", LeaveSeat(id="leave", room=here.room))
        await here.sits("ann", 1, "sit again")
        assert await here.returns.holder(made.token) is TOKEN_INVALID, "what it was for is gone"
        assert not await here.returns.use(made.token)


# Gaps, and commands sent again


async def test_a_gap_is_what_was_missed(database_url: str) -> None:
    async with scene(database_url) as here:
        await here.sits("host", 0)
        for number in range(101):
            await here.does("host", chat(here.room, f"say {number}"))

        async def gap(user: str, after: int, limit: int = 200) -> tuple[list[int], int, bool, int | None]:
            rows = await here.database.rows(
                "gap", rooms=[here.room], users=[user], afters=[after], most=limit, within=EVER_MS
            )
            seqs = [int(update_of(here.room, row).seq) for row in rows if row["seq"] is not None]
            return seqs, rows[0]["stands"], rows[0]["inside"], rows[0]["seat_index"]

        assert await gap("host", 100) == ([101, 102], 102, True, 0)
        assert await gap("ann", 100) == ([101, 102], 102, False, None)
        assert await gap("host", 102) == ([], 102, True, 0)
        assert await gap("host", 200) == ([], 102, True, 0)
        assert (await gap("host", 2, 100))[0] == list(range(3, 103))
        assert await gap("host", 1, 100) == ([], 102, True, 0), "too long"
        assert (
            await here.database.rows("gap", rooms=["r_none"], users=["host"], afters=[0], most=200, within=EVER_MS)
            == []
        )
        await here.joins("ann")
        assert (await gap("ann", 103))[2] is False
        await here.does("ann", Spectate(id="watch", room=here.room))
        assert (await gap("ann", 103))[2] is True
        await here.kicks("ann")
        assert (await gap("ann", 105))[2] is False


async def test_gaps_of_a_crowd_are_read_together(database_url: str) -> None:
    async with scene(database_url) as here:
        for number in range(5):
            await here.does("host", chat(here.room, f"say {number}"))
        asked: list[tuple[Any, ...]] = []
        read = here.database.rows

        async def rows(query: str, /, **given: Any) -> list[Any]:
            asked.append((query, *given.values()))
            return await read(query, **given)

        here.database.rows = rows  # type: ignore[method-assign]
        gaps = GapReader(here.database)

        async def seqs(room: str, after: int) -> list[int]:
            return [row["seq"] for row in await gaps.after(RoomId(room), UserId("host"), after)]

        stands = (await seqs(here.room, 0))[-1]
        cancelled = asyncio.ensure_future(seqs(here.room, 1))
        await asyncio.sleep(0)
        cancelled.cancel()
        afters = [number % stands for number in range(TOGETHER + 10)]
        found = await asyncio.gather(*(seqs(here.room, after) for after in afters), seqs("r_none", 0))
        assert found == [*(list(range(after + 1, stands + 1)) for after in afters), []]
        assert [len(rooms) for _, rooms, *_ in asked] == [1, TOGETHER, 11], "who has gone is not asked for"
        await here.database.close()
        asked.clear()
        crowd = 3 * TOGETHER
        failed = await asyncio.gather(*(seqs(here.room, 0) for _ in range(crowd)), return_exceptions=True)
        assert [type(each) for each in failed] == [StorageUnavailable] * crowd
        assert len(asked) == 1, "nobody waits for others to be told the same"


async def test_a_command_sent_again_gives_the_same(database_url: str) -> None:
    async with scene(database_url) as here:
        first, sat = await here.joins("ann"), await here.sits("ann", 1)
        here.goes_by(1000)
        assert await here.joins("ann") == first
        again = await here.sits("ann", 1)
        assert again["rejoin_token"] == sat["rejoin_token"]
        assert isinstance(await here.returns.by_seat(again["seat_token"]), Membership)

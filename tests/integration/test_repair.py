"""`tavola room repair`: what is wrong is said, what can be done is offered, and done with `--yes`, after a copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from kit.command_line import tavola
from kit.damage import changed_by_hand, execute, playing
from kit.games import having
from kit.hosts import chat, connected, hosting, log_of, place, stored
from kit.later import Later
from tavola.actors.past.replay import replay
from tavola.actors.room.codec import restore, room_of
from tavola.actors.wire.commands import Act, RequestJoin, RoomId, TakeSeat
from tavola.actors.wire.messages import Moved


class Operator:
    def __init__(self, url: str, folder: Path, room: RoomId) -> None:
        self._url, self._folder, self._room = url, folder, room

    async def repairs(self, *options: str) -> tuple[int, str]:
        """The exit code and all that is said."""
        code, out, error = await tavola(self._url, self._folder, "room", "repair", self._room, *options)
        await execute(self._url, "UPDATE room_actors SET alive_at = now()")  # it took a while, and they do not beat
        return code, out + error

    async def told(self, *options: str) -> dict[str, Any]:
        _, out, error = await tavola(self._url, self._folder, "room", "repair", self._room, "--json", *options)
        assert out, error
        told: dict[str, Any] = json.loads(out)
        return told


async def test_a_sound_room_needs_none(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        room, epoch = await playing(database, a)
        operator = Operator(database_url, tmp_path, room)
        code, said = await operator.repairs("--yes")
        assert (code, "nothing to repair" in said) == (0, True), said
        for options in (("--accept", "--yes"), ("--from", "1", "--yes")):
            code, said = await operator.repairs(*options)
            assert (code, "nothing to repair" in said) == (1, True), said
        await a.does(epoch, "ann", chat(room, "on", "on"))


async def test_a_state_that_was_changed_by_hand_is_taken_or_put_right(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        for options, board in ((("--accept", "--yes"), "0...0...."), (("--yes",), "....0....")):
            room, epoch = await playing(database, a)
            changed = await changed_by_hand(database_url, room)
            operator = Operator(database_url, tmp_path, room)
            told = await operator.told()
            assert [offer["options"] for offer in told["offers"]] == ["--yes", "--accept --yes"]
            code, said = await operator.repairs()
            assert (code, "by hand" in said) == (1, True), said
            assert (await stored(database, room))["state"] == changed, "only said"
            code, said = await operator.repairs(*options)
            assert (code, "repair 1 of" in said) == (0, True), said
            assert isinstance(await a.look(epoch, "ann", room), Moved), "whoever had it is fenced"
            epoch = await place(database, room)
            await a.does(epoch, "ann", chat(room, "on", "on"))
            assert f'"board":"{board}"' in (await stored(database, room))["state"]
            [kept] = await execute(database_url, "SELECT kept FROM repairs WHERE room_id = $1", room)
            assert msgspec.json.decode(kept["kept"])["state"] == changed


async def test_a_room_goes_back_to_the_last_update_that_is_good(database_url: str, tmp_path: Path) -> None:
    """Members and seats too; what was lost is kept, and the same commands may be given again."""

    async with connected(database_url) as database, hosting(database, "a") as a, hosting(database, "b") as b:
        room, epoch = await playing(database, a)
        good = await stored(database, room)
        members = await _people(database_url, room)
        view = await a.view(epoch, "ann", room)
        for user, cell in (("ann", 0), ("host", 1), ("ann", 2), ("host", 7)):
            await a.does(epoch, user, Act(id=f"at {cell}", room=room, move="mark", arguments={"cell": cell}))
        await a.does(epoch, "carl", RequestJoin(id="join", room=room, display_name="Carl"))
        assert [row["status"] for row in await execute(database_url, "SELECT status FROM games")] == ["over"]
        last = (await stored(database, room))["seq"]
        lost = "UPDATE game_states SET state = '{}' WHERE room_id = $1"
        await execute(database_url, lost, room)
        damage = "UPDATE actions SET command = replace(command, '\"cell\":0', '\"cell\":3') WHERE room_id = $1"
        await execute(database_url, damage, room)
        operator = Operator(database_url, tmp_path, room)
        told = await operator.told()
        assert [offer["options"] for offer in told["offers"]] == [f"--from {good['seq']} --yes"]
        code, said = await operator.repairs("--yes")
        assert (code, (await stored(database, room))["state"]) == (1, "{}"), said
        code, said = await operator.repairs("--from", str(good["seq"] + 1), "--yes")
        assert (code, f"cannot go back to {good['seq'] + 1}" in said) == (1, True), said
        code, said = await operator.repairs("--from", str(good["seq"]), "--yes")
        assert (code, f"put back to {good['seq']}" in said) == (0, True), said

        after = await stored(database, room)
        assert (after["seq"], after["state"], after["actor"]) == (good["seq"], good["state"], None)
        assert after["epoch"] > good["epoch"]
        assert await _people(database_url, room) == members
        games = await execute(database_url, "SELECT status, result FROM games")
        assert [tuple(row) for row in games] == [("running", None)]
        assert await execute(database_url, "SELECT 1 FROM hands") == []
        [kept] = await execute(database_url, "SELECT kept FROM repairs")
        copy = msgspec.json.decode(kept["kept"])
        assert [row["seq"] for row in copy["log"]] == list(range(good["seq"] + 1, last + 1))
        assert {row["user_id"] for row in copy["players"]} == {"host", "ann", "carl"}

        epoch = await place(database, room, avoid="a")
        assert (await b.view(epoch, "ann", room))["game"] == view["game"]
        done = await b.does(epoch, "ann", Act(id="at 0", room=room, move="mark", arguments={"cell": 0}))
        assert done.seq > good["seq"], "it took effect, for it was undone"
        first = await database.row("checkpoint_first", room_id=room)
        assert first is not None
        row = await database.row("load_room", rooms=[room])
        assert row is not None
        assert replay(restore(first["state"]), await log_of(database, room)) == room_of(row)


async def test_a_row_of_the_log_before_the_checkpoint_is_found(database_url: str, tmp_path: Path) -> None:
    """State and checkpoint are right, but the room could not say what it answered: it can go back to before that."""

    async with connected(database_url) as database, hosting(database, "a") as a:
        room, _ = await playing(database, a)
        await execute(database_url, "UPDATE actions SET command = '{' WHERE room_id = $1 AND seq = 2", room)
        operator = Operator(database_url, tmp_path, room)
        told = await operator.told()
        assert (told["refused"], told["offers"][0]["options"]) == ("corrupted_state", "--from 1 --yes")
        code, said = await operator.repairs("--from", "1", "--yes")
        assert (code, (await stored(database, room))["seq"]) == (0, 1), said
        await a.does(await place(database, room), "host", chat(room, "on", "on"))


async def test_seats_are_put_back_with_their_tokens(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        room, epoch = await playing(database, a, "holdem", seats=6)
        good = await stored(database, room)
        seats = await execute(database_url, SEATS, room)
        await a.does(epoch, "carl", RequestJoin(id="join", room=room, display_name="Carl"))
        await a.does(epoch, "carl", TakeSeat(id="sit", room=room, seat_index=4))
        tokens = await execute(database_url, TOKENS, room)
        assert {row["user_id"] for row in tokens} == {"host", "ann", "carl"}
        await execute(database_url, "UPDATE game_states SET state = '{}' WHERE room_id = $1", room)
        damage = "UPDATE actions SET command = replace(command, 'Carl', 'Karl') WHERE room_id = $1"
        await execute(database_url, damage, room)
        code, said = await Operator(database_url, tmp_path, room).repairs("--from", str(good["seq"]), "--yes")
        assert code == 0, said
        assert await execute(database_url, SEATS, room) == seats
        assert {row["user_id"] for row in await execute(database_url, TOKENS, room)} == {"host", "ann"}


async def test_a_room_of_a_newer_release_is_not_touched(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        with having(Later()):
            room, _ = await playing(database, a)
        before = await stored(database, room)
        code, said = await Operator(database_url, tmp_path, room).repairs("--yes")
        assert (code, "room_unavailable" in said, "successor" in said) == (1, True, True), said
        assert dict(await stored(database, room)) == dict(before)
        code, out, error = await tavola(database_url, tmp_path, "room", "show", room)
        assert (code, out, "version 2 of the game" in error) == (1, "", True), error


SEATS = "SELECT seat_index, user_id, chips, seat_token, status FROM room_seats WHERE room_id = $1 ORDER BY 1"
TOKENS = "SELECT DISTINCT user_id FROM rejoin_tokens WHERE room_id = $1"


async def _people(url: str, room: RoomId) -> list[Any]:
    return [
        await execute(url, f"SELECT * FROM {table} WHERE room_id = $1 ORDER BY user_id", room)
        for table in ("room_players", "room_spectators")
    ]

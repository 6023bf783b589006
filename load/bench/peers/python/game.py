"""Tic-tac-toe as pure functions over plain JSON. When a game is over the next begins at once."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def opened() -> Json:
    return {"number": 1, "board": [None] * 9, "turn": {"number": 1, "seat_index": 0}}


def play(state: Json, seat: int, action: Json) -> tuple[Json, list[Json]] | str:
    """The state after an action of a seat, and the events; or the code of a refusal."""
    turn, cell = state["turn"], action["cell"]
    if action["turn"] != turn["number"]:
        return "stale_turn"
    if seat != turn["seat_index"]:
        return "not_your_turn"
    if action["move"] != "mark" or cell not in range(9) or state["board"][cell] is not None:
        return "illegal_move"
    board = [*state["board"]]
    board[cell] = seat
    number, events = turn["number"] + 1, [{"kind": "player_action", "seat_index": seat, "move": "mark", "cell": cell}]
    line = next((line for line in LINES if board[line[0]] == board[line[1]] == board[line[2]] == seat), ())
    if not line and None in board:
        return {"number": state["number"], "board": board, "turn": {"number": number, "seat_index": 1 - seat}}, events
    first = state["number"] % 2
    events.append({"kind": "game_complete", "winner": seat if line else None, "line": line})
    events.append({"kind": "game_started", "number": state["number"] + 1, "first": first})
    after = {"number": state["number"] + 1, "board": [None] * 9, "turn": {"number": number, "seat_index": first}}
    return after, events

"""What is said when a request is refused for reasons that are nobody's own."""

from __future__ import annotations

from tavola.actors.wire.messages import Refusal

NO_ROOM = Refusal("room_not_found", "There is no such room.")
STORAGE_AWAY = Refusal("storage_unavailable", "The database is away; nothing was lost.", None, 1000)
NO_SERVER = Refusal("room_unavailable", "This room has no server just now; try again.", None, 1000)
OVERLOADED = Refusal("overloaded", "This server has too much to do.", None, 500)
ID_REUSED = Refusal("id_reused", "That id was given to another command.")

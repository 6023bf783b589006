"""The REST door and the pages. Imports everything of an edge below it, the room, and the games' contract."""

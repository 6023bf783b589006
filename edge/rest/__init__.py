"""The REST door and the pages. Imports everything of an edge below it, the log's rows, and the games' contract."""

"""The way from an edge to room actors, and to rooms that have none. Imports `common`, `wire`, `room`, the directory
and `storage`."""

"""The way from an edge to room actors. Imports `common`, `wire`, the directory and `storage`."""

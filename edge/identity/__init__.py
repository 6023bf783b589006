"""Who somebody is, and what they may come back with; neither sockets nor routes. Imports `common`, `wire`, the
room's grants and `storage`."""

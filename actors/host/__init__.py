"""The inside of a room actor, asyncio without Ray. Imports `room`, `wire`, `games`, `storage` and `config`."""

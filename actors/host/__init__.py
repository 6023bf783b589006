"""The inside of a room actor, asyncio without Ray. Imports `room`, `versions`, `wire`, `games`, `storage` and
`config`."""

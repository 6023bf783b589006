"""The inside of a room actor, asyncio without Ray. Imports `past`, `room`, `versions`, `wire`, `games`, `storage` and
`config`."""

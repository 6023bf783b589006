"""The WebSocket door. Imports `identity`, `routing`, `common`, `wire` and the log's rows (`actors.log`); nothing of
`rest`."""

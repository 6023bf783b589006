"""The WebSocket door. Imports `identity`, `routing`, `common`, `wire`, and of `room` the rows of the log; nothing of
`rest`."""

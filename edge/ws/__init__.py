"""The WebSocket door. Imports `identity`, `routing`, `common`, `wire`, and of `room` the log's rows; nothing of `rest`."""

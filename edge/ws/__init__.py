"""The WebSocket door. Imports `identity`, the router and `wire`; knows nothing of `rest`."""

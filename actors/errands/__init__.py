"""The errands that room actors do for edges. Imports `outside`, `past`, `room`, `wire`, `games`."""

"""The identity of users, and the tokens that they come back with; neither sockets nor routes. Imports `common`,
`wire` and `storage`."""

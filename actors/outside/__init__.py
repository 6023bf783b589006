"""A room without an actor: opened as rows, and looked at by those who have no part in it. Imports `room`, `wire`,
`games`, `storage.rows`."""

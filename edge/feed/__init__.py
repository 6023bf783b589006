"""The feed: the log of all rooms, for other servers. Imports the REST door, what an edge has below it, the log's rows
and storage."""

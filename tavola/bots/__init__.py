"""Bots that hosts have seated: a process that plays for them. Imports the client, games, and what says who is who."""

TABLE_LIMIT = 9
"""Bots at the public table at most: there stays a seat for whoever comes."""

"""A client of Tavola, bots that play at many tables at once, and the judge of what they saw."""

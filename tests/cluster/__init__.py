"""A cluster on hosts of its own, and what becomes of it when some of them are lost."""

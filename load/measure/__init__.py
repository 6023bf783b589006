"""The task of a run, and what is counted of it. Imports `client` and `checks`."""

"""What a run is to do, and what is counted of it. Imports `client` and `checks`."""

"""Hearts, for four: tricks that nobody wants. Imports `games`."""

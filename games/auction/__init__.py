"""A sealed-bid auction for three to seven, who all bid at once and in secret. Imports `games.base` and `games.events`."""

"""A sealed-bid auction for three to seven, who all bid at once. Imports `games.base` and `games.events`."""

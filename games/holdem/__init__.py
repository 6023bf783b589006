"""No-limit hold'em as a cash game. Imports `games.base`, `games.cards` and pokerkit."""

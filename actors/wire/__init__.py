"""The messages between edges and room actors, and the vocabulary of commands. Imports `games` and `config`."""

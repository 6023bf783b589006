"""What edges and room actors say to each other, and the vocabulary of commands. Imports `games` and `config`."""

"""What must hold at a table while it plays, and what did not. Imports `client`."""

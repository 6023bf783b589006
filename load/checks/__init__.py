"""The checks of a table while it plays, and their findings. Imports `client`."""

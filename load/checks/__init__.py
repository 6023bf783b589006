"""The checks of a table while it plays, and their findings. Imports `client`, and of `actors.wire` what a view is."""

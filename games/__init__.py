"""Rules as pure functions over a small state. Imports nothing of ours but `games`."""

"""Rooms: what they are, what they decide, who holds them, and where they live."""

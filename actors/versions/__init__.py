"""The versions of what is stored: what an older one wrote is brought up to this one, and what none wrote is found.
Pure. Imports `games`."""

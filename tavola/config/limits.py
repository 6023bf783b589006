"""Times that several parts must agree on. In milliseconds."""

SILENT_MS = 75_000
"""How long a socket may say nothing before it counts as gone; for so long a request counts as presence, too."""
REJOIN_MS = 300_000
"""How long a rejoin token is good after its holder was last connected."""

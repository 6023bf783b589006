"""How a system is started, measured and written down. Imports `measure`, and what starts servers."""

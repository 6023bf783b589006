"""What can be broken, and whether it hurt. Imports `evidence`, `measure`, and what starts servers."""

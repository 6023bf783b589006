"""Players: they know no rules, only what `me.legal` offers. Imports `client`, `checks`, `measure` and `evidence`."""

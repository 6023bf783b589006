"""Where rooms live: directory, steward, and the few lines that know Ray. Imports `host` and everything below it."""

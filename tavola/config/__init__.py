"""The ground: settings, logs, the collector, failures. Imports nothing of ours."""

"""Tavola on one machine and on the command line: settings, `tavola dev`, `tavola doctor`."""

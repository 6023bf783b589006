"""The client that others build on. Imports nothing of ours."""

"""HTTP and WebSocket for thousands of players in one process: as `client.transport` says. Imports the client alone."""

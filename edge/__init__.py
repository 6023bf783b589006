"""Stateless servers between clients and room actors. An edge knows no game's rules and no host."""

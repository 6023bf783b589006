"""Stateless servers between clients and room actors: no host is loaded here. Games are, to open rooms and to
replay."""

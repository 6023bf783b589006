"""Stateless servers between clients and room actors: neither a host nor a game is loaded here, nor what loads one."""

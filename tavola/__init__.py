"""The program: the command line, and one roof over everything: `tavola.actors`, `tavola.edge`, …"""

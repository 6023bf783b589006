"""The care for what is stored, in rounds of the steward's that hold nobody up: users are forgotten, chat is cleared. May
import the pure part of the room (`actors.past`), storage and config; not the cluster.
"""

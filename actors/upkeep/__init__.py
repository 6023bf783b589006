"""The care for what is stored, in rounds of the steward's that hold nobody up: users are forgotten, chat is cleared.
Imports the pure part of the room (`past`), `wire`, storage and config; not the cluster."""

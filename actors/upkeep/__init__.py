"""The care for what is stored, in rounds of the steward's that hold nobody up: the log and its days, retention and
archive, removed rooms, users who are forgotten, growth, a full disk. Imports the pure part of the room (`past`),
`wire`, storage and config; not the cluster."""

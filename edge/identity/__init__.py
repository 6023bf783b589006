"""Who somebody is, and what they may come back with. Imports `wire` and `storage`; knows neither sockets nor routes."""

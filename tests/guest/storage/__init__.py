"""The ways in which this project keeps things small. A package called `storage`, beside Tavola's."""

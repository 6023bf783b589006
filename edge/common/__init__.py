"""The parts that all of an edge uses: rates, addresses, guesses, metrics. Imports `wire` and `config`."""

"""What all of an edge uses: rates and metrics. Imports `wire`."""

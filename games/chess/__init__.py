"""Chess, all of its rules by the package `chess`. Imports `games` and `chess`."""

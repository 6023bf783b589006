"""A run from its beginning to its end: stacks, tables, faults, verdict. Imports all of `load` but `bench`."""

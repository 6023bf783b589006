"""The results of a run, for people and for machines. Imports everything below a run."""

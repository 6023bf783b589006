"""The faults that a run can make, and whether they hurt. Imports `evidence`, `measure`, and what starts servers."""

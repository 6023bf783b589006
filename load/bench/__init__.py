"""The systems and programs that Tavola is measured against. It is not in the wheel."""

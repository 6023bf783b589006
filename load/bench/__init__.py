"""What Tavola is measured against. It is not in the wheel."""

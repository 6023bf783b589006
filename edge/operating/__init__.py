"""The endpoints for operators: what they may see, and do. Imports the other doors (`rest`, `ws`), the directory, and
all below."""

"""A peer in Python. It runs in an environment of its own (requirements.txt), never in the project's."""

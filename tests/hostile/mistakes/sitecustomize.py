"""Python runs this file at its start in every process of a stack whose PYTHONPATH names this folder: there, broken
games can be played."""

from kit.broken import register

register()

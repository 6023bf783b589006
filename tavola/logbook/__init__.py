"""The logs of all processes of a stack, read: where they lie, what a line says, and all of them by time. Imports
`config` alone."""

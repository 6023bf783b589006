"""The end of a command line when it is not a bug: a line or a few for the user, no traceback."""


class Failure(Exception):
    exit_code = 1

"""The one error an operator is meant to read."""


class OperatorError(Exception):
    """Something an operator can mend. The message is one line: what was seen, and what to do.

    The command line prints the message without a traceback and exits 1.
    """

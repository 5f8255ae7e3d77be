"""The errors that an operator is meant to read."""

from expectations.errors import GateFailed
from expectations.nodes import ContractError
from models.errors import ModelError


class OperatorError(Exception):
    """Something an operator can mend. The message is one line: what was seen, and what to do.

    The command line prints the message without a traceback and exits 1.
    """


OPERATOR_ERRORS = (OperatorError, GateFailed, ModelError, ContractError)
"""What the command line and a submitted job print as one line, without a traceback."""

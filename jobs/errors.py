"""The errors that an operator is meant to read."""

import re
import shlex

from expectations.errors import GateFailed
from expectations.nodes import ContractError
from models.errors import ModelError


class OperatorError(Exception):
    """Something an operator can mend. The message is one line: what was seen, and what to do.

    The command line prints the message without a traceback and exits 1.
    """


OPERATOR_ERRORS = (OperatorError, GateFailed, ModelError, ContractError)
"""What the command line and a submitted job print as one line, without a traceback."""

DEFAULT_ENV = "local"
TAKES_ENV = re.compile(
    r"\blakehouse (up|down|status|logs|demo|simulate|recommend|reconcile|airflow|run|maintain|keys rotate|contract page"
    r"|identity review \w+|(hooks|identity|models|profile|quality|quarantine|segments|streams) \w+)\b"
)


def with_env(text: str, env: str) -> str:
    """The text with `--env` in each command of ours that it names, as whoever reads it must type it."""
    if env == DEFAULT_ENV:
        return text
    return TAKES_ENV.sub(lambda command: f"{command[0]} --env {shlex.quote(env)}", text)

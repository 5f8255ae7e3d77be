"""What the gate raises."""


class GateFailed(Exception):
    """Data is not what its suite says. The message is one line: table, failing expectations, counts."""


class MissingSuite(GateFailed):
    """A table was to be checked and has no suite."""

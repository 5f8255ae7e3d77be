"""What the errors of all models have in common."""


class ModelError(ValueError):
    """Data or parameters a model cannot work with; the message is one line that says what was seen."""

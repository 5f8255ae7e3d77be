"""What the errors of all models have in common."""


class ModelError(ValueError):
    """Data or parameters a model cannot work with; the message is one line that says what was seen."""


class TooLittleData(ModelError):
    """There is not enough to learn from yet, as in a young shop; nothing is wrong with what is there."""

"""Section [mlflow]: where models are kept."""

from jobs.settings.section import MayHoldPassword, Section


class MlflowSettings(Section):
    tracking_uri: MayHoldPassword
    artifacts: str
    experiment: str
    prefix: str

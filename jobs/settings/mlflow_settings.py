"""Section [mlflow]: where models are kept."""

from jobs.settings.section import Section


class MlflowSettings(Section):
    tracking_uri: str
    artifacts: str
    experiment: str

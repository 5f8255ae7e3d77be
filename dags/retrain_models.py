"""retrain_models: from silver that passed its gate to models, and to the segments and profiles they make."""

from airflow.sdk import DAG
from lakehouse_job import CHAMPIONS, DAG_ARGUMENTS, SILVER_VALIDATED, submit

LEARNED_FROM = ("gold.ratings", "gold.features", "gold.sessions")

with DAG("retrain_models", schedule=[SILVER_VALIDATED], description=__doc__, **DAG_ARGUMENTS):
    ratings = submit("gold.ratings")
    features = submit("gold.features")
    sessions = submit("gold.sessions")
    checked = submit("quality.gate", ratings, features, sessions, tables=LEARNED_FROM)
    als = submit("train.als", checked)
    personas = submit("train.personas", checked)
    intent = submit("train.intent", checked)
    segments = submit("gold.segments", als, personas, intent)
    submit("gold.profiles", segments, outlets=[CHAMPIONS])

"""publish_recommendations: what the champions say, checked, then put beside the old version in Redis."""

from airflow.sdk import DAG
from lakehouse_job import CHAMPIONS, DAG_ARGUMENTS, submit

PUBLISHED_FROM = (
    "gold.person_factors",
    "gold.item_factors",
    "gold.segments",
    "gold.segment_changes",
    "gold.segment_checks",
    "ops.segment_rule_sets",
    "gold.profiles",
    "gold.profile_history",
    "gold.recommendations",
    "gold.fallbacks",
)

with DAG("publish_recommendations", schedule=[CHAMPIONS], description=__doc__, **DAG_ARGUMENTS):
    recommendations = submit("gold.recommendations")
    fallbacks = submit("gold.fallbacks")
    checked = submit("quality.gate", recommendations, fallbacks, tables=PUBLISHED_FROM)
    submit("publish.recommendations", checked, pool="redis_export")

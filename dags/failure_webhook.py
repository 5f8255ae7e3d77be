"""A step that failed for good is told of to a webhook, such as a chat's: the Variable `lakehouse_failure_webhook`."""

import json
import logging
from typing import Any
from urllib.request import Request, urlopen

from airflow.sdk import Variable

WAIT_SECONDS = 10

log = logging.getLogger(__name__)


def tell_of_failure(context: Any) -> None:
    """Airflow calls it when the last try has failed. A webhook that cannot be reached is logged, and no more."""
    webhook = Variable.get("lakehouse_failure_webhook", default=None)
    if not webhook:
        return
    step = context["ti"]
    text = f"{step.dag_id}: {step.task_id} failed in run {context['run_id']}, after {step.try_number} tries"
    body = json.dumps({"text": text, "log": step.log_url}).encode()
    try:
        urlopen(Request(webhook, body, {"Content-Type": "application/json"}), timeout=WAIT_SECONDS).close()
    except (OSError, ValueError) as error:
        # Not the error's text: it may hold the URL, and that is a secret.
        log.warning("the failure of %s was not told: lakehouse_failure_webhook: %s", step.task_id, type(error).__name__)

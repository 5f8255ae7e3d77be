"""`python -m tests.jobs.hooks.killed_teller PORT URL`: tells a webhook of the changes in the Redis at the port until it
is killed. Prints `ready` when it begins."""

import sys
import time

from tests.jobs.hooks.changes import settings_with, webhook


def main(port: int, url: str) -> None:
    from jobs.hooks.telling import telling
    from jobs.settings.redis_settings import RedisSettings

    redis = RedisSettings(url=f"redis://127.0.0.1:{port}/0", prefix="rec", ttl_days=1, batch=100, allow_eviction=False)
    with telling(settings_with(redis, {"mailer": webhook(url)}), lambda: True):
        print("ready", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

"""Sources in S3: the objects below a prefix, copied into a folder that only this user may read while they are landed.

Keys, region and endpoint come the usual ways of boto3 (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, a role, ...).
"""

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from jobs.errors import OperatorError
from jobs.sources.files import is_shown
from jobs.sources.source import Source

log = logging.getLogger(__name__)


def listed(source: Source) -> dict[str, str]:
    """Every object at or below the prefix, and its ETag, which is another when its content is.

    Raises OperatorError when there is none or the bucket cannot be read.
    """
    bucket, prefix = _parts(source)
    etags: dict[str, str] = {}
    with _faults(source):
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for one in page.get("Contents", []):
                below = one["Key"].removeprefix(prefix)
                # The prefix crm is the folder crm/, not crm_old/.
                if (not below or not prefix or below.startswith("/")) and one["Size"] and is_shown(below):
                    etags[f"s3://{bucket}/{one['Key']}"] = one["ETag"]
    if not etags:
        raise OperatorError(f"cannot read {source.where} (setting {source.setting}): no object is there")
    return etags


@contextmanager
def staged(names: Sequence[str], source: Source, folder: Path) -> Iterator[list[str]]:
    """The objects as files in `folder`, which is removed in any case; what a killed run left there goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        bucket, _ = _parts(source)
        logged_at, paths = time.monotonic(), []
        with _faults(source):
            client = _client()
            for number, name in enumerate(names):
                key = name.removeprefix(f"s3://{bucket}/")
                # A folder each: two keys may end alike.
                path = folder / str(number) / key.rsplit("/", 1)[-1]
                path.parent.mkdir()
                client.download_file(bucket, key, str(path))
                paths.append(str(path))
                if time.monotonic() - logged_at > 3:
                    logged_at = time.monotonic()
                    log.info("%s: %d of %d objects", source.where, number + 1, len(names))
        yield paths
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parts(source: Source) -> tuple[str, str]:
    bucket, _, prefix = source.where.removeprefix("s3://").partition("/")
    return bucket, prefix.rstrip("/")


def _client() -> Any:
    return boto3.client("s3")


@contextmanager
def _faults(source: Source) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        why = error.response.get("Error", {}).get("Code", "unknown")
        raise OperatorError(f"cannot read {source.where} (setting {source.setting}): S3 says {why}") from None
    except BotoCoreError as error:
        why = type(error).__name__
        raise OperatorError(
            f"cannot read {source.where} (setting {source.setting}): {why}; boto3 takes keys, region and endpoint"
            " from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL"
        ) from None

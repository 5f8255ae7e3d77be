"""Where a batch source lies and how it is read, from the settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from expectations.source_contract import AttributeType
from jobs.errors import OperatorError
from jobs.settings.loading import Settings
from jobs.settings.sources_settings import SourceSettings

# Of a JDBC URL: a login before the host (its password may hold anything), Oracle's before its @, or any of the
# parameters that drivers take secrets by.
SECRET = re.compile(r"//.*@|^jdbc:oracle:\w+:[^@]|[?&;(,](user|[^=&;(]*(password|secret|token|key))=", re.IGNORECASE)
BUCKET_WITH_LOGIN = re.compile(r"^s3\w?://[^/]*[:@]", re.IGNORECASE)
"""A prefix in a bucket may hold an @."""


@dataclass(frozen=True)
class Source:
    """One source of the settings.

    `name`: catalog or crm. `where`: a file, a folder, s3://bucket/prefix or jdbc:...; never with a login in it.
    `table`: of a database. `changed`: its column that grows with every change of a row, or empty. `delimiter`: of CSV.
    `columns`: the shop's own column -> the standard fields that it holds; none: it is left out. `types`: attribute ->
    what its text must be.
    """

    name: str
    where: str
    table: str
    is_incremental: bool
    changed: str
    delimiter: str
    columns: Mapping[str, tuple[str, ...]]
    types: Mapping[str, AttributeType]

    @property
    def is_database(self) -> bool:
        return self.where.startswith("jdbc:")

    @property
    def is_bucket(self) -> bool:
        return self.where.startswith("s3://")

    @property
    def setting(self) -> str:
        return f"sources.{self.name}"

    @property
    def origin(self) -> str:
        """What a reader of ops.landings is told of where the rows came from."""
        return f"{self.where} {self.table}".strip()


def source_of(name: str, settings: Settings) -> Source | None:
    """None where the settings name no place. Raises OperatorError where they do not go together, or hold a login."""
    values: SourceSettings = getattr(settings.sources, name)
    if not values.location:
        return None
    source = Source(
        name,
        values.location,
        values.table,
        values.mode == "incremental",
        values.changed,
        values.delimiter,
        {column: _fields(fields) for column, fields in values.columns.items()},
        values.types,
    )
    if _holds_login(source.where):
        raise OperatorError(
            f"setting {source.setting}.location holds a login; take it out, and put it into the environment variables"
            f" {settings.sources.user_variable} and {settings.sources.password_variable}"
        )
    if not source.is_database:
        return source
    if not source.table:
        raise OperatorError(f"{source.setting}.location is a database: say the table or view in {source.setting}.table")
    if source.is_incremental and not source.changed:
        raise OperatorError(
            f"{source.setting}.mode is incremental: say in {source.setting}.changed which column grows"
            " with every change of a row"
        )
    return source


def _fields(fields: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, (fields,) if isinstance(fields, str) else fields))


def _holds_login(where: str) -> bool:
    """Of a URL of whatever scheme: one of a database that lacks its jdbc: holds the same."""
    if where.startswith("s3"):
        return BUCKET_WITH_LOGIN.search(where) is not None
    is_url = where.startswith("jdbc:") or ("://" in where and not where.startswith("file:"))
    return is_url and SECRET.search(where) is not None

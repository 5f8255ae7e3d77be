"""Where a batch source lies and how it is read, from the settings."""

import re
from dataclasses import dataclass

from jobs.errors import OperatorError
from jobs.settings.loading import Settings

# Of a JDBC URL: a login before the host, or any of the parameters that drivers take secrets by.
SECRET = re.compile(r"//[^/?]*@|[?&;](user|[^=&;]*(password|secret|token|key))=", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One source of the settings.

    `name`: catalog or crm. `where`: a file, a folder, s3://bucket/prefix or jdbc:...; never with a login in it.
    `table`: of a database. `changed`: its column that grows with every change of a row, or empty.
    """

    name: str
    where: str
    table: str
    is_incremental: bool
    changed: str

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


def source_of(name: str, settings: Settings) -> Source:
    """Raises OperatorError for settings that do not go together, or that hold a login."""
    values = settings.sources.model_dump()
    source = Source(
        name,
        values[name],
        values[f"{name}_table"],
        values[f"{name}_mode"] == "incremental",
        values[f"{name}_changed"],
    )
    if not source.is_database:
        return source
    if SECRET.search(source.where):
        raise OperatorError(
            f"setting {source.setting} holds a login; take it out, and put it into the environment variables"
            f" {settings.sources.user_variable} and {settings.sources.password_variable}"
        )
    if not source.table:
        raise OperatorError(f"{source.setting} is a database: say which table or view in {source.setting}_table")
    if source.is_incremental and not source.changed:
        raise OperatorError(
            f"{source.setting}_mode is incremental: say in {source.setting}_changed which column grows"
            " with every change of a row"
        )
    return source

"""Where the schema of a framed message is found by its id: a registry that speaks HTTP, or a folder of schemas."""

from pathlib import Path

import httpx2
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from jobs.errors import OperatorError
from jobs.schema_registry.framing import Lookup, Registered
from jobs.settings.addresses import address_of
from jobs.settings.schema_registry_settings import SchemaRegistrySettings

NO_SUCH_SCHEMA = 40403
SECONDS = 10


def lookup(settings: SchemaRegistrySettings) -> Lookup | None:
    """A function that gives the schema of an id, or None for one that is not known; what is found is kept.

    It raises OperatorError when the registry cannot say, for that is no message's fault. There is no such function
    with neither a server nor a folder. Raises OperatorError when both are set, or the folder is not there.
    """
    if settings.url and settings.folder:
        raise OperatorError("schema_registry.url and schema_registry.folder are both set: empty one of them")
    if settings.url:
        return _kept(_on_server(settings.url))
    if settings.folder:
        return _kept(_in_folder(Path(settings.folder)))
    return None


def _kept(find: Lookup) -> Lookup:
    """An id's schema never changes; one that is not known may be so later."""
    registered: dict[int, Registered] = {}

    def remembered(schema_id: int) -> Registered | None:
        if schema_id not in registered and (schema := find(schema_id)) is not None:
            registered[schema_id] = schema
        return registered.get(schema_id)

    return remembered


def _in_folder(folder: Path) -> Lookup:
    if not folder.is_dir():
        raise OperatorError(f"no folder {folder} (setting schema_registry.folder): make it, or set it empty")

    def find(schema_id: int) -> Registered | None:
        try:
            if (avro := folder / f"{schema_id}.avsc").exists():
                return Registered("AVRO", avro.read_text(encoding="utf-8"))
            if (json := folder / f"{schema_id}.json").exists():
                return Registered("JSON", json.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OperatorError(f"schema {schema_id} in {folder} cannot be read ({error}): mend the file") from None
        return None

    return find


def _on_server(urls: str) -> Lookup:
    servers = [one for url in urls.split(",") if (one := address_of(url)) is not None]
    # The login apart: the client's library logs the URLs that it asks for.
    login = {"basic.auth.user.info": f"{servers[0].user}:{servers[0].password}"} if servers[0].user else {}
    where = ",".join(server.without_login for server in servers)
    client = SchemaRegistryClient({"url": where, "timeout": SECONDS, **login})
    address = ",".join(server.shown for server in servers)

    def find(schema_id: int) -> Registered | None:
        try:
            schema = client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.error_code == NO_SUCH_SCHEMA:
                return None
            reason = f"HTTP {error.http_status_code}"
        except (httpx2.HTTPError, OSError) as error:
            reason = type(error).__name__
        else:
            return Registered(schema.schema_type or "AVRO", schema.schema_str or "")
        raise OperatorError(
            f"the schema registry at {address} does not say what schema {schema_id} is ({reason}): see that it is up,"
            " or mend the setting schema_registry.url; the same batch is tried again"
        )

    return find

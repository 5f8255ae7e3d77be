"""New versions of payloads taken up beside those in force, or refused with the reason. A version never changes."""

from collections.abc import Mapping

from expectations.compatibility import breaking_changes
from expectations.contract import Contract, EventVersion, version_of
from expectations.nodes import ContractError, Object
from expectations.schema_parsing import loads


def extended(contract: Contract, files: Mapping[str, bytes]) -> tuple[Contract, list[str]]:
    """The contract with the schemas of `files` (name -> text), and one line for each that was refused."""
    refused: list[str] = []
    versions: list[EventVersion] = []
    for name, text in files.items():
        try:
            version_of(name, Object(()))  # a name that is none is told before what its text is
            versions.append(version_of(name, loads(text, name)))
        except ContractError as error:
            refused.append(str(error))
    for version in sorted(versions, key=lambda one: one[:2]):
        try:
            contract = _next(contract, version)
        except ContractError as error:
            refused.append(f"{version.event_type}.v{version.version}.json: {error}")
    return contract, refused


def _next(contract: Contract, version: EventVersion) -> Contract:
    versions = contract.of_type(version.event_type)
    if not versions:
        raise ContractError("a new event type comes with a release, for gold and the gate must know it too")
    if versions.get(version.version) == version:
        return contract
    newest = max(versions)
    if version.version != newest + 1:
        raise ContractError(f"the next version is {newest + 1}; one that is in force never changes")
    changes = breaking_changes(versions[newest].payload, version.payload)
    if changes:
        raise ContractError(f"not backward compatible: {'; '.join(changes)}")
    return contract.with_version(version)

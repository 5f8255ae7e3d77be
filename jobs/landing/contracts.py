"""The contract in force: the committed one and what lies in a folder besides, taken up between two micro-batches."""

import logging
from collections.abc import Callable
from pathlib import Path

from expectations.contract import Contract, committed_contract
from expectations.evolution import extended
from jobs.errors import OperatorError
from jobs.settings.contracts_settings import ContractsSettings

log = logging.getLogger(__name__)


def in_force(settings: ContractsSettings) -> Callable[[], Contract]:
    """A function that gives the contract of the moment, reading the folder again when a file in it changed.

    A schema that is broken, not supported or not backward compatible is logged once, as an error, and left out: the
    stream goes on without it. Raises OperatorError when the folder is not there at the start; when it is away later,
    the contract stays as it was.
    """
    if not settings.folder:
        return committed_contract
    folder = Path(settings.folder)
    if not folder.is_dir():
        raise OperatorError(f"no folder {folder} (setting contracts.folder): make it, or set it empty")
    read_last: dict[str, bytes] = {}
    contract = committed_contract()

    def current() -> Contract:
        nonlocal read_last, contract
        try:
            files = {file.name: file.read_bytes() for file in sorted(folder.glob("*.json"))}
        except OSError as error:
            log.error("contracts in %s cannot be read (%s); the contract stays as it was", folder, error.strerror)
            return contract
        if files != read_last:
            read_last, (contract, refused) = files, extended(committed_contract(), files)
            for line in refused:
                log.error("contract refused: %s", line)
            log.info("contract: %s", ", ".join(f"{one.event_type} v{one.version}" for one in contract.versions))
        return contract

    return current

"""For every table with a suite: a good row, and one broken row for each reason that its suite knows."""

from tests.expectations.suite_cases import bronze, gold, ops, quarantine, silver

CASES = {**bronze.CASES, **quarantine.CASES, **silver.CASES, **gold.CASES, **ops.CASES}

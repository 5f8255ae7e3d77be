"""Which rows of the CRM are probably one person's: the model of Fellegi and Sunter (1969), by Splink on DuckDB.

A pair of rows has a level of agreement in names, birth date and address; the model adds up what each level says for
and against one person. Street, postcode and town are one comparison, because they agree together. The model takes the
comparisons for independent, and in a household they are not: surname and address agree, and another lives there. So a
pair needs a given name or a birth date that agrees, and is clear only where neither speaks against it.
Only pairs that share a block are compared, such as one birth date.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator
from splink import comparison_level_library as levels
from splink.blocking_rule_library import CustomRule
from splink.comparison_library import CustomComparison

SEED = 7
LARGEST_BLOCK = 1_000
"""A block of more rows, such as a common name in a large town, says too little for what comparing them all costs."""

LEAST_ALIKE = 200
"""Pairs that agree in two of names, birth date and address, from which on the model learns from the shop's own rows."""

FOUND_ALIKE = 0.9
"""Of the pairs that are one person's, the share that is alike so."""

HAVE_ANOTHER = 0.01
"""Of a CRM's rows at least this share has another of the same person, for all that is known before."""

SAMPLED_PAIRS = 5e6
FIELDS = ("given_name", "surname", "street", "birth_date", "postcode", "city")
SOUNDS = ("given_name_sound", "surname_sound")
BLOCKS = (
    ("birth_date",),
    ("least(given_name_sound, surname_sound)", "greatest(given_name_sound, surname_sound)"),
    ("street",),
    ("postcode", "surname_sound"),
    ("postcode", "given_name_sound"),
)
ALIKE = (("birth_date", "street"), ("birth_date", *SOUNDS), ("street", *SOUNDS))
"""What pairs of the first three blocks have in common that are counted as alike."""

LEVELS = {
    "names": ("differ", "given name close", "surname close", "similar", "changed places", "close", "same"),
    "birth_date": ("differs", "close", "same"),
    "address": ("differs", "postcode or town", "postcode and town", "street close", "close", "same"),
}
"""The levels of each comparison, the one that says least first."""

UNKNOWN = "unknown"
"""The level of a comparison for which a value lacks."""

M = {
    "names": (0.02, 0.05, 0.05, 0.06, 0.05, 0.22, 0.55),
    "birth_date": (0.05, 0.1, 0.85),
    "address": (0.05, 0.02, 0.03, 0.05, 0.35, 0.5),
}
U = {
    "names": (0.96, 0.015, 0.015, 0.009, 0.0005, 0.0004, 0.0001),
    "birth_date": (0.98, 0.0199, 0.0001),
    "address": (0.99, 0.008, 0.0015, 0.0004, 0.00007, 0.00003),
}
"""How often a level is seen in pairs of one person (m) and of two (u), where the shop has too few to learn from: as
learned from Febrl 4, rounded, with a larger u, so that less is sure."""

PAIRS = pa.schema(
    {
        "left": pa.string(),
        "right": pa.string(),
        "probability": pa.float64(),
        "is_clear": pa.bool_(),
        **dict.fromkeys(LEVELS, pa.int32()),
    }
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measure:
    """How alike two values are. `similarity`: of two columns, of the left and of the right row, in SQL, from 0 to 1.
    `close`: from where on two values of a field are close. `similar`: the same of names, less strictly."""

    similarity: Callable[[str, str, str], str]
    close: Mapping[str, float]
    similar: float


def by_bits(field: str, left: str, right: str) -> str:
    """Dice's coefficient (1945) of two filters, of which lie there eight words, `<column>_0` to `_7`, and the number of
    bits that are set, `<column>_bits`."""
    common = " + ".join(f"bit_count({left}_{word}_l & {right}_{word}_r)" for word in range(8))
    return f"(2.0 * ({common}) / ({left}_bits_l + {right}_bits_r))"


ENCODED = Measure(by_bits, {"name": 0.7, "street": 0.7, "birth_date": 0.7, "city": 0.7}, similar=0.5)
"""A typing error in a name of six letters leaves a coefficient of about 0.7."""


def scored(rows: pa.Table, measure: Measure, may_be_one: str, least: float) -> pa.Table:
    """Pairs that are one person's with a probability of at least `least`, as PAIRS: `left` is the lesser id.
    `is_clear`: nothing speaks against it. The levels count from 0; -1: a value lacks.

    `rows`: `unique_id`, FIELDS and SOUNDS, which are compared by equality, and what the measure needs besides; null
    where the CRM has none. `may_be_one`: a condition of `l` and `r` in SQL.
    """
    if len(rows) < 2:
        return PAIRS.empty_table()
    with duckdb.connect() as connection:
        connection.register("given_rows", rows)
        connection.execute(f"CREATE TABLE rows AS {_with_blocks()}").fetchall()
        alike = _alike_pairs(connection)
        settings = _settings(measure, may_be_one, len(rows), alike)
        linker = Linker(DuckDBAPI(connection).register("rows"), settings, log_level=logging.ERROR)
        if alike >= LEAST_ALIKE:
            _learn(linker)
        else:
            log.info("linkage: %d pairs are alike, and %d are needed to learn from", alike, LEAST_ALIKE)
        predicted = linker.inference.predict(threshold_match_probability=least).physical_name
        return connection.sql(_as_pairs(predicted)).to_arrow_table().cast(PAIRS)


def _with_blocks() -> str:
    """The rows, each with a number per block: null in one that is too large."""
    numbers = []
    for number, block in enumerate(BLOCKS):
        by = ", ".join(block)
        is_some = " AND ".join(f"{name} IS NOT NULL" for name in block)
        is_small = f"count(*) OVER (PARTITION BY {by}) <= {LARGEST_BLOCK}"
        numbers.append(f"CASE WHEN {is_some} AND {is_small} THEN hash({by}) END AS block_{number}")
    return f"SELECT *, {', '.join(numbers)} FROM given_rows ORDER BY unique_id"


def _settings(measure: Measure, may_be_one: str, n: int, alike: int) -> SettingsCreator:
    rules = [f"l.block_{number} = r.block_{number} AND ({may_be_one})" for number in range(len(BLOCKS))]
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[_names(measure), _birth_date(measure), _address(measure)],
        blocking_rules_to_generate_predictions=[CustomRule(rule) for rule in rules],
        probability_two_random_records_match=min(0.1, max(alike / FOUND_ALIKE, n * HAVE_ANOTHER) / (n * (n - 1) / 2)),
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=True,
        max_iterations=50,
    )


def _names(measure: Measure) -> CustomComparison:
    given, surname = (_alike(measure, "name", field) for field in ("given_name", "surname"))
    similar = " AND ".join(f"{_alike(measure, 'name', field, similar=True)}" for field in ("given_name", "surname"))
    crossed = " AND ".join(
        _alike(measure, "name", left, right, similar=True)
        for left, right in (("given_name", "surname"), ("surname", "given_name"))
    )
    conditions = [
        "given_name_l = given_name_r AND surname_l = surname_r",
        f"{similar} AND ({given} OR {surname})",
        crossed,
        similar,
        surname,
        given,
    ]
    return _comparison("names", f"{_lacks('given_name')} AND {_lacks('surname')}", conditions)


def _birth_date(measure: Measure) -> CustomComparison:
    conditions = ["birth_date_l = birth_date_r", _alike(measure, "birth_date", "birth_date")]
    return _comparison("birth_date", _lacks("birth_date"), conditions)


def _address(measure: Measure) -> CustomComparison:
    street, city = (_alike(measure, field, field) for field in ("street", "city"))
    postcode = "postcode_l = postcode_r"
    conditions = [
        f"street_l = street_r AND ({postcode} OR city_l = city_r)",
        f"{street} AND ({postcode} OR {city})",
        street,
        f"{postcode} AND {city}",
        f"{postcode} OR {city}",
    ]
    lacks = " AND ".join(_lacks(field) for field in ("street", "postcode", "city"))
    return _comparison("address", lacks, conditions)


def _comparison(name: str, lacks: str, conditions: Sequence[str]) -> CustomComparison:
    """`conditions`: of the levels above the least, the one that says most first."""
    each = [*[levels.CustomLevel(condition) for condition in conditions], levels.ElseLevel()]
    known = [
        level.configure(m_probability=m, u_probability=u)
        for level, m, u in zip(each, reversed(M[name]), reversed(U[name]), strict=True)
    ]
    unknown = levels.CustomLevel(lacks).configure(is_null_level=True)
    return CustomComparison(output_column_name=name, comparison_levels=[unknown, *known])


def _alike(measure: Measure, kind: str, left: str, right: str = "", similar: bool = False) -> str:
    least = measure.similar if similar else measure.close[kind]
    return f"{measure.similarity(kind, left, right or left)} >= {least}"


def _lacks(field: str) -> str:
    return f"({field}_l IS NULL OR {field}_r IS NULL)"


def _alike_pairs(connection: duckdb.DuckDBPyConnection) -> int:
    """How many pairs agree in two of names, birth date and address."""
    joins = [
        "SELECT l.unique_id AS left_id, r.unique_id AS right_id FROM rows l JOIN rows r"
        f" ON l.block_{block} = r.block_{block} AND l.unique_id < r.unique_id"
        f" AND {' AND '.join(f'l.{name} = r.{name}' for name in names)}"
        for block, names in enumerate(ALIKE)
    ]
    return int(connection.execute(f"SELECT count(*) FROM ({' UNION '.join(joins)})").fetchall()[0][0])


def _learn(linker: Linker) -> None:
    """How often each level is seen: in pairs of two persons from random pairs, in those of one by expectation
    maximisation, among pairs of one birth date, which say nothing of birth dates, and of one street."""
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED)
    for field, block in (("birth_date", 0), ("street", 2)):
        rule = CustomRule(f"l.{field} = r.{field} AND l.block_{block} = r.block_{block}")
        linker.training.estimate_parameters_using_expectation_maximisation(rule)


def _as_pairs(predicted: str) -> str:
    """Of what Splink predicted, the pairs in which more agrees than what a household shares."""
    differ, same_surname = (LEVELS["names"].index(level) for level in ("differ", "surname close"))
    has_given_name = f"gamma_names NOT IN (-1, {differ}, {same_surname})"
    is_same_day = f"gamma_birth_date = {LEVELS['birth_date'].index('same')}"
    has_place = f"gamma_address >= {LEVELS['address'].index('postcode and town')}"
    is_clear = (
        f"gamma_birth_date <> 0 AND ({has_given_name} OR {is_same_day}) AND (gamma_birth_date > 0 OR {has_place})"
    )
    return (
        "SELECT unique_id_l AS left, unique_id_r AS right, round(match_probability, 6) AS probability,"
        f" {is_clear} AS is_clear, {', '.join(f'gamma_{name} AS {name}' for name in LEVELS)}"
        f" FROM {predicted} WHERE {has_given_name} OR gamma_birth_date > 0 ORDER BY ALL"
    )

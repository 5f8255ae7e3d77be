"""How a person behaves, as numbers: the components of `behaviour`, in their order. No component is scaled: what a model
scales by lies with the model. What is not known is 0, and of an encoded attribute -1."""

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.settings.profiles_settings import ProfilesSettings

COMPONENTS = {
    "sessions": "sessions",
    "recent_sessions": "recent_sessions",
    "steps_per_session": "try_divide(steps, sessions)",
    "actions_per_session": "try_divide(recent_actions, recent_sessions)",
    "baskets": "baskets",
    "items": "items",
    "spend": "spend",
    "mean_basket": "mean_basket",
    "mean_price": "mean_price",
    "discount_share": "discount_share",
}
"""Their names, and what each is in the columns of a profile; those below follow."""
PARTS_OF_DAY = {"night": range(0, 6), "morning": range(6, 12), "afternoon": range(12, 18), "evening": range(18, 24)}
WEEKEND = (6, 7)
DEVICES = ("mobile", "app", "desktop", "tablet")


def behaviour(settings: ProfilesSettings) -> Column:
    """Of the columns of a profile, those of `attributes` with what was imputed."""
    values = [number for number in _numbers(settings).values()]
    return F.array(*[F.coalesce(value.cast("float"), F.lit(0.0).cast("float")) for value in values])


def component_names(settings: ProfilesSettings) -> list[str]:
    return [*_numbers(settings)]


def _numbers(settings: ProfilesSettings) -> dict[str, Column]:
    return {
        **{name: F.expr(text) for name, text in COMPONENTS.items()},
        **{f"share_{part}": _sum_of("hours", hours) for part, hours in PARTS_OF_DAY.items()},
        "share_weekend": _sum_of("weekdays", WEEKEND),
        **{f"share_{device}": F.try_element_at("devices", F.lit(device)) for device in DEVICES},
        "share_of_favourite_category": F.try_element_at("categories", F.col("favourite_category")),
        **{f"attribute_{name}": _place(name, values) for name, values in settings.encode.items()},
    }


def _sum_of(shares: str, keys: range | tuple[int, ...]) -> Column:
    parts = [F.coalesce(F.try_element_at(shares, F.lit(key)), F.lit(0.0)) for key in keys]
    return reduce(Column.__add__, parts)


def _place(name: str, values: tuple[str, ...]) -> Column:
    """Of the attribute's value among those of the settings, from 0; -1: another one, or none."""
    of_value = F.array_position(F.array(*[F.lit(value) for value in values]), F.col("attributes")[name])
    return F.coalesce(of_value, F.lit(0)) - 1

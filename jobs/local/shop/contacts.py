"""How the demo's households could be reached: invented, since the shop's data names nobody. Seeded."""

import functools
from dataclasses import dataclass

from faker import Faker


@dataclass(frozen=True)
class Contact:
    """One household's invented person. The phone number is valid, the address is nobody's but by chance."""

    email: str
    phone: str
    given_name: str
    surname: str
    street: str
    birth_date: str


@functools.cache
def contact(household: int) -> Contact:
    fake = _faker()
    fake.seed_instance(household)
    given_name, surname = fake.first_name(), fake.last_name()
    return Contact(
        email=f"{given_name}.{surname}.{household}@{fake.safe_domain_name()}".lower(),
        phone=fake.numerify("+1 212-2##-####"),
        given_name=given_name,
        surname=surname,
        street=fake.street_address(),
        birth_date=fake.date_of_birth(minimum_age=18, maximum_age=90).isoformat(),
    )


@functools.cache
def _faker() -> Faker:
    return Faker("en_US", use_weighting=False)  # weights took most of the time and matter to nobody

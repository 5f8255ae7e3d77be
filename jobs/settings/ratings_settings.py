"""Section [ratings]: what an interaction weighs."""

from jobs.settings.section import Section


class RatingsSettings(Section):
    half_life_days: float
    purchase: float
    add_to_cart: float
    add_to_wishlist: float
    rating: float
    product_view: float

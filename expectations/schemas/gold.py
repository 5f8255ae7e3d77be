"""What is known of each person, and what each should see next."""

from expectations.schemas.table import RUN, Table, stats_on

SHARES = "map<string, double>"

TABLES: dict[str, Table] = {
    "gold.ratings": Table(
        grain="one row per person and item",
        mended_by=RUN,
        columns={
            "person_id": "string",
            "item_id": "string",
            "weight": "double COMMENT 'interactions weighted by type and decayed by age, free of quantity'",
            "purchases": "bigint COMMENT 'baskets with the item'",
            "last_at": "timestamp COMMENT 'of the last event of any type'",
        },
    ),
    "gold.features": Table(
        grain="one row per person with a purchase: how they shop, all values 0 or more",
        mended_by=RUN,
        columns={
            "person_id": "string",
            "recency_days": "double",
            "baskets": "double",
            "lines": "double",
            "spend": "double",
            "mean_basket": "double COMMENT 'spend per basket'",
            "items": "double COMMENT 'different items bought'",
            "mean_price": "double COMMENT 'mean over lines of what was paid for one'",
            "discount_share": "double COMMENT 'discount / (spend + discount), 0 to 1'",
            "categories": f"{SHARES} COMMENT 'share of spend by widest category, 0 to 1'",
            "brands": f"{SHARES} COMMENT 'share of spend by brand, 0 to 1'",
        },
    ),
    "gold.segments": Table(
        grain="one row per person and segment they are in",
        mended_by=RUN,
        columns={
            "person_id": "string",
            "segment_id": "string",
            "name": "string COMMENT 'the title of the segment'",
            "source": "string COMMENT 'rule: of conf/segments.toml; persona: of the champion'",
            "version": "string COMMENT 'of the rule or of the model'",
            "since": "timestamp COMMENT 'of the run that found them in'",
            "distance": "double COMMENT 'of a persona: to the centre, in standardised principal components'",
        },
        renamed={"version": "model_version"},
    ),
    "gold.segment_changes": Table(
        grain="one row per person, segment and moment at which they entered or left it",
        job="gold.segments",
        columns={
            "changed_at": "timestamp COMMENT 'of the run that found it'",
            "person_id": "string",
            "segment_id": "string",
            "source": "string COMMENT 'rule or persona'",
            "kind": "string COMMENT 'enter or leave'",
            "cause": "string COMMENT 'merge, consent, event, expiry, rule, catalogue or model'",
            "version_before": "string COMMENT 'of the rule or model by the run before; null: there was none'",
            "version_after": "string COMMENT 'by this run; null: there is none any more'",
        },
        properties=stats_on("changed_at", "segment_id"),
    ),
    "gold.segment_checks": Table(
        grain="one row per person of whom a rule will say otherwise though nothing happens",
        job="gold.segments",
        columns={
            "person_id": "string",
            "checked_at": "timestamp COMMENT 'as of when the rules were evaluated last'",
            "until": "timestamp COMMENT 'the first instant at which one of them may say otherwise'",
        },
        properties=stats_on("until"),
    ),
    "gold.profiles": Table(
        grain="one row per person",
        mended_by=RUN,
        columns={
            "person_id": "string",
            "first_seen": "timestamp",
            "last_seen": "timestamp",
            "events": "bigint",
            "baskets": "bigint",
            "spend": "double",
            "recency_days": "double",
            "favourite_category": "string COMMENT 'the one most was spent on'",
            "favourite_brand": "string",
            "segment_id": "string",
            "segment": "string",
            "attributes": "map<string, string> COMMENT 'what the CRM says of the customer, by its own names'",
        },
    ),
    "gold.person_factors": Table(
        grain="one row per MLflow run and person",
        job="train.als",
        columns={"run_id": "string", "person_id": "string", "factors": "array<float>"},
        partition_by=("run_id",),
    ),
    "gold.item_factors": Table(
        grain="one row per MLflow run and item",
        job="train.als",
        columns={"run_id": "string", "item_id": "string", "factors": "array<float>"},
        partition_by=("run_id",),
    ),
    "gold.recommendations": Table(
        grain="one row per person, slot and rank, of the last version",
        mended_by=RUN,
        columns={
            "version": "string",
            "person_id": "string",
            "slot": "string COMMENT 'again: bought before; discover: new to the person'",
            "rank": "int",
            "item_id": "string",
            "score": "double",
            "reason": "string COMMENT 'bought_before, similar_people or popular: a key that a shop has a text for'",
            "reason_values": "map<string, string> COMMENT 'what that text needs: times, of bought_before'",
            "model": "string COMMENT 'model name and version'",
        },
    ),
    "gold.fallbacks": Table(
        grain="one row per segment and rank; segment everyone is what is popular with all",
        mended_by=RUN,
        columns={"segment_id": "string", "rank": "int", "item_id": "string", "score": "double"},
    ),
}

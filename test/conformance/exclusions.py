"""What the runner leaves out, by name and with its reason; docs/googlesql-conformance.md tells the rest."""

# The share of the statements run that must be equal.
RATE_MIN = 0.95

# Job options that change neither rows nor their types.
CONFIG_WITHOUT_EFFECT_ON_ROWS = {"use_query_cache", "priority", "labels", "default_dataset", "use_legacy_sql"}

BY_CATEGORY = {}

# Misses that are understood, each with its reason.
KNOWN = {}

"""The Python client's whole suite."""
# The modules register their scenarios when they are imported.
from python_client import delivery, platform, position, publish, push, resources, schemas, transforms  # noqa: F401
from python_client.session import Session, scenarios

WORKERS = 8
# These start and kill servers of their own, or measure: they run alone, after the others.
ALONE = ("durability",)


def run(server, features=()):
    session = Session(server)
    try:
        together = [f for f in scenarios.functions if f not in ALONE and (not features or f in features)]
        if together:
            yield from scenarios.run_all(together, WORKERS, session)
        for feature in ALONE:
            if feature in scenarios.functions and (not features or feature in features):
                yield scenarios.run(feature, session)
    finally:
        session.close()

"""One Afluente for all clients; their suites run two at a time and each feature's line is looked up by its test."""
import concurrent.futures
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from features import CLIENTS, WAREHOUSE  # noqa: E402
from judge import missing, offered, run_suite  # noqa: E402
from servers import Afluente  # noqa: E402

BESIDE_EACH_OTHER = 2


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    made = Afluente(tmp_path_factory.mktemp("judged")).start()
    yield made
    assert made.alive(), "the server died while the clients ran"
    made.stop()


@pytest.fixture(scope="session")
def found(server, request):
    """client -> a function that waits for its suite and returns its lines by feature."""
    wanted = {item.callspec.params["client"] for item in request.session.items if hasattr(item, "callspec")}
    pool = concurrent.futures.ThreadPoolExecutor(int(os.environ.get("AFLUENTE_SUITES", BESIDE_EACH_OTHER)))

    def lines(client):
        features = offered(client) + [f.id for f in WAREHOUSE if client in f.clients]
        return {line["feature"]: line for line in run_suite(client, server, features)}

    running = {c: pool.submit(lines, c) for c in CLIENTS.values() if c in wanted and not missing(c)}
    yield lambda client: running[client].result(timeout=500)
    pool.shutdown(wait=False, cancel_futures=True)

"""Every feature that a client must show, against Afluente: `[python-topics]` fails alone when it is not `ok`.

The suites share two cores and judge by the clock: what is not `ok` among the others is played once more by itself. Then it must be, and the
first result stands in the summary as a warning.
"""
import warnings

import pytest
from features import CLIENTS, FEATURES
from judge import missing, run_suite

CELLS = [(client, feature.id) for client in CLIENTS.values() for feature in FEATURES if client in feature.clients]


@pytest.mark.parametrize(("client", "feature"), CELLS, ids=[f"{c}-{f}" for c, f in CELLS])
def test_feature(found, server, client, feature):
    reason = missing(client)
    if client == "gcloud" and reason:
        pytest.skip(reason)
    assert not reason, reason
    lines = found(client)
    assert feature in lines, f"the {client} suite printed nothing for {feature}"
    line = lines[feature]
    if line["result"] != "ok":
        warnings.warn(f"{client} {feature}, among the others: {line['result']}: {line['detail']}", stacklevel=1)
        line = next(again for again in run_suite(client, server, [feature]) if again["feature"] == feature)
    assert line["result"] == "ok", f"{line['result']}: {line['detail']}"

"""Every feature that a client must show, against Afluente: `[python-topics]` fails alone when it is not `ok`."""
import pytest
from features import CLIENTS, FEATURES, WAREHOUSE
from judge import missing

CELLS = [(client, feature.id) for client in CLIENTS.values() for feature in FEATURES + WAREHOUSE if client in feature.clients]


@pytest.mark.parametrize(("client", "feature"), CELLS, ids=[f"{c}-{f}" for c, f in CELLS])
def test_feature(found, client, feature):
    reason = missing(client)
    if client == "gcloud" and reason:
        pytest.skip(reason)
    assert not reason, reason
    lines = found(client)
    assert feature in lines, f"the {client} suite printed nothing for {feature}"
    line = lines[feature]
    assert line["result"] == "ok", f"{line['result']}: {line['detail']}"

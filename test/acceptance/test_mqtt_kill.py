"""Either side of MQTT killed in the middle: nothing acknowledged is lost, and QoS 2 doubles nothing."""
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import paho.mqtt.client as paho
import pytest
from instance import wait_until
from test_mqtt import SPEC, client, connected, gone, mosquitto_pub, port_of, pulled

SEED = int(os.environ.get("AFLUENTE_SEED", "7"))


def kill_and_start(instance):
    instance.kill()
    instance.start(keep_ports=True)


@pytest.mark.parametrize("qos", [1, 2])
def test_the_server_is_killed(launch, qos):
    """A client with a session publishes while the server is killed again and again."""
    up = launch(SPEC, {})
    kill_and_start(up)  # on fixed ports from here on
    dice = random.Random(SEED * 10 + qos)
    made = client("steady", clean=False)
    made.reconnect_delay_set(1, 1)
    made.max_queued_messages_set(0)
    acknowledged = set()
    made.on_publish = lambda _c, _d, mid, _r, _p: acknowledged.add(mid)
    connected(made, up)
    sent = {}
    stop = threading.Event()

    def publish():
        while not stop.is_set():
            info = made.publish("devices/steady/telemetry", f"m{len(sent)}", qos=qos)
            sent[f"m{len(sent)}"] = info.mid
            time.sleep(0.0005)

    publisher = threading.Thread(target=publish)
    publisher.start()
    for _ in range(6):
        time.sleep(dice.uniform(0.1, 0.9))
        kill_and_start(up)
    time.sleep(0.5)
    stop.set()
    publisher.join()
    wait_until(lambda: len(acknowledged) >= len(sent), 60, "every acknowledgement")
    gone(made)
    got = [message["text"] for message in pulled(up)]
    assert set(got) == set(sent), f"AFLUENTE_SEED={SEED}"
    if qos == 2:
        assert len(got) == len(sent), f"AFLUENTE_SEED={SEED}: doubled {sorted({m for m in got if got.count(m) > 1})}"


@pytest.mark.skipif(shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin") is None,
                    reason="the mosquitto broker is not installed (apt-get install mosquitto)")
def test_a_bridging_mosquitto_and_either_side_is_killed(launch, tmp_path):
    """A real broker bridges at QoS 1; it and Afluente are killed in turn."""
    up = launch(SPEC, {})
    kill_and_start(up)
    broker_port = port_of(up) - 1 if port_of(up) > 2000 else port_of(up) + 1
    store = tmp_path / "store"
    store.mkdir()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"""
listener {broker_port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {store}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 0
user root
connection up
address 127.0.0.1:{port_of(up)}
remote_clientid bridge
cleansession false
bridge_protocol_version mqttv311
restart_timeout 1 1
topic # out 1 "" ""
""")
    config.write_text(config.read_text().replace('topic # out 1 "" ""', "topic devices/# out 1"))
    dice = random.Random(SEED)
    broker = [None]

    def start_broker():
        broker[0] = subprocess.Popen([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", str(config)],
                                     stdout=subprocess.DEVNULL, stderr=open(tmp_path / "mosquitto.log", "ab"))

    def stop_broker(number):
        os.kill(broker[0].pid, number)
        broker[0].wait(timeout=30)

    start_broker()
    try:
        made = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="app", clean_session=False)
        made.reconnect_delay_set(1, 1)
        wait_until(lambda: _connects(made, broker_port), 30, "the broker")
        made.loop_start()
        acknowledged = set()
        made.on_publish = lambda _c, _d, mid, _r, _p: acknowledged.add(mid)
        sent = {}
        for round_number in range(4):
            for _ in range(300):
                text = f"b{len(sent)}"
                sent[text] = made.publish("devices/app/telemetry", text, qos=1).mid
            time.sleep(dice.uniform(0.05, 0.4))
            kill_and_start(up)
            wait_until(lambda: len(acknowledged) >= len(sent), 60, "the broker's acknowledgements")
            if round_number == 1:
                # A clean end: it keeps its queue on disk then (kill -9 of it loses what it has not saved, which is
                # its own promise and not ours).
                stop_broker(signal.SIGTERM)
                start_broker()
        got = set()

        def all_there():
            got.update(message["text"] for message in pulled(up))
            return got >= set(sent)

        wait_until(all_there, 120, "every bridged message")
        made.loop_stop()
    finally:
        stop_broker(signal.SIGTERM)


def _connects(made, port):
    try:
        made.connect("127.0.0.1", port)
        return True
    except OSError:
        return False


def test_the_client_is_killed(launch):
    """mosquitto_pub is killed while it sends: what arrived is a beginning of what it sent, each once."""
    up = launch(SPEC, {})
    lines = "".join(f"l{i}\n" for i in range(20_000))
    sender = subprocess.Popen(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port_of(up)), "-q", "2", "-i", "dying",
                               "-t", "devices/dying/telemetry", "-l"], stdin=subprocess.PIPE, text=True)
    feeder = threading.Thread(target=_feed, args=(sender, lines))
    feeder.start()
    got = []

    def some():
        got.extend(message["text"] for message in pulled(up))
        return len(got) > 100

    wait_until(some, 60, "some messages")
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait()
    feeder.join()
    got.extend(message["text"] for message in pulled(up))
    assert len(set(got)) == len(got)
    assert set(got) <= set(lines.splitlines())
    mosquitto_pub(up, "-q", "2", "-i", "dying", "-t", "devices/dying/telemetry", "-m", "again")
    assert "again" in [message["text"] for message in pulled(up)]


def _feed(process, text):
    try:
        process.stdin.write(text)
        process.stdin.close()
    except BrokenPipeError:
        pass

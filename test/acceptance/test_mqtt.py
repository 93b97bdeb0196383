"""The MQTT door, judged by unmodified clients: mosquitto_pub, a bridging mosquitto, paho-mqtt and MQTT.js."""
import base64
import hashlib
import json
import os
import socket
import subprocess
import threading
import time

import jwt
import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from instance import ROOT, wait_until
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SPEC = """
project: p
topics: {Data: {}, Other: {}}
subscriptions: {all: {topic: Data}, others: {topic: Other}}
sources:
  mqtt:
    routes:
      "devices/+/telemetry": {topic: Data, attributes: {kind: telemetry}}
      "devices/#": {topic: Other, ordering_key: mqtt_client_id}
"""

MQTT_JS = os.environ.get("AFLUENTE_MQTT_JS") or str(ROOT / "build/clients/node_modules/mqtt")


@pytest.fixture(name="up")
def _up(launch):
    return launch(SPEC, {})


def port_of(instance, door="mqtt"):
    return int(instance.doors[door].rsplit(":", 1)[1])


def pulled(instance, subscription="all"):
    got = []
    while True:
        lines = instance.run("pull", subscription, "--limit", 1000, "--ack", "--json").stdout.splitlines()
        if not lines:
            return got
        for line in lines:
            message = json.loads(line)
            message["text"] = base64.b64decode(message["data"]).decode()
            got.append(message)


def mosquitto_pub(instance, *arguments, code=0, stdin=None):
    result = subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port_of(instance)), *arguments],
                            input=stdin, capture_output=True, timeout=60, text=True)
    assert code is None or result.returncode == code, result.stderr
    return result


class Client(paho.Client):
    """Paho 2.1 forgets for which messages it owes a PUBREL when an attempt to connect again fails, and publishes them
    anew, which [MQTT-4.3.3-1] forbids: the receiver has released their identifiers and must take them for new ones."""

    def _messages_reconnect_reset_out(self):
        with self._out_message_mutex:
            owed = [m for m in self._out_messages.values() if m.state == paho.mqtt_ms_resend_pubrel]
            super()._messages_reconnect_reset_out()
            for message in owed:
                message.state = paho.mqtt_ms_resend_pubrel


def client(name, clean=True, version=paho.MQTTv311):
    made = Client(paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=version,
                  **({"clean_session": clean} if version == paho.MQTTv311 else {}))
    made.max_inflight_messages_set(100)
    return made


def connected(made, instance, **options):
    done = threading.Event()
    made.reason = None

    def on_connect(_client, _data, flags, reason, _properties):
        made.reason, made.flags = reason, flags
        done.set()

    made.on_connect = on_connect
    made.connect("127.0.0.1", port_of(instance), **options)
    made.loop_start()
    assert done.wait(30)
    return made


def gone(made):
    made.disconnect()
    made.loop_stop()


# Clients.

@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_mosquitto_pub(up, version, qos):
    mosquitto_pub(up, "-V", version, "-q", qos, "-i", "d1", "-t", "devices/d1/telemetry", "-m", "warm", "-r")
    message = wait_until(lambda: pulled(up), what="the message")[0]
    assert message["text"] == "warm"
    attributes = message["attributes"]
    assert attributes["mqtt_topic"] == "devices/d1/telemetry"
    assert (attributes["mqtt_client_id"], attributes["kind"], attributes["mqtt_qos"]) == ("d1", "telemetry", qos)
    assert attributes["mqtt_retain"] == "true" and attributes["mqtt_received_at"].endswith("Z")


def test_the_most_specific_route_counts(up):
    mosquitto_pub(up, "-q", "1", "-i", "d1", "-t", "devices/d1/alarm", "-m", "hot")
    message = pulled(up, "others")[0]
    assert message["text"] == "hot" and message["ordering_key"] == "d1" and not pulled(up)


def test_user_properties_and_reason_codes_of_5(up):
    made = connected(client("d5", version=paho.MQTTv5), up)
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = [("room", "7"), ("room", "8")]
    properties.ContentType = "text/plain"
    made.publish("devices/d5/telemetry", "x", qos=1, properties=properties).wait_for_publish(30)
    attributes = pulled(up)[0]["attributes"]
    assert (attributes["room"], attributes["mqtt_content_type"]) == ("7,8", "text/plain")
    reasons = {}
    made.on_publish = lambda _c, _d, mid, reason, _p: reasons.update({mid: reason.value})
    taken = Properties(PacketTypes.PUBLISH)
    taken.UserProperty = [("kind", "forged")]
    asked = [made.publish("nowhere", "x", qos=1), made.publish("devices/d5/telemetry", "x", qos=1, properties=taken),
             made.publish("$SYS/x", "x", qos=1), made.publish("nowhere", "x", qos=2)]
    wait_until(lambda: len(reasons) == 4, what="four answers")
    assert [reasons[info.mid] for info in asked] [:3] == [0x90, 0x99, 0x10]
    assert reasons[asked[3].mid] in (0x90, 0x92)  # paho releases what was refused, and reports that answer
    subscribed = []
    made.on_subscribe = lambda _c, _d, _m, codes, _p: subscribed.extend(codes)
    made.subscribe("devices/#")
    wait_until(lambda: subscribed, what="the answer to SUBSCRIBE")
    assert subscribed[0].value == 0x87
    gone(made)
    assert not pulled(up)


def test_subscribe_is_refused_in_311(up):
    made = connected(client("d3"), up)
    subscribed = []
    made.on_subscribe = lambda _c, _d, _m, codes, _p: subscribed.extend(codes)
    made.subscribe("devices/#")
    wait_until(lambda: subscribed, what="the answer to SUBSCRIBE")
    assert subscribed[0].value == 0x80
    gone(made)


def test_a_will_is_delivered_when_the_client_dies(up):
    made = client("d9")
    made.will_set("devices/d9/telemetry", "gone", qos=1)
    connected(made, up)
    made.socket().shutdown(socket.SHUT_RDWR)
    made.loop_stop()
    message = wait_until(lambda: pulled(up), what="the will")[0]
    assert message["text"] == "gone" and message["attributes"]["mqtt_will"] == "true"
    clean = client("d10")
    clean.will_set("devices/d10/telemetry", "gone", qos=1)
    connected(clean, up)
    gone(clean)
    silent = client("d11")
    silent.will_set("devices/d11/telemetry", "silent", qos=1)
    silent.connect("127.0.0.1", port_of(up), keepalive=1)  # and no loop, so that nothing is sent after it
    silent.loop()
    wait_until(lambda: [m["text"] for m in pulled(up)] == ["silent"], what="the will of the silent client")


def test_takeover_ends_the_older_connection(up):
    first = client("same", version=paho.MQTTv5)
    ended = []
    first.on_disconnect = lambda _c, _d, _f, reason, _p: ended.append(reason.value)
    connected(first, up)
    first.reconnect_delay_set(60, 60)
    second = connected(client("same", version=paho.MQTTv5), up)
    wait_until(lambda: ended, what="the end of the first")
    assert ended[0] == 0x8E
    second.publish("devices/same/telemetry", "x", qos=1).wait_for_publish(30)
    first.loop_stop()
    gone(second)


@pytest.mark.skipif(not os.path.isdir(MQTT_JS), reason="MQTT.js is not installed: tools/bootstrap clients")
@pytest.mark.parametrize("version", [4, 5])
def test_mqtt_js(up, version):
    script = """
      const mqtt = require(process.argv[1]);
      const client = mqtt.connect('mqtt://127.0.0.1:' + process.argv[2],
                                  {protocolVersion: Number(process.argv[3]), clientId: 'js', clean: true});
      client.on('connect', async () => {
        for (const qos of [0, 1, 2]) await client.publishAsync('devices/js/telemetry', 'q' + qos, {qos});
        await client.endAsync();
      });
      client.on('error', (error) => { console.error(error); process.exit(1); });
    """
    subprocess.run(["node", "-e", script, MQTT_JS, str(port_of(up)), str(version)], check=True, timeout=60)
    got = []

    def all_there():
        got.extend(message["text"] for message in pulled(up))
        return sorted(got) == ["q0", "q1", "q2"]

    wait_until(all_there, what="three messages")


# Who may connect.

def key_pair(made):
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())
    return public.decode(), private


def test_devices_by_password_and_token(launch):
    salt = b"0123456789ab"  # as mosquitto_passwd does it
    derived = hashlib.pbkdf2_hmac("sha512", b"secret", salt, 101, 64)
    hashed = f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(derived).decode()}"
    ec_public, ec_private = key_pair(ec.generate_private_key(ec.SECP256R1()))
    rsa_public, rsa_private = key_pair(rsa.generate_private_key(65537, 2048))
    devices = json.dumps({"devices": {  # JSON is YAML
        "d1": {"password_hash": hashed, "topics": ["devices/d1/#"]},
        "d2": {"public_keys": [ec_public, rsa_public]}}})
    up = launch(SPEC + "    devices: {file: devices.yaml}\n", {"devices.yaml": devices})
    send = ["-q", "1", "-t", "devices/d1/telemetry", "-m", "x"]
    mosquitto_pub(up, *send, "-i", "d1", "-u", "d1", "-P", "secret")
    for wrong in (["-i", "d1", "-u", "d1", "-P", "Secret"], ["-i", "d3", "-u", "d1", "-P", "secret"], ["-i", "d1"]):
        assert mosquitto_pub(up, *send, *wrong, code=None).returncode != 0
    now = int(time.time())

    def token(private, algorithm, **claims):
        return jwt.encode({"aud": "p", "iat": now, "exp": now + 3600, **claims}, private, algorithm)

    as_d2 = [*send, "-i", "d2", "-u", "unused", "-P"]
    mosquitto_pub(up, *as_d2, token(ec_private, "ES256"))
    mosquitto_pub(up, *as_d2, token(rsa_private, "RS256"))
    other = key_pair(ec.generate_private_key(ec.SECP256R1()))[1]
    for wrong in (token(other, "ES256"), token(ec_private, "ES256", aud="q"),
                  token(ec_private, "ES256", exp=now - 1000, iat=now - 2000),
                  token(ec_private, "ES256", exp=now + 100_000), jwt.encode({"aud": "p"}, "k" * 32, "HS256"), "x.y.z"):
        assert mosquitto_pub(up, *as_d2, wrong, code=None).returncode != 0
    assert len(pulled(up)) == 3
    made = client("d1", version=paho.MQTTv5)
    made.username_pw_set("d1", "secret")
    connected(made, up)
    reasons = []
    made.on_publish = lambda _c, _d, _m, reason, _p: reasons.append(reason.value)
    made.publish("devices/d2/telemetry", "x", qos=1)
    wait_until(lambda: reasons == [0x87], what="the refusal")
    gone(made)


def test_tls_and_device_certificates(launch, tmp_path):
    def run(*command):
        subprocess.run(["openssl", *command], check=True, capture_output=True, cwd=tmp_path)

    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
        "ca.crt", "-days", "2", "-subj", "/CN=ca")
    (tmp_path / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for name in ("server", "d7"):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", f"{name}.crt", "-extfile", "san")
    files = {name: (tmp_path / name).read_text() for name in ("server.crt", "server.key", "ca.crt")}
    files["devices.yaml"] = "devices: {d7: {certificate: true}}\n"
    up = launch(SPEC + "    devices: {file: devices.yaml}\n    tls: {certificate_file: server.crt, key_file: server.key, "
                       "client_ca_file: ca.crt}\n", files)
    base = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port_of(up, "mqtts")), "--cafile", str(tmp_path / "ca.crt"),
            "-q", "1", "-t", "devices/d7/telemetry", "-m", "x"]
    shown = ["--cert", str(tmp_path / "d7.crt"), "--key", str(tmp_path / "d7.key")]
    subprocess.run([*base, *shown, "-i", "d7"], check=True, timeout=30)
    assert subprocess.run([*base, *shown, "-i", "d8"], timeout=30, capture_output=True).returncode != 0
    assert subprocess.run([*base, "-i", "d7"], timeout=30, capture_output=True).returncode != 0
    assert len(pulled(up)) == 1


# Limits.

def test_hostile_bytes_end_the_connection_alone(up):
    for raw in (b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\x01", b"\x30\x03\x00\x01a", b"\x00" * 100,
                b"\x10\xff\xff\xff\x7f" + b"x" * 1000, b"\xc0\x00"):
        with socket.create_connection(("127.0.0.1", port_of(up)), timeout=30) as raw_socket:
            raw_socket.sendall(raw)
            try:
                assert raw_socket.recv(100) == b""
            except ConnectionResetError:
                pass
    mosquitto_pub(up, "-q", "1", "-i", "d1", "-t", "devices/d1/telemetry", "-m", "x")
    assert len(pulled(up)) == 1


def test_a_packet_too_large_is_refused_by_name(launch):
    up = launch(SPEC + "limits: {request_bytes: 64Ki}\n", {})
    made = client("big", version=paho.MQTTv5)
    ended = []
    made.on_disconnect = lambda _c, _d, _f, reason, _p: ended.append(reason.value)
    connected(made, up)
    made.reconnect_delay_set(60, 60)
    made.publish("devices/big/telemetry", "x" * 100_000, qos=1)
    wait_until(lambda: ended, what="the end")
    made.loop_stop()
    assert ended[0] == 0x95


def test_overload_keeps_memory_flat_and_loses_nothing(up):
    """Clients that send as fast as they can, for a bounded time: every acknowledged message is there."""
    before = up.resident_bytes()
    acknowledged, unanswered = set(), []
    stop = time.monotonic() + 5

    def flood(number):
        made = client(f"flood-{number}", version=paho.MQTTv5)
        refused = set()
        made.on_publish = lambda _c, _d, mid, reason, _p: refused.add(mid) if reason.value >= 0x80 else None
        connected(made, up)
        sent = []
        while time.monotonic() < stop:
            text = f"{number}-{len(sent)}"
            sent.append((made.publish("devices/x/telemetry", text + "x" * 500, qos=1), text))
            if len(sent) > 200:
                sent[-200][0].wait_for_publish(60)
        for info, text in sent:
            info.wait_for_publish(60)
            if not info.is_published():
                unanswered.append(text)
            elif info.mid not in refused:
                acknowledged.add(text)
        gone(made)

    floods = [threading.Thread(target=flood, args=(number,)) for number in range(6)]
    for thread in floods:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in floods):
        most = max(most, up.resident_bytes())
        floods[0].join(0.1)
    got = {message["text"].rstrip("x") for message in pulled(up)}
    assert not unanswered
    assert acknowledged and acknowledged <= got
    assert most < before + (700 << 20), f"{(most - before) >> 20} MiB"

"""Tokens made by PyJWT and cryptography: an issuer that owes nothing to Afluente's own code."""
import base64
import hashlib
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

ISSUER = "https://cloud.google.com/iap"
AUDIENCE = "/projects/1/locations/us-central1/services/api"
HEADER = "X-Goog-IAP-JWT-Assertion"


def encode(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """One ES256 key (or another curve, or RSA) with its id."""

    def __init__(self, kid="key-1", curve=None, bits=None):
        self.kid = kid
        self.key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(curve or ec.SECP256R1())
        self.algorithm = "RS256" if bits else {256: "ES256", 384: "ES384", 521: "ES512"}[self.key.key_size]

    def public_pem(self):
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def jwk(self):
        algorithm = jwt.algorithms.RSAAlgorithm if self.algorithm == "RS256" else jwt.algorithms.ECAlgorithm
        return {**json.loads(algorithm.to_jwk(self.key.public_key())), "kid": self.kid, "alg": self.algorithm,
                "use": "sig"}

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "accounts.google.com:1", "email": "ana@ltm.example",
                  "iat": now, "exp": now + 600, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, headers=None, **changes):
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return jwt.encode(self.claims(**changes), pem, self.algorithm, headers={"kid": self.kid, **(headers or {})})

    def forged(self, header, signature=b"x" * 64, **changes):
        return f"{encode({'kid': self.kid, **header})}.{encode(self.claims(**changes))}.{encode(signature)}"

    def hmac_token(self, key):
        signed = f"{encode({'alg': 'HS256', 'typ': 'JWT', 'kid': self.kid})}.{encode(self.claims())}"
        return f"{signed}.{encode(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"

"""What a scenario found, in the form that every language's suite prints: one JSON line a feature."""
import concurrent.futures
import json
import traceback

import grpc
from google.api_core import exceptions

SUITE_SECONDS = 450


class Wrong(Exception):
    """The server did something else than Google documents."""


class NotOffered(Exception):
    """The server has no such door or service at all; the text says which."""


def expect(what, actual, expected):
    if actual != expected:
        raise Wrong(f"{what}: {short(actual)} instead of {short(expected)}")


def require(what, condition):
    if not condition:
        raise Wrong(what)


def expect_error(what, code, call, *arguments, **named):
    """The call must fail with this gRPC code (or one of these), by its name; returns the error's text."""
    try:
        call(*arguments, **named)
    except exceptions.GoogleAPICallError as error:
        if isinstance(error, exceptions.MethodNotImplemented):
            raise
        actual = error.grpc_status_code.name if error.grpc_status_code else type(error).__name__
        codes = (code,) if isinstance(code, str) else code
        if actual not in codes:
            raise Wrong(f"{what}: {actual} instead of {' or '.join(codes)} ({short(str(error), 120)})") from None
        return str(error)
    raise Wrong(f"{what}: accepted instead of {code}")


def short(value, limit=200):
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "..."


class Scenarios:
    """One client's scenarios by feature id, in the order they were written."""

    def __init__(self, client):
        self.client = client
        self.functions = {}

    def __call__(self, feature):
        def add(function):
            assert feature not in self.functions, feature
            self.functions[feature] = function
            return function
        return add

    def run(self, feature, *arguments):
        """One scenario's line. Everything it raises is a finding about the server."""
        try:
            self.functions[feature](*arguments)
        except NotOffered as error:
            return self._line(feature, "not offered", str(error))
        except (exceptions.MethodNotImplemented, NotImplementedError) as error:
            return self._line(feature, "unimplemented", str(error))
        except grpc.RpcError as error:
            unimplemented = error.code() == grpc.StatusCode.UNIMPLEMENTED
            return self._line(feature, "unimplemented" if unimplemented else "wrong",
                              f"{error.code().name}: {error.details()}")
        except Wrong as error:
            return self._line(feature, "wrong", str(error))
        except Exception as error:  # pylint: disable=broad-except
            frame = traceback.extract_tb(error.__traceback__)
            own = [f for f in frame if "clients" in f.filename] or frame
            return self._line(feature, "wrong", f"{type(error).__name__} at line {own[-1].lineno}: {error}")
        return self._line(feature, "ok", "")

    def _line(self, feature, result, detail):
        return {"feature": feature, "client": self.client, "result": result, "detail": short(detail, 300)}

    def run_all(self, features, workers, *arguments):
        """Yields each scenario's line as it ends. Most of their time is waiting, so they run beside each other."""
        pool = concurrent.futures.ThreadPoolExecutor(workers)
        running = {pool.submit(self.run, f, *arguments): f for f in self.functions if not features or f in features}
        try:
            for future in concurrent.futures.as_completed(running, timeout=SUITE_SECONDS):
                yield running.pop(future) and future.result()
        except concurrent.futures.TimeoutError:
            for future, feature in running.items():
                yield self._line(feature, "wrong", "did not end")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def print_line(line):
    print(json.dumps(line), flush=True)

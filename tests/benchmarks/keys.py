"""What trust costs a POST: a key, its limit, and a request that may be repeated."""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from broker_topology.apply import apply
from store.database import Database
from store.schema import upgrade
from tests.benchmarks import ingress
from tests.benchmarks.ingress import Door
from tests.benchmarks.reports.figures import Benchmark, Contender, Round
from tests.benchmarks.rig.bench import OURS, Bench, Plan, free_port
from tests.benchmarks.rig.load import NUMBER, body_to
from tests.benchmarks.rig.queues import empty
from tests.support.clients.keys import bearer, made_key

NAME = "keys"
NONE, SIMPLE, STORED = "no key", "GATEWAY_API_KEY", "a key of the store"
LIMITED, REPEATABLE = "a key with a rate", "a key, each with an Idempotency-Key"
_SIMPLE_KEY: Final = "a-simple-key-of-thirty-two-letters"
_RATE: Final = "100000/s"  # counted, and never reached


def run(bench: Bench, plan: Plan) -> Benchmark:
    """POST in turns to one API without keys, and to one that asks for them."""
    found: dict[str, list[Round]] = {}
    with ExitStack() as stack:
        open_door = stack.enter_context(_door(bench, "open", _new_store(bench, "open")))
        settings = _new_store(bench, "closed") | {"GATEWAY_API_KEY": _SIMPLE_KEY}
        database = Database(settings["GATEWAY_DATABASE_URL"])
        stored, limited = made_key(database).bearer, made_key(database, rate=_RATE).bearer
        database.close()
        closed_door = stack.enter_context(_door(bench, "closed", settings))
        shown: dict[str, tuple[Door, Mapping[str, str]]] = {
            NONE: (open_door, {}),
            SIMPLE: (closed_door, bearer(_SIMPLE_KEY)),
            STORED: (closed_door, stored),
            LIMITED: (closed_door, limited),
            REPEATABLE: (closed_door, stored | {"Idempotency-Key": NUMBER}),
        }
        for door, headers in shown.values():  # the first ones are slower, and do not count
            ingress.await_accepted(door.process, door.port, headers)
        found = {name: [] for name in shown}
        turns = deque(shown.items())
        for _ in range(plan.rounds):
            turns.rotate()  # who follows whom costs as much as what is measured
            for name, (door, headers) in turns:
                empty(bench.node, door.vhost)
                measured = ingress.measure(
                    door, plan.seconds, bench.directory, body_to("telegram:42"), headers
                )
                found[name].append(measured)
    return Benchmark(
        name=NAME,
        title="what a key costs a POST",
        contenders=tuple(
            Contender(name=name, is_ours=True, rounds=tuple(its)) for name, its in found.items()
        ),
    )


def _new_store(bench: Bench, name: str) -> dict[str, str]:
    url = f"sqlite:///{bench.directory / f'{NAME} {name}.db'}"
    upgrade(url)
    return {"GATEWAY_DATABASE_URL": url}


@contextmanager
def _door(bench: Bench, name: str, settings: Mapping[str, str]) -> Iterator[Door]:
    vhost, port = f"{NAME} {name}", free_port()
    with bench.vhost(vhost) as url:
        apply(url)
        environment = ingress.own_environment(url, port) | dict(settings)
        with bench.running(f"{vhost} API", [*OURS, "admin", "api"], environment, port) as process:
            yield Door(name, process, port, vhost)

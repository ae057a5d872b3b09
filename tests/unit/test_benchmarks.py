"""What benchmarks make of their rounds: medians, ratios, verdicts, tables, the page of the docs."""

import ast
import json
import re
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console
from typer.testing import CliRunner

from admin.bench import Name, Order
from admin.cli import app
from common.channels import Channel
from common.envelope import Delivery
from common.errors import GatewayError
from deploy.local.node import Node
from deploy.local.stack import checkout
from tests.benchmarks import ingress
from tests.benchmarks.__main__ import BENCHMARKS, measure_all
from tests.benchmarks.reports import kept, machine
from tests.benchmarks.reports.figures import (
    Benchmark,
    Contender,
    Report,
    Round,
    Spread,
    percentile,
    ratio,
)
from tests.benchmarks.reports.goals import GOALS, Goal, judge
from tests.benchmarks.reports.page import BEGIN, END, render, with_report
from tests.benchmarks.reports.tables import cell, number, tables
from tests.benchmarks.rig import messages
from tests.benchmarks.rig.bench import PEERS, Bench, BenchError, Plan


def contender(name: str, *rates: float, is_ours: bool = False) -> Contender:
    return Contender(name=name, is_ours=is_ours, rounds=tuple(Round(rate=one) for one in rates))


def report_of(*contenders: Contender, name: str = "ingress") -> Report:
    benchmark = Benchmark(name=name, title="some load", contenders=contenders)
    versions = {"Python": "3.11"}
    return Report(at="now", machine="2 cores", versions=versions, is_complete=True,
                  benchmarks=(benchmark,))  # fmt: skip


def test_spread_is_the_median_and_the_range_of_what_was_measured() -> None:
    one = contender("gateway", 300, 100, 110)
    assert one.spread("rate") == Spread(110, 100, 300)
    assert one.spread("p99_ms") is None


def test_ratio_is_that_of_neighbouring_rounds_not_of_medians() -> None:
    # The machine slowed down in between: each round says that ours is twice as fast.
    ours, theirs = contender("gateway", 1000, 200, 100), contender("peer", 500, 100, 50)
    assert ratio(ours, theirs, "rate") == Spread(2, 2, 2)


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0.1, 1)], ids=str
)
def test_percentile_is_by_nearest_rank(percent: float, expected: float) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_cpu_per_message_is_also_a_rate_of_one_core() -> None:
    assert Round(cpu_ms=0.5).per_cpu_s == 2000
    assert Round().per_cpu_s is None


@pytest.mark.parametrize(
    ("ours", "is_reached"), [((250, 260, 240), True), ((249, 100, 240), False)], ids=str
)
def test_goal_beside_a_peer_is_judged_by_the_ratio(
    ours: tuple[float, ...], is_reached: bool
) -> None:
    report = report_of(
        contender("gateway", *ours, is_ours=True), contender(ingress.FASTSTREAM, 100, 100, 100)
    )
    [verdict] = judge(report)
    assert verdict.goal.bound == "≥ 2.5 ×"
    assert verdict.is_reached is is_reached


def test_goal_without_a_peer_is_judged_by_the_figure() -> None:
    rounds = (Round(rate=2999, cpu_ms=0.35),)
    ours = Contender(name="gateway", is_ours=True, rounds=rounds)
    verdicts = {one.goal.measure: one for one in judge(report_of(ours, name="sender"))}
    assert not verdicts["rate"].is_reached
    assert verdicts["cpu_ms"].is_reached
    assert verdicts["cpu_ms"].goal.bound == "≤ 0.35"


def test_what_did_not_take_part_is_not_judged() -> None:
    assert judge(report_of(contender("gateway", 100, is_ours=True), name="email")) == []


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.benchmark} {goal.words}")
def test_every_goal_has_one_bound_and_is_of_a_benchmark(goal: Goal) -> None:
    assert goal.benchmark in list(Name)
    assert (goal.least is None) != (goal.most is None)


def test_every_name_has_a_benchmark_and_the_dearest_comes_last() -> None:
    assert list(BENCHMARKS) == list(Name)
    assert list(Name)[-1] == Name.DEEP


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123")],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_cell_shows_the_range_where_there_is_one() -> None:
    assert cell(Spread(110, 100, 1300)) == "110 (100–1,300)"
    assert cell(Spread(5, 5, 5)) == "5"
    assert cell(None) == ""


def printed(report: Report, width: int) -> str:
    console = Console(width=width, file=(written := StringIO()))
    for table in tables(report, width):
        console.print(table)
    return written.getvalue()


def test_narrow_terminal_shows_names_and_medians_and_a_wide_one_the_ranges() -> None:
    rounds = tuple(Round(rate=rate, p50_ms=rate, p99_ms=rate, cpu_ms=rate, memory_mb=rate)
                   for rate in (1111.0, 2222.0, 3333.0))  # fmt: skip
    report = report_of(Contender(name="gateway, 2 workers", is_ours=True, rounds=rounds))
    assert "2,222 (1,111–3,333)" in printed(report, 160)
    narrow = printed(report, 80)
    assert re.search(r"│ gateway, 2 +│ +2,222 │", narrow)
    assert "1,111" not in narrow


def test_tables_show_each_contender_and_each_goal() -> None:
    report = report_of(contender("gateway", 100, is_ours=True), contender(ingress.FASTSTREAM, 100))
    text = printed(report, 120)
    assert "per second" in text
    assert re.search(r"FastAPI \+ FastStream │ +100 │", text)
    assert re.search(r"ingress: rate beside FastAPI \+ FastStream │ ≥ 2.5 × │ 1 × +│ not", text)


def test_report_survives_json_whole() -> None:
    report = report_of(contender("gateway", 100.5, 99, is_ours=True))
    text = report.model_dump_json(exclude_none=True)
    assert Report.model_validate_json(text) == report
    [benchmark] = json.loads(text)["benchmarks"]
    assert benchmark["contenders"][0]["rounds"] == [{"rate": 100.5}, {"rate": 99}]


def test_page_takes_a_new_report_in_place_of_the_old_one() -> None:
    page = f"# Before\n\n{BEGIN}\n\nold\n{END}\n\nafter\n"
    once = with_report(page, report_of(contender("gateway", 100, is_ours=True)))
    twice = with_report(once, report_of(contender("gateway", 200, is_ours=True)))
    assert once.startswith("# Before\n")
    assert twice.endswith("\n\nafter\n")
    assert "old" not in once
    assert "| gateway | 200 |" in twice
    assert "| gateway | 100 |" not in twice


NEWER: Final = {Name.JOURNAL, Name.KEYS, Name.LIVE, Name.STORE}
"""Benchmarks that have come since the complete run that docs/performance.md shows."""
SHOWN: Final = [name for name in Name if name not in NEWER]


def test_documented_figures_are_those_of_the_kept_report() -> None:
    report = Report.model_validate_json(kept.REPORT.read_text())
    assert render(report) in kept.DOCS.read_text()
    assert report.is_complete
    assert [one.name for one in report.benchmarks] == SHOWN


def test_documented_plots_are_there_and_small() -> None:
    shown = re.findall(r"!\[.*?\]\((.*?)\)", kept.DOCS.read_text())
    assert shown == [f"performance/{name}.svg" for name in SHOWN]
    assert all((kept.DOCS.parent / one).stat().st_size < 50_000 for one in shown)


@pytest.mark.parametrize("file", sorted(PEERS.glob("*.py")), ids=lambda file: file.name)
def test_peer_is_a_small_file_that_parses(file: Path) -> None:
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") < 80


def test_every_peer_that_is_started_is_there() -> None:
    names = {file.stem for file in PEERS.glob("*.py")}
    assert {*ingress.PEERS.values(), "worker_faststream", "worker_celery"} <= names
    assert {"loop_telegram", "loop_vk"} <= names


def test_peers_have_our_versions_of_what_both_use() -> None:
    ours = pins(checkout() / "constraints.txt")
    theirs = pins(machine.REQUIREMENTS)
    differing = {
        name: (ours[name], theirs[name])
        for name in ours.keys() & theirs.keys()
        if ours[name] != theirs[name]
    }
    assert differing == {}
    assert set(machine.SHOWN) <= theirs.keys()


def pins(file: Path) -> dict[str, str]:
    found = re.findall(r"(?m)^([\w.-]+)==(\S+)$", file.read_text())
    return {name.replace("_", "-"): version for name, version in found}


def test_deliveries_that_fill_a_queue_differ_in_id_and_recipient() -> None:
    made = [Delivery.decode(body) for _, body in messages.ours(Channel.EMAIL, 3)]
    assert [one.address for one in made] == [f"user{number}@example.com" for number in (1, 2, 3)]
    assert len({one.id for one in made}) == 3
    assert all(a.notification_id != b.notification_id for a, b in pairwise(made))
    assert all(one.id == f"{one.notification_id}-1" for one in made)


def test_benchmark_that_fails_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(bench: Bench, plan: Plan) -> Benchmark:
        raise BenchError("the sender has ended")

    [measured] = report_of(contender("gateway", 100), name="memory").benchmarks
    monkeypatch.setitem(BENCHMARKS, Name.VK, fail)
    monkeypatch.setitem(BENCHMARKS, Name.MEMORY, lambda bench, plan: measured)
    bench = Bench(tmp_path, None, Node.create(tmp_path / "unused"))
    found = measure_all((Name.VK, Name.MEMORY), bench, Plan(), lambda _: None)
    assert found == [measured]
    assert capsys.readouterr().err == "gateway: vk was not measured: the sender has ended\n"


def test_command_hands_its_order_on(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, words: handed.append(words))
    monkeypatch.chdir(checkout())
    words = ["bench", "vk", "latency", "--rounds", "2", "--waiting", "5000", "--json", "--plot"]
    assert CliRunner().invoke(app, words).exit_code == 0
    [command] = handed
    assert command[1:3] == ["-m", "tests.benchmarks"]
    assert Order.model_validate_json(command[3]) == Order(
        names=(Name.VK, Name.LATENCY), rounds=2, waiting=5000, as_json=True, plots=True
    )


def test_command_without_a_checkout_says_where_to_run_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("admin.bench.checkout", lambda: tmp_path)
    done = CliRunner().invoke(app, ["bench"])
    assert isinstance(done.exception, GatewayError)
    assert "run ./gateway bench there" in str(done.exception)

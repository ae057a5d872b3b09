"""The pages of Operations in a real browser, on a real broker and both stores."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from broker_topology.connect import connected
from common.envelope import EventType
from common.times import epoch_ms, utc_now
from console.people.person import Role
from deploy.local.node import Node
from store.access.audit import Action, Entry, read_entries, write_entry
from store.access.key_form import Mode
from store.access.keys import KeyRow, add_key, load_keys
from store.access.making import make_key
from store.access.users import change_role, load_users
from store.callbacks.endpoints import State, load_endpoints, note_courses
from store.database import Database
from tests.support.browsing.axe import serious_findings
from tests.support.browsing.pages import DESK, PHONE, Looking, looking_at, width_of
from tests.support.calling_back import of_owner, said, taken
from tests.support.clients.browsers import PASSWORD, made_user
from tests.support.happenings import accepted, event
from tests.support.polling import eventually
from tests.support.processes.consoles import quick_console
from tests.support.stored import new_deliveries, store

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>{{window.ran=1}}'
URL = "https://shop.example.com/hooks?<script>window.ran=1</script>"
ROLES_KNOWN_MS = 5500
PLACES = ("", "/keys", "/callbacks", "/users", "/settings", "/checks", "/topology", "/audit")


def kept_key(database: Database, name: str = "shop") -> KeyRow:
    _, row = make_key(name, "send,read", Mode.LIVE, None, (), None, utc_now())
    with database.writing() as connection:
        add_key(connection, row)
    return row


def keys(database: Database) -> list[KeyRow]:
    with database.reading() as connection:
        return load_keys(connection)


def acts(database: Database) -> list[tuple[str, str, str]]:
    with database.reading() as connection:
        found = read_entries(connection)
    return [(one.actor, one.action.value, one.subject) for one in found]


async def agree(page: Page, verb: str) -> None:
    """Press a button and agree to what it asks."""
    await page.click(f".act button.quiet:has-text('{verb}')")
    await page.click("dialog[open] button.grave")


@pytest.fixture
def _hostile(database: Database) -> None:
    """Something to show on each page, in hostile words."""
    row = kept_key(database, HOSTILE[:99])
    endpoint = of_owner(database, row.id, URL)
    made_user(database, "ada", Role.ADMIN)
    endpoint.state, endpoint.reason = State.DISABLED, HOSTILE
    with database.writing() as connection:
        note_courses(connection, [endpoint])
        entry = Entry(epoch_ms(utc_now()), HOSTILE, Action.CHANGED, HOSTILE, {"a": HOSTILE})
        write_entry(connection, entry)


@pytest.mark.usefixtures("_hostile")
@pytest.mark.parametrize(
    ("store_url", "size", "language"),
    [("sqlite", DESK, "en-US"), ("postgresql", PHONE, "ru-RU")],
    indirect=["store_url"],
)
async def test_every_place_fits_and_obeys_no_words_of_others(
    looking: Looking, database: Database, size: tuple[int, int], language: str
) -> None:
    [key] = keys(database)
    with database.reading() as connection:
        [endpoint] = load_endpoints(connection)
    one = (f"/keys/{key.id}", f"/callbacks/{endpoint.id}", "/users/ada")
    async with looking.page("/operations", size, language=language) as page:
        for place in (*PLACES, *one):
            await looking.go(page, f"/operations{place}")
            await page.wait_for_selector("#main .sheet")
            assert await page.locator("nav.pages [aria-current=page]").count() == 1, place
            assert await width_of(page) <= size[0], place
            assert await serious_findings(page) == [], place
            assert await page.evaluate("window.ran") is None, place
        await looking.go(page, "/operations/audit")
        assert await page.locator(f"td:text-is('{HOSTILE.replace(chr(39), '')}')").count() == 2


async def test_key_is_made_with_all_its_options_and_shown_once(
    looking: Looking, database: Database
) -> None:
    async with looking.page("/operations/keys") as page:
        await page.fill("[name=name]", "shop's own")
        await page.select_option("[name=mode]", "team")
        await page.uncheck("[name=read]")
        await page.fill("[name=rate]", "100/s")
        await page.fill("[name=expires]", "90d")
        await page.fill("[name=recipients]", "email:ada@example.com\ntelegram:42")
        await page.click("#main form button[type=submit]")
        shown = await page.inner_text(".secret")
        assert shown.startswith("gwk_team_")
        line = await page.inner_text("[role=status] + .command code")
        assert line.startswith("gateway keys create --name 'shop'\"'\"'s own' --scopes send")
        await page.wait_for_selector("td:has-text('shop')")
        await page.reload()
        await page.wait_for_selector("td:has-text('shop')")
        assert await page.locator(".secret").count() == 0
    [row] = keys(database)
    assert (row.mode, sorted(row.scopes), row.rate) == (Mode.TEAM, ["send"], "100/s")
    assert row.recipients == ("email:ada@example.com", "telegram:42")
    assert acts(database) == [("console demo", "created", f"key {row.id}")]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_fault_of_a_form_is_said_and_nothing_is_kept(
    looking: Looking, database: Database
) -> None:
    async with looking.page("/operations/keys") as page:
        await page.fill("[name=name]", "shop")
        await page.fill("[name=rate]", "fast")
        await page.click("#main form button[type=submit]")
        await page.wait_for_selector("text=no whole rate")
    assert keys(database) == []


async def test_key_is_rotated_and_revoked(looking: Looking, database: Database) -> None:
    row = kept_key(database)
    async with looking.page(f"/operations/keys/{row.id}") as page:
        await page.click("#main form >> nth=0 >> button")
        await page.wait_for_selector(".secret")
        [rotated] = keys(database)
        assert (rotated.former_hash, rotated.hash == row.hash) == (row.hash, False)
        await agree(page, "Revoke")
        await page.wait_for_url("**/operations/keys")
        await page.wait_for_selector("#main .sheet")
        assert await page.locator(f"text={row.id}").count() == 0
    assert keys(database)[0].revoked_at_ms is not None
    assert [one[1] for one in acts(database)] == ["revoked", "rotated"]


async def test_endpoint_is_ended_and_told_again(
    looking: Looking, database: Database, gateway_url: str
) -> None:
    endpoint = of_owner(database)
    [one] = new_deliveries()
    store(database, accepted(one), event(one, EventType.SENT, at=utc_now()))
    async with looking.page(f"/operations/callbacks/{endpoint.id}") as page:
        await page.fill("[name=since]", "2h")
        await page.click("#main form button[type=submit]")
        await page.click(".asked > button:has-text('Tell again')")
        would = await page.inner_text("dialog[open] p")
        await page.click("dialog[open] button.grave")
        await page.wait_for_selector(".said:has-text(' made.')")
        made = await page.inner_text(".said:has-text(' made.')")
        told = taken(gateway_url)
        assert would.partition(" ")[0] == made.partition(" ")[0] == str(len(told))
        assert "delivery.sent" in {said(each)["type"] for each in told}

        await agree(page, "Call it back no more")
        await page.wait_for_selector("dd:text-is('disabled')")
        await agree(page, "Call it back again")
        await page.wait_for_selector("dd:text-is('active')")
    assert [each[1] for each in acts(database)] == ["enabled", "disabled", "replayed"]


async def test_endpoints_test_goes_out_and_its_answer_is_awaited(
    looking: Looking, database: Database, gateway_url: str
) -> None:
    endpoint = of_owner(database)
    async with looking.page(f"/operations/callbacks/{endpoint.id}") as page:
        await page.click("button:has-text('Send a test')")
        await page.wait_for_selector("text=waiting for the answer")
        told = await eventually(lambda: taken(gateway_url, "high"))
        assert said(told[0])["type"] == "test"
        endpoint.sent_at_ms = epoch_ms(utc_now())
        with database.writing() as connection:
            note_courses(connection, [endpoint])
        await page.wait_for_selector("text=It was taken")


async def test_user_is_added_changed_and_removed(looking: Looking, database: Database) -> None:
    async with looking.page("/operations/users") as page:
        await page.fill("[name=name]", "grace")
        await page.click("#main form button[type=submit]")
        assert len(await page.inner_text(".secret")) >= 20
        await page.click("td a:text-is('grace')")
        await page.wait_for_selector("h2:text-is('grace')")
        await page.select_option("[name=role]", "operator")
        await page.click("#main form >> nth=0 >> button")
        await page.wait_for_selector("dd:has-text('operator')")
        await page.fill("[name=password]", "short")
        await page.click("#main form >> nth=1 >> button")
        await page.wait_for_selector("text=fewer than 12")
        await page.fill("[name=password]", "a longer one of hers")
        await page.click("#main form >> nth=1 >> button")
        await page.wait_for_selector("text=another password, and")
        await agree(page, "Disable")
        await page.wait_for_selector("h2:text-is('Enable')")
        await agree(page, "Enable")
        await page.wait_for_selector("h2:text-is('Disable')")
        await agree(page, "Remove")
        await page.wait_for_url("**/operations/users")
    with database.reading() as connection:
        assert load_users(connection) == []
    done = ["removed", "enabled", "disabled", "changed", "changed", "created"]
    assert [one[1:] for one in acts(database)] == [(each, "user grace") for each in done]


async def test_audit_log_is_filtered_and_walked_by_its_address(
    looking: Looking, database: Database
) -> None:
    with database.writing() as connection:
        for number in range(60):
            actor = "console ada" if number % 2 else "operator bo@host"
            entry = Entry(1_000 + number, actor, Action.CREATED, f"key k_{number}", {})
            write_entry(connection, entry)
    async with looking.page("/operations/audit") as page:
        assert await page.locator("tbody tr").count() == 50
        assert await page.inner_text(".ranges [aria-current]") == "All"
        await page.click(".ranges >> text=Day")  # they are of 1970
        await page.wait_for_selector(".empty")
        assert await page.inner_text(".ranges [aria-current]") == "Day"
        await page.click(".ranges >> text=All")
        await page.click("a[rel=next]")
        await page.wait_for_selector("td:text-is('key k_0')")
        assert await page.locator("tbody tr").count() == 10
    async with looking.page("/operations/audit") as page:
        await page.fill("[name=actor]", "ada")
        await page.click("#main form button[type=submit]")
        await page.wait_for_url("**actor=ada**")
        await page.wait_for_selector("tbody tr")
        assert await page.locator("tbody tr").count() == 30
    async with looking.page("/operations/audit?after=nonsense&action=nothing") as page:
        assert await page.locator("tbody tr").count() == 50


async def test_settings_say_their_source_and_no_secret(
    broker: Node, gateway_url: str, sqlite_url: str, browser: Browser, tmp_path: Path
) -> None:
    token = "123456:a-token-that-nobody-sees"
    secret = tmp_path / "vk"
    secret.write_text("a-token-of-vk")
    file = tmp_path / "settings.env"
    file.write_text(f"# ours\nGATEWAY_TELEGRAM_TOKEN={token}\nGATEWAY_VK_TOKEN_FILE={secret}\n")
    more = {
        "GATEWAY_ENV_FILE": str(file),
        "GATEWAY_DATABASE_URL": sqlite_url,
        "GATEWAY_CONSOLE_SIGN_IN": "no",
    }
    with quick_console(gateway_url, **more) as console:
        url = str(console.client.base_url).rstrip("/")
        path = "/operations/settings?all=yes"
        async with looking_at(url, browser) as looking, looking.page(path) as page:
            said = await page.inner_text("#main")
            row = page.locator("tr:has(td:text-is('GATEWAY_TELEGRAM_TOKEN'))")
            assert f"{file}, line 2" in await row.inner_text()
            row = page.locator("tr:has(td:text-is('GATEWAY_VK_TOKEN'))")
            assert f"GATEWAY_VK_TOKEN_FILE: {file}, line 3" in await row.inner_text()
            row = page.locator("tr:has(td:text-is('GATEWAY_CONSOLE_SIGN_IN'))")
            assert "no\tthe environment" in await row.inner_text()
            row = page.locator("tr:has(td:text-is('GATEWAY_LOG_LEVEL'))")
            assert "default" in await row.inner_text()
            for hidden in (token, "a-token-of-vk", gateway_url):
                assert hidden not in said


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_checks_run_in_the_background_and_are_there_for_all(looking: Looking) -> None:
    async with looking.page("/operations/checks") as page:
        await page.click("button:has-text('what this console knows')")
        await page.wait_for_selector("text=The checks run")
    async with looking.page("/operations/checks") as page:
        await page.wait_for_selector("td:text-is('broker')", timeout=60_000)
        assert "it took" in await page.inner_text(".found")


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_topology_that_differs_is_shown_with_what_apply_would_do(
    looking: Looking, gateway_url: str
) -> None:
    with connected(gateway_url) as connection:
        connection.channel().queue_delete("email.bulk")
    async with looking.page("/operations/topology") as page:
        await page.wait_for_selector("td:text-is('email.bulk')")
        said = await page.inner_text("#main")
        assert "missing" in said
        assert "It would make what is missing" in said


async def test_each_role_is_shown_and_may_do_its_own(
    gateway_url: str, store_url: str, database: Database, browser: Browser
) -> None:
    row = kept_key(database)
    for name in ("viewer", "operator", "admin"):
        made_user(database, f"a-{name}", Role[name.upper()])
    seen = {
        "viewer": {"Checks", "Topology"},
        "operator": {"Checks", "Topology", "API keys", "Callbacks", "Settings", "Audit log"},
        "admin": {
            *("Checks", "Topology", "API keys", "Callbacks", "Settings", "Audit log", "Users"),
        },
    }
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking:
            for role, titles in seen.items():
                async with looking.page("/sign-in") as page:
                    await page.fill("[name=name]", f"a-{role}")
                    await page.fill("[name=password]", PASSWORD)
                    await page.press("[name=password]", "Enter")
                    await page.wait_for_selector(".entry")
                    await page.goto(f"{url}/operations")
                    await page.wait_for_selector(".doors a")
                    assert {*await page.locator(".doors a").all_inner_texts()} == titles
                    await page.goto(f"{url}/operations/keys")
                    await page.wait_for_selector("h1")
                    body = await page.inner_text("#main")
                    assert (row.id in body) is (role != "viewer")
                    assert await page.locator("[name=rate]").count() == (role == "admin")


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_page_of_who_got_another_role_shows_what_that_may(
    gateway_url: str, store_url: str, database: Database, browser: Browser
) -> None:
    row, user = kept_key(database), made_user(database, "ada", Role.ADMIN)
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as console:
        url = str(console.client.base_url).rstrip("/")
        async with looking_at(url, browser) as looking, looking.page("/sign-in") as page:
            await page.fill("[name=name]", "ada")
            await page.fill("[name=password]", PASSWORD)
            await page.press("[name=password]", "Enter")
            await page.wait_for_selector(".entry")
            await page.goto(f"{url}/operations/keys/{row.id}")
            await page.wait_for_selector(".act")
            with database.writing() as connection:
                change_role(connection, user.id, "operator")
            await page.wait_for_selector(".act", state="detached", timeout=ROLES_KNOWN_MS)
            await page.wait_for_selector(f"text={row.id}")
            assert await page.locator("form.fields").count() == 0

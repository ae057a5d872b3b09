"""What the pages about signing in say, in English and Russian beside each other."""

import re
from typing import Final

LANGUAGES: Final = ("en", "ru")

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "title": ("Sign in", "Вход"),
    "product": ("Message gateway", "Шлюз сообщений"),
    "name": ("Name", "Имя"),
    "password": ("Password", "Пароль"),
    "enter": ("Sign in", "Войти"),
    "by_directory": ("Sign in with {host}", "Войти через {host}"),
    "by_key": ("Sign in with the console's key", "Войти по ключу консоли"),
    "by_key_why": (
        "GATEWAY_CONSOLE_KEY always opens this door, also while the database is down. It is "
        "written in the audit log.",
        "GATEWAY_CONSOLE_KEY открывает эту дверь всегда, даже когда база недоступна. Вход "
        "записывается в журнал аудита.",
    ),
    "key": ("Key", "Ключ"),
    "nobody_yet": (
        "There is no user yet. Make the first one on the gateway's machine:",
        "Пользователей ещё нет. Создайте первого на машине шлюза:",
    ),
    "store_away": (
        "The database does not answer, so names and passwords cannot be looked up now. Who is "
        "signed in stays so.",
        "База данных не отвечает, поэтому имена и пароли сейчас не проверить. Кто уже вошёл, "
        "остаётся в системе.",
    ),
    "wrong": (
        "Name or password is wrong, or the user is disabled.",
        "Имя или пароль неверны, либо пользователь отключён.",
    ),
    "wrong_key": (
        "This is not the console's key.",
        "Это не ключ консоли.",
    ),
    "pause": (
        "Too many tries failed. Wait {seconds} s, then try again.",
        "Слишком много неудачных попыток. Подождите {seconds} с и попробуйте снова.",
    ),
    "busy": (
        "Too many sign in at this moment. Try again.",
        "Сейчас входит слишком много людей. Попробуйте снова.",
    ),
    "store": (
        "The database does not answer. Try again in a moment, or sign in with the console's key.",
        "База данных не отвечает. Попробуйте чуть позже или войдите по ключу консоли.",
    ),
    "stale": (
        "This page was open for too long, or cookies are off. Try again.",
        "Страница была открыта слишком долго, или cookie отключены. Попробуйте снова.",
    ),
    "foreign": (
        "The browser says that another site sent this. Open the console at its own address and "
        "sign in there; its address is GATEWAY_CONSOLE_URL, if that is set.",
        "Браузер сообщает, что запрос пришёл с другого сайта. Откройте консоль по её собственному "
        "адресу и войдите там; этот адрес задаёт GATEWAY_CONSOLE_URL.",
    ),
    "bad_form": (
        "The browser sent something that is no form of this page. Reload the page.",
        "Браузер прислал не форму этой страницы. Перезагрузите страницу.",
    ),
    "signed_out_title": ("Signed out", "Вы вышли"),
    "signed_out": ("You are signed out.", "Вы вышли из консоли."),
    "signed_out_there": (
        "You are still signed in at {host}. End that too:",
        "Вы ещё не вышли из {host}. Завершите сеанс и там:",
    ),
    "sign_out_there": ("Sign out of {host}", "Выйти из {host}"),
    "again": ("Sign in again", "Войти снова"),
    "signed_in_as": ("You are signed in as {name}.", "Вы вошли как {name}."),
    "sign_out": ("Sign out", "Выйти"),
    "sign_out_everywhere": ("Sign out everywhere", "Выйти везде"),
    "oidc_away": (
        "{host} cannot be reached or does not answer as it should. Try again in a moment, or sign "
        "in with a password. The console's log says what was wrong.",
        "{host} недоступен или отвечает не так, как должен. Попробуйте чуть позже или войдите по "
        "паролю. Подробности в логе консоли.",
    ),
    "oidc_untrue": (
        "What {host} said cannot be trusted, so nobody was signed in. The console's log says why.",
        "Ответу {host} нельзя доверять, поэтому вход не выполнен. Причина записана в логе консоли.",
    ),
    "oidc_refused": (
        "{host} did not sign you in.",
        "{host} не подтвердил вход.",
    ),
    "oidc_stale": (
        "This way in was used already, took too long, or began in another browser. Begin again.",
        "Эта попытка входа уже использована, устарела или начата в другом браузере. Начните снова.",
    ),
    "oidc_no_role": (
        "{host} knows you as {name}, but none of your groups has a role here. Ask who runs the "
        "gateway: GATEWAY_OIDC_ROLES says which groups have one.",
        "{host} знает вас как {name}, но ни одна из ваших групп не имеет роли здесь. Обратитесь к "
        "администратору шлюза: группы с ролями перечислены в GATEWAY_OIDC_ROLES.",
    ),
}
"""Key → English, Russian; `{…}` is filled in."""


def text(key: str, language: str, **values: object) -> str:
    """The text of this key. Raises KeyError for one that is not there."""
    return TEXTS[key][LANGUAGES.index(language)].format(**values)


def language_of(accepted: str) -> str:
    """The first of a browser's languages (`Accept-Language`) that there is."""
    asked = [found[0].lower() for found in re.finditer(r"[a-zA-Z]+", accepted[:200])]
    return next((one for one in asked if one in LANGUAGES), LANGUAGES[0])

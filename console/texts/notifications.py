"""Texts of the page Notifications: the list."""

from typing import Final

TEXTS: Final = {
    "notifications.search": ("Find notifications", "Найти уведомления"),
    "notifications.line": (
        "Id, address, words of the subject",
        "Номер, адрес, слова темы",
    ),
    "notifications.how": (
        "For example: ada@example.com, telegram:42, the id of a notification or a delivery, words "
        'of the subject, tag:orders, code:"550 5.1.1", from:2h, until:2026-05-01. All of it must '
        "hold; times without a zone are UTC.",
        "Например: ada@example.com, telegram:42, номер уведомления или доставки, слова темы, "
        'tag:orders, code:"550 5.1.1", from:2h, until:2026-05-01. Условия действуют вместе; '
        "время без пояса считается UTC.",
    ),
    "notifications.understood": ("Looking for", "Ищем"),
    "notifications.all": ("Show all", "Показать все"),
    "notifications.id": ("id", "номер"),
    "notifications.status": ("status", "состояние"),
    "notifications.status.any": ("Any status", "Любое состояние"),
    "notifications.channel": ("channel", "канал"),
    "notifications.channel.any": ("Any channel", "Любой канал"),
    "notifications.range": ("accepted", "принято"),
    "notifications.range.any": ("Any time", "За всё время"),
    "notifications.range.hour": ("in the last hour", "за последний час"),
    "notifications.range.day": ("in the last day", "за последние сутки"),
    "notifications.range.week": ("in the last week", "за последнюю неделю"),
    "notifications.code": ("failure code", "код ошибки"),
    "notifications.to": ("recipient", "получатель"),
    "notifications.tag": ("tag", "метка"),
    "notifications.word": ("word of the subject", "слово темы"),
    "notifications.from": ("accepted since", "принято с"),
    "notifications.until": ("accepted before", "принято до"),
    "notifications.unread": (
        "{name}:{value} cannot be looked for.",
        "{name}:{value} — так не найти.",
    ),
    "notifications.unread.id": (
        "An id looks like 0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6, and that of a delivery has -1 at "
        "its end.",
        "Номер выглядит как 0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6, у доставки в конце -1.",
    ),
    "notifications.unread.status": (
        "Of a notification it is scheduled, queued, sending, sent, partly_sent, failed, expired or "
        "cancelled.",
        "У уведомления бывает scheduled, queued, sending, sent, partly_sent, failed, expired или "
        "cancelled.",
    ),
    "notifications.unread.channel": (
        "There are email, telegram, vk and webhook.",
        "Есть email, telegram, vk и webhook.",
    ),
    "notifications.unread.to": (
        "Write the whole address, such as email:ada@example.com, telegram:42 or vk:7.",
        "Напишите адрес целиком, например email:ada@example.com, telegram:42 или vk:7.",
    ),
    "notifications.unread.code": ("Too much at once.", "Слишком много сразу."),
    "notifications.unread.tag": ("Too much at once.", "Слишком много сразу."),
    "notifications.unread.word": (
        "A word has letters or digits, and there are ten at most.",
        "Слово состоит из букв или цифр, и слов не больше десяти.",
    ),
    "notifications.unread.from": (
        "Write 2026-05-01, 2026-05-01T12:30Z or, for a time ago, 2h.",
        "Напишите 2026-05-01, 2026-05-01T12:30Z или, сколько назад, 2h.",
    ),
    "notifications.unread.until": (
        "Write 2026-05-01, 2026-05-01T12:30Z or, for a time ago, 2h.",
        "Напишите 2026-05-01, 2026-05-01T12:30Z или, сколько назад, 2h.",
    ),
    "notifications.words": (
        "Words of the subject are content.",
        "Слова темы — это содержание.",
    ),
    "notifications.page.unknown": (
        "This page of the list does not exist: begin with the first one.",
        "Такой страницы списка нет: начните с первой.",
    ),
    "notifications.none": (
        "Here stands every notification that was accepted, the newest first. There is none yet.",
        "Здесь стоит каждое принятое уведомление, новые сверху. Пока нет ни одного.",
    ),
    "notifications.none.how": (
        "Send one with `gateway send` or POST /v1/notifications; a journal has to run for it to "
        "be seen here.",
        "Отправьте первое: `gateway send` или POST /v1/notifications; чтобы оно появилось здесь, "
        "должен работать журнал.",
    ),
    "notifications.none.found": (
        "There is no such notification. An address has to be whole, and so has a word; what is "
        "older than the store keeps is forgotten.",
        "Такого уведомления нет. Адрес и слово нужны целиком; то, что старше срока хранения, "
        "забыто.",
    ),
    "notifications.test": ("test", "проверка"),
    "notifications.head.status": ("Status", "Состояние"),
    "notifications.head.at": ("Accepted", "Принято"),
    "notifications.head.id": ("Id", "Номер"),
    "notifications.head.to": ("To", "Кому"),
    "notifications.head.deliveries": ("Deliveries", "Доставки"),
}

"""Texts of the page Events."""

from typing import Final

TEXTS: Final = {
    "events.filter.pattern": ("Patterns", "Шаблоны"),
    "events.filter.pattern.how": ("email.*, *.failed", "email.*, *.failed"),
    "events.filter.channel": ("Channel", "Канал"),
    "events.filter.all": ("all", "все"),
    "events.filter.tag": ("Tag", "Метка"),
    "events.filter.tag.how": ("orders", "orders"),
    "events.filter.notification": ("Notification", "Уведомление"),
    "events.filter.notification.how": ("its id", "его номер"),
    "events.filter.at": ("Until (UTC)", "До (UTC)"),
    "events.filter.at.how": ("2026-05-01 14:03", "2026-05-01 14:03"),
    "events.filter.do": ("Show", "Показать"),
    "events.fault": ("“{what}” cannot be read", "«{what}» не прочесть"),
    "events.pause": ("Pause", "Пауза"),
    "events.go": ("Go on", "Продолжить"),
    "events.live": ("Live.", "Вживую."),
    "events.waiting": ("Still; # wait.", "Остановлено; ждут: #."),
    "events.skipped": ("Too many to show: # were passed over.", "Слишком много; пропущено: #."),
    "events.label": ("Events", "События"),
    "events.at": ("Time", "Время"),
    "events.event": ("Event", "Событие"),
    "events.to": ("Recipient", "Получатель"),
    "events.said": ("What was said", "Что сказано"),
    "events.notification": ("Notification", "Уведомление"),
    "events.open": ("All of event", "Всё о событии"),
    "events.none": (
        "Nothing here yet: events come as soon as the journal stores what became of a message.",
        "Пока пусто: события появятся, как только журнал запишет судьбу сообщения.",
    ),
    "events.back": ("Live again", "Снова вживую"),
    "events.older": ("Older", "Раньше"),
    "events.download": ("Download (NDJSON)", "Скачать (NDJSON)"),
}

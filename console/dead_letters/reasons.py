"""Why letters are dead, in plain words, and what helps: one catalogue, in English and in Russian.

The English remedies are those of docs/operations.md; a test holds both together.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["en", "ru"]


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    en: str
    ru: str

    def text(self, language: Language) -> str:
        """It in this language."""
        return self.en if language == "en" else self.ru


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: what it is called, and what helps.

    channel, failed_as: of which letters, None for any; code: a pattern for the whole code.
    """

    key: str
    says: Words
    remedy: Words
    failed_as: str | None = None
    code: str = ".*"
    channel: str | None = None

    def fits(self, channel: str | None, failed_as: str, code: str) -> bool:
        """Whether letters that failed so are meant."""
        return (
            self.channel in (None, channel)
            and self.failed_as in (None, failed_as)
            and re.fullmatch(self.code, code, re.DOTALL) is not None
        )


_CORRECT: Final = Words(
    "correct the address (`--redirect`) or discard",
    "исправьте адрес (`--redirect`) или удалите",
)
_CONTENT: Final = Words(
    "correct the content and send it as a new notification, or discard",
    "исправьте содержимое и отправьте новым уведомлением или удалите",
)
_ASK: Final = Words(
    "ask the recipient to allow messages, then requeue, or discard",
    "попросите получателя разрешить сообщения и отправьте снова или удалите",
)
_REQUEUE: Final = Words(
    "requeue when the provider works", "отправьте снова, когда провайдер заработает"
)
_LOOK_FIRST: Final = Words(
    "it may have arrived: ask the recipient before you requeue",
    "возможно, дошло: спросите получателя, прежде чем отправлять снова",
)
_FIXED: Final = Words("report; requeue after the fix", "сообщите нам; отправьте снова после правки")
_TOPOLOGY: Final = Words(
    "`topology apply`, then requeue", "`topology apply`, затем отправьте снова"
)
_SETTING: Final = Words(
    "correct the setting that the reason names, then requeue",
    "исправьте настройку из причины и отправьте снова",
)
_ENDPOINT: Final = Words(
    "mend the endpoint, then requeue", "почините адрес вебхука и отправьте снова"
)
_SHOW: Final = Words(
    "look at one in full: the provider's own words say more",
    "посмотрите одно целиком: слова провайдера скажут больше",
)

REASONS: Final = (
    Reason(
        "unrouted",
        Words("No queue takes it", "Ни одна очередь его не принимает"),
        _TOPOLOGY,
        "unrouted",
    ),
    Reason(
        "undecodable",
        Words("It cannot be decoded", "Его нельзя прочитать"),
        _FIXED,
        "poison",
        "undecodable",
    ),
    Reason(
        "poison",
        Words("The sender did not survive it", "На нём падает отправитель"),
        _FIXED,
        "poison",
    ),
    Reason(
        "broker",
        Words("RabbitMQ gave up after 20 returns", "RabbitMQ сдался после 20 возвратов"),
        _FIXED,
        "broker",
    ),
    Reason(
        "no_mailbox",
        Words("Mailbox does not exist", "Такого почтового ящика нет"),
        _CORRECT,
        "rejected",
        r"5\d\d 5\.1\.(1|3|6|10)",
        "email",
    ),
    Reason(
        "no_domain",
        Words("The domain takes no mail", "Домен не принимает почту"),
        _CORRECT,
        "rejected",
        r"5\d\d 5\.1\.2",
        "email",
    ),
    Reason(
        "mailbox_disabled",
        Words("Mailbox is closed or full", "Почтовый ящик закрыт или переполнен"),
        _ASK,
        "rejected",
        r"5\d\d 5\.2\.\d+",
        "email",
    ),
    Reason(
        "mail_too_large",
        Words("The mail is too large", "Письмо слишком большое"),
        _CONTENT,
        "rejected",
        r"552( .*)?|\d+ 5\.3\.4",
        "email",
    ),
    Reason(
        "mail_content",
        Words("The content was refused", "Содержимое отклонено"),
        _CONTENT,
        "rejected",
        r"5\d\d 5\.(6|7)\.\d+|554",
        "email",
    ),
    Reason(
        "mail_refused",
        Words("The mail server refuses this mail", "Почтовый сервер отклоняет это письмо"),
        _CORRECT,
        "rejected",
        channel="email",
    ),
    Reason(
        "chat_closed",
        Words(
            "The recipient blocked the bot or never wrote to it",
            "Получатель заблокировал бота или не писал ему",
        ),
        _ASK,
        "rejected",
        "403",
        "telegram",
    ),
    Reason(
        "chat_refused",
        Words(
            "Telegram refuses this chat or this text",
            "Telegram отклоняет этот чат или этот текст",
        ),
        _CORRECT,
        "rejected",
        channel="telegram",
    ),
    Reason(
        "vk_forbidden",
        Words(
            "The recipient does not allow messages of the community",
            "Получатель не разрешил сообщения сообщества",
        ),
        _ASK,
        "rejected",
        "90[012]|7",
        "vk",
    ),
    Reason(
        "vk_content",
        Words("VK refuses the content", "ВКонтакте отклоняет содержимое"),
        _CONTENT,
        "rejected",
        "100|104|91[0134]|921|940|969|413",
        "vk",
    ),
    Reason(
        "vk_refused",
        Words("VK refuses this recipient", "ВКонтакте отклоняет этого получателя"),
        _CORRECT,
        "rejected",
        channel="vk",
    ),
    Reason(
        "endpoint_gone",
        Words("The endpoint is gone", "Адреса вебхука больше нет"),
        _ENDPOINT,
        "rejected",
        "gone|410",
        "webhook",
    ),
    Reason(
        "endpoint_forbidden",
        Words(
            "Our settings do not allow this endpoint",
            "Наши настройки не разрешают этот адрес вебхука",
        ),
        _SETTING,
        None,
        "forbidden-address|plain-http|public-address|no-secret",
        "webhook",
    ),
    Reason(
        "endpoint_refuses",
        Words("The endpoint refuses it", "Адрес вебхука отвечает отказом"),
        _ENDPOINT,
        "rejected",
        channel="webhook",
    ),
    Reason(
        "rejected",
        Words(
            "The provider refuses this recipient or content",
            "Провайдер отклоняет получателя или содержимое",
        ),
        _CORRECT,
        "rejected",
    ),
    Reason(
        "unanswered",
        Words(
            "Nobody knows whether the provider took it",
            "Неизвестно, принял ли его провайдер",
        ),
        _LOOK_FIRST,
        "exhausted",
        "no-answer|timeout|disconnected|garbled-reply",
    ),
    Reason(
        "exhausted",
        Words("It ran out of tries or time", "Кончились попытки или время"),
        _REQUEUE,
        "exhausted",
    ),
    Reason("unknown", Words("Nobody wrote down why", "Причина не записана"), _SHOW),
)
"""The first that fits counts; the last one fits everything."""


def reason_of(channel: str | None, failed_as: str, code: str) -> Reason:
    """What letters that failed so are called."""
    return next(one for one in REASONS if one.fits(channel, failed_as, code))

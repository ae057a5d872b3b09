"""Texts of the page of one notification."""

from typing import Final

TEXTS: Final = {
    "page.notification": ("Notification", "Уведомление"),
    "notification.back": ("All notifications", "Все уведомления"),
    "notification.bad.id": (
        "This is no id of a notification or of a delivery. It looks like "
        "0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6, that of a delivery has -1 at its end.",
        "Это не номер уведомления и не номер доставки. Он выглядит как "
        "0198f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6, у доставки в конце -1.",
    ),
    "notification.unknown": (
        "The store knows no notification with this id. If it was accepted just now, it appears "
        "here by itself; one that is older than the store keeps is forgotten.",
        "Уведомления с таким номером в базе нет. Если его приняли только что, оно появится здесь "
        "само; то, что старше срока хранения, забыто.",
    ),
    "notification.facts": ("What it is", "Что это"),
    "notification.accepted": ("accepted", "принято"),
    "notification.completed": ("came to its end", "завершено"),
    "notification.id": ("id", "номер"),
    "notification.request": ("request id", "номер запроса"),
    "notification.trace": ("trace id", "номер трассировки"),
    "notification.owner": ("key", "ключ"),
    "notification.priority": ("priority", "приоритет"),
    "notification.tags": ("tags", "метки"),
    "notification.subject": ("subject", "тема"),
    "notification.origin": ("came out of", "возникло из"),
    "notification.test": (
        "A test key sent it: no provider got it.",
        "Отправлено проверочным ключом: ни один провайдер его не получил.",
    ),
    "notification.line": ("Time line", "Ход времени"),
    "notification.line.of": (
        "Delivery {number}, {state}: {n} attempt|Delivery {number}, {state}: {n} attempts",
        "Доставка {number}, {state}: {n} попытка|Доставка {number}, {state}: {n} попытки|"
        "Доставка {number}, {state}: {n} попыток",
    ),
    "notification.legend.waiting": ("in the queue", "в очереди"),
    "notification.legend.attempt": ("attempt", "попытка"),
    "notification.legend.parked": ("parked until the next try", "ждёт новой попытки"),
    "notification.legend.held": ("held, not counted", "задержано, не в счёт"),
    "notification.span.waiting": ("In the queue for {lasts}", "В очереди {lasts}"),
    "notification.span.attempt": (
        "Attempt {number}: {outcome}, took {lasts}",
        "Попытка {number}: {outcome}, заняла {lasts}",
    ),
    "notification.span.parked": ("Parked until {until}: {why}", "Ждёт до {until}: {why}"),
    "notification.span.held": ("Held until {until}: {why}", "Задержано до {until}: {why}"),
    "notification.deliveries": ("Deliveries", "Доставки"),
    "notification.deliveries.some": (
        "Deliveries {first} to {last} of {n}",
        "Доставки с {first} по {last} из {n}",
    ),
    "notification.deliveries.next": ("The next ones", "Следующие"),
    "notification.deliveries.before": ("The ones before", "Предыдущие"),
    "notification.deliveries.none": (
        "No delivery of it has been heard of yet.",
        "Ни об одной его доставке пока не слышно.",
    ),
    "notification.generation": (
        "sent again {n} time|sent again {n} times",
        "отправлено заново {n} раз|отправлено заново {n} раза|отправлено заново {n} раз",
    ),
    "notification.next": ("next try", "новая попытка"),
    "notification.held": ("held: {why}", "задержано: {why}"),
    "notification.stalled": (
        "nothing was heard of it for long",
        "о ней давно ничего не слышно",
    ),
    "notification.contradicted": (
        "It is a dead letter too, although the recipient has it.",
        "Она есть и среди недоставленных, хотя получатель её получил.",
    ),
    "notification.erased": ("address erased", "адрес стёрт"),
    "notification.left": (
        "{n} older fact is not shown: `gateway status` has all|"
        "{n} older facts are not shown: `gateway status` has all",
        "{n} более ранний факт не показан: все есть в `gateway status`|"
        "{n} более ранних факта не показаны: все есть в `gateway status`|"
        "{n} более ранних фактов не показаны: все есть в `gateway status`",
    ),
    "notification.head.at": ("When", "Когда"),
    "notification.head.what": ("What", "Что"),
    "notification.head.said": ("The provider's own words", "Слова провайдера"),
    "notification.head.next": ("Next try", "Новая попытка"),
    "notification.fact.accepted": ("accepted", "принято"),
    "notification.fact.scheduled": ("scheduled", "запланировано"),
    "notification.fact.retrying": ("to be tried again", "будет повторено"),
    "notification.fact.delayed": ("held", "задержано"),
    "notification.fact.sent": ("sent", "отправлено"),
    "notification.fact.failed": ("dead letter", "не доставлено"),
    "notification.fact.expired": ("expired", "просрочено"),
    "notification.fact.cancelled": ("cancelled", "отменено"),
    "notification.fact.requeued": ("sent again", "отправлено заново"),
    "notification.fact.redirected": ("sent again to another address", "отправлено на другой адрес"),
    "notification.fact.discarded": ("discarded", "выброшено"),
    "notification.fact.cancelling": ("its end was asked for", "запрошена отмена"),
    "notification.fact.imported": ("put back from a file", "возвращено из файла"),
    "notification.attempt": ("attempt {number}", "попытка {number}"),
    "notification.again.n": ("generation {number}", "поколение {number}"),
    "notification.ms": ("{n} ms", "{n} мс"),
    "notification.s": ("{amount} s", "{amount} с"),
    "notification.min": ("{amount} min", "{amount} мин"),
    "notification.h": ("{amount} h", "{amount} ч"),
    "notification.perhaps": (
        "The recipient may have it: nobody knows.",
        "Возможно, получатель её получил: это неизвестно.",
    ),
    "notification.duplicate": (
        "A duplicate: it had been sent before.",
        "Повтор: она уже была отправлена.",
    ),
    "notification.ours": (
        "A bug of the gateway: the sender's log has all of it.",
        "Ошибка шлюза: подробности в журнале отправителя.",
    ),
    "outcome.sent": ("sent", "отправлено"),
    "outcome.moved": ("moved to another address", "адрес переехал"),
    "outcome.transient": ("failed for now", "временная ошибка"),
    "outcome.throttled": ("too fast for the provider", "провайдер просит медленнее"),
    "outcome.rejected": ("refused for good", "отказано"),
    "outcome.misconfigured": ("the account is refused", "учётная запись отклонена"),
    "outcome.unknown": ("nobody knows", "неизвестно"),
    "outcome.crashed": ("a bug of the gateway", "ошибка шлюза"),
    "notification.content": ("Content", "Содержание"),
    "notification.content.of": ("of delivery {number}", "доставки {number}"),
    "notification.content.show": ("Show content", "Показать содержание"),
    "notification.content.gone": (
        "What it said was erased, as GATEWAY_KEEP_CONTENT_DAYS wants it, or has not come yet.",
        "Содержание стёрто, как велит GATEWAY_KEEP_CONTENT_DAYS, или ещё не пришло.",
    ),
    "notification.content.html": ("As HTML", "Как HTML"),
    "notification.content.html.how": (
        "Scripts do not run in it, and nothing is loaded from elsewhere.",
        "Скрипты в нём не выполняются, и ничего не загружается извне.",
    ),
    "notification.content.text": ("As text", "Как текст"),
    "notification.content.headers": ("Headers and options", "Заголовки и параметры"),
    "notification.content.cut": ("Only the beginning is shown.", "Показано только начало."),
    "notification.content.none": ("It has no text.", "Текста нет."),
    "notification.terminal": ("The same in a terminal", "То же в терминале"),
    "notification.curl.status": ("Copy as curl", "Скопировать как curl"),
    "notification.curl.send": ("Copy the request as curl", "Скопировать запрос как curl"),
    "notification.cancel": ("Cancel", "Отменить"),
    "notification.cancel.command": ("Copy the cancelling command", "Скопировать команду отмены"),
    "notification.ask.cancel": (
        "Cancel what is not sent yet, {n} deliveries? What is being sent just now goes on.",
        "Отменить неотправленное, доставок: {n}? Что отправляется сейчас, не прервётся.",
    ),
    "notification.done.cancel": (
        "It was asked for: each delivery ends before its next attempt",
        "Отмена принята: каждая доставка завершится до следующей попытки",
    ),
    "notification.done.final": (
        "Nothing is left to cancel: all of it is final",
        "Отменять нечего: всё уже завершено",
    ),
    "notification.do": ("Send again", "Отправить снова"),
    "notification.ask.requeue": (
        "Send the dead letter {id} again? Its attempts begin anew.",
        "Отправить недоставленное {id} снова? Попытки начнутся заново.",
    ),
    "notification.ask.resend": (
        "Send {id} again? If it is in a queue all the same, it arrives twice.",
        "Отправить {id} снова? Если она всё же в очереди, она придёт дважды.",
    ),
    "notification.ask.anew": (
        "Send what {id} said again, as a new notification to the same recipient?",
        "Отправить содержание {id} ещё раз, новым уведомлением тому же получателю?",
    ),
    "notification.done.requeue": ("It is on its way again", "Она снова в пути"),
    "notification.done.begun": (
        "The work has begun and goes on: see the jobs",
        "Работа начата и продолжается: см. задания",
    ),
    "notification.done.gone": (
        "There is no such dead letter any more: somebody was faster",
        "Такого недоставленного уже нет: кто-то успел раньше",
    ),
    "notification.done.resend": ("It was sent again", "Она отправлена снова"),
    "notification.done.not.stalled": (
        "It does not stand still any more: something was heard of it",
        "Она больше не стоит: о ней стало слышно",
    ),
    "notification.done.erased": (
        "It cannot be sent again: what it said was erased",
        "Её не отправить снова: содержание стёрто",
    ),
    "notification.done.anew": ("Accepted as {id}", "Принято под номером {id}"),
}

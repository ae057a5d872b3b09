"""Texts of the page Dead letters and of those below it."""

from typing import Final

TEXTS: Final = {
    "dead.groups": ("Dead letters by reason", "Недоставленные по причинам"),
    "dead.letters": ("Dead letters of a kind", "Недоставленные письма"),
    "dead.letter": ("Dead letter", "Недоставленное"),
    "dead.back": ("All reasons", "Все причины"),
    "dead.looking": ("Looking into the queues…", "Смотрим в очереди…"),
    "dead.looked": (
        "Looking into the queues… {n} letter seen so far.|"
        "Looking into the queues… {n} letters seen so far.",
        "Смотрим в очереди… просмотрено {n} письмо.|Смотрим в очереди… просмотрено {n} письма.|"
        "Смотрим в очереди… просмотрено {n} писем.",
    ),
    "dead.seen": ("As the queues were", "Как было в очередях:"),
    "dead.counting": ("The letters are being counted.", "Письма пересчитываются."),
    "dead.busy": (
        "Others are at work on these letters; this page looks again by itself.",
        "С этими письмами сейчас работают; страница посмотрит снова сама.",
    ),
    "dead.gone": (
        "There is no such dead letter any more: it was sent again or discarded.",
        "Такого письма больше нет: его отправили снова или выбросили.",
    ),
    "dead.source.store": (
        "Until then these are the numbers of the journal.",
        "Пока показаны числа журнала.",
    ),
    "dead.source.before": (
        "Until then these are the numbers of the last count.",
        "Пока показаны числа прошлого подсчёта.",
    ),
    "dead.source.none": (
        "Nobody can tell how many there are at the moment.",
        "Сколько их, сейчас сказать некому.",
    ),
    "dead.total": (
        "{n} dead letter|{n} dead letters",
        "{n} недоставленное|{n} недоставленных|{n} недоставленных",
    ),
    "dead.more": (
        "and {n} more of other reasons|and {n} more of other reasons",
        "и ещё {n} с другими причинами",
    ),
    "dead.none": ("There are no dead letters.", "Недоставленных нет."),
    "dead.none.how": (
        "What fails for good comes here: refused recipients, and what ran out of tries.",
        "Сюда попадает то, что не удалось доставить: отказы и исчерпанные попытки.",
    ),
    "dead.none.such": ("No dead letter is like this.", "Таких недоставленных нет."),
    "dead.trend": (
        "{n} failed in the last {hours} hours|{n} failed in the last {hours} hours",
        "Не доставлено за последние {hours} ч: {n}",
    ),
    "dead.first": ("first", "первое"),
    "dead.last": ("last", "последнее"),
    "dead.example": ("for example {who}", "например {who}"),
    "dead.open": ("Open", "Открыть"),
    "dead.send": ("Send again", "Отправить снова"),
    "dead.redirect": ("Redirect", "На другой адрес"),
    "dead.edit": ("Edit and send", "Исправить и отправить"),
    "dead.discard": ("Discard", "Выбросить"),
    "dead.reason": ("Reason", "Причина"),
    "dead.to": ("Recipient", "Получатель"),
    "dead.failed": ("Failed", "Не доставлено"),
    "dead.accepted": ("Accepted", "Принято"),
    "dead.attempts": ("Attempts", "Попыток"),
    "dead.code": ("Class and code", "Класс и код"),
    "dead.generation": ("Sent again before", "Уже отправляли снова"),
    "dead.host": ("Sender's host", "Узел отправителя"),
    "dead.tags": ("Tags", "Метки"),
    "dead.fault": ("Cannot be decoded", "Не читается"),
    "dead.step.accepted": ("accepted", "принято"),
    "dead.step.requeued": (
        "sent again by an operator {n} time|sent again by an operator {n} times",
        "оператор отправлял снова {n} раз|оператор отправлял снова {n} раза"
        "|оператор отправлял снова {n} раз",
    ),
    "dead.step.first": ("first attempt since then", "первая попытка с тех пор"),
    "dead.step.taken": ("taken out of {where} by the broker", "брокер убрал из {where}"),
    "dead.step.failed": (
        "{kind} after {n} attempt|{kind} after {n} attempts",
        "{kind} после {n} попытки|{kind} после {n} попыток|{kind} после {n} попыток",
    ),
    "dead.history": ("What happened", "Что произошло"),
    "dead.headers": ("Headers", "Заголовки"),
    "dead.content": ("Content", "Содержимое"),
    "dead.content.subject": ("Subject", "Тема"),
    "dead.content.text": ("Text", "Текст"),
    "dead.content.html": ("HTML, as its source", "HTML, исходный текст"),
    "dead.content.whole": ("The whole delivery", "Доставка целиком"),
    "dead.content.not": (
        "What was written, and to whom, is shown to operators only.",
        "Содержимое и получателя видят только операторы.",
    ),
    "dead.filter": ("Which dead letters", "Какие недоставленные"),
    "dead.filter.do": ("Show", "Показать"),
    "dead.filter.none": ("Show all", "Показать все"),
    "dead.filter.any": ("any", "любой"),
    "dead.filter.channel": ("Channel", "Канал"),
    "dead.filter.class": ("Class", "Класс"),
    "dead.filter.code": ("Code", "Код"),
    "dead.filter.code.hint": ("550*", "550*"),
    "dead.filter.since": ("Failed since", "Начиная с"),
    "dead.filter.since.hint": ("2h or 2026-05-01", "2h или 2026-05-01"),
    "dead.filter.until": ("Failed before", "До"),
    "dead.filter.until.hint": ("1h or 2026-05-02", "1h или 2026-05-02"),
    "dead.filter.to": ("Recipient", "Получатель"),
    "dead.filter.to.hint": ("*@example.com", "*@example.com"),
    "dead.filter.tag": ("Tag", "Метка"),
    "dead.filter.tag.hint": ("orders", "orders"),
    "dead.pick": ("Pick {id}", "Выбрать {id}"),
    "dead.pick.all": ("Pick all of this page", "Выбрать все на странице"),
    "dead.picked": ("{n} picked|{n} picked", "Выбрано: {n}"),
    "dead.picked.none": ("All of these", "Все эти"),
    "dead.meant": (
        "{n} letter is meant|{n} letters are meant",
        "Речь об {n} письме|Речь о {n} письмах|Речь о {n} письмах",
    ),
    "dead.recipients": (
        "To {n} recipient|To {n} recipients",
        "{n} получателю|{n} получателям|{n} получателям",
    ),
    "dead.undecodable": (
        "{n} cannot be decoded, and stays|{n} cannot be decoded, and stay",
        "{n} не читается и останется|{n} не читаются и останутся|{n} не читаются и останутся",
    ),
    "dead.missing": (
        "{n} is not among the dead letters any more|{n} are not among the dead letters any more",
        "{n} больше нет среди недоставленных",
    ),
    "dead.rate": ("How many a second", "Сколько в секунду"),
    "dead.rate.hint": ("empty: all at once", "пусто: все сразу"),
    "dead.rate.wrong": (
        "{rate} is no rate: write 50, or 1000/h",
        "{rate} не скорость: напишите 50 или 1000/h",
    ),
    "dead.to.new": ("To another address instead", "На другой адрес"),
    "dead.to.hint": ("empty: to the same", "пусто: на тот же"),
    "dead.takes": ("Putting them back takes {time}.", "Вернуть их в очередь займёт {time}."),
    "dead.takes.about": (
        "Putting them back takes about {time}; senders keep to their own rates.",
        "Вернуть их в очередь займёт около {time}; отправители держат свою скорость.",
    ),
    "dead.for.seconds": ("{n} s|{n} s", "{n} с"),
    "dead.for.minutes": ("{n} min|{n} min", "{n} мин"),
    "dead.for.hours": ("{n} h|{n} h", "{n} ч"),
    "dead.send.do": ("Send {n} again|Send {n} again", "Отправить снова: {n}"),
    "dead.discard.do": ("Discard {n}|Discard {n}", "Выбросить: {n}"),
    "dead.discard.sure": (
        "Discard {n} dead letter?|Discard {n} dead letters?",
        "Выбросить {n} недоставленное?|Выбросить {n} недоставленных?|Выбросить {n} недоставленных?",
    ),
    "dead.discard.how": (
        "They go into an archive of this console. For {n} day it can be downloaded and undone."
        "|They go into an archive of this console. For {n} days it can be downloaded and undone.",
        "Они попадут в архив этой консоли. Его можно скачать и вернуть {n} день."
        "|Они попадут в архив этой консоли. Его можно скачать и вернуть {n} дня."
        "|Они попадут в архив этой консоли. Его можно скачать и вернуть {n} дней.",
    ),
    "dead.edit.how": (
        "It becomes a new notification that names this letter, which goes when the new one is "
        "accepted.",
        "Это станет новым уведомлением со ссылкой на письмо; письмо уйдёт, когда новое примут.",
    ),
    "dead.edit.to": ("Recipient", "Получатель"),
    "dead.edit.subject": ("Subject", "Тема"),
    "dead.edit.text": ("Text", "Текст"),
    "dead.edit.html": ("HTML", "HTML"),
    "dead.edit.rest": ("Everything else, as JSON of the API", "Остальное, как JSON для API"),
    "dead.edit.do": ("Send as new", "Отправить как новое"),
    "dead.edit.done": ("Sent as a new notification", "Отправлено новым уведомлением"),
    "dead.jobs": ("What is done to them", "Что с ними делают"),
    "dead.jobs.unkept": (
        "The database does not keep these jobs: a restart of the console forgets them.",
        "База данных не хранит эти задания: после перезапуска консоли о них не узнать.",
    ),
    "dead.job.requeue": ("Sending again", "Отправка снова"),
    "dead.job.discard": ("Discarding", "Удаление"),
    "dead.job.import": ("Undoing", "Возврат"),
    "dead.job.audit": ("The audit log", "Журнал действий"),
    "dead.job.is.running": ("Under way", "Идёт"),
    "dead.job.is.done": ("Done", "Готово"),
    "dead.job.is.cancelled": ("Stopped", "Остановлено"),
    "dead.job.is.failed": ("Failed", "Не удалось"),
    "dead.job.is.interrupted": ("Interrupted", "Прервано"),
    "dead.job.done": ("{n} letter|{n} letters", "{n} письмо|{n} письма|{n} писем"),
    "dead.job.of": (" of {n}| of {n}", " из {n}"),
    "dead.job.killed": (
        "The console was killed: what its last second did comes on top; none is lost, and at most "
        "one was done twice.",
        "Консоль была убита: добавьте то, что она успела за последнюю секунду; ничто не потеряно, "
        "и не более одного сделано дважды.",
    ),
    "dead.job.continued": (
        "It is continued: another does the rest.",
        "Продолжается: остальное делает другая.",
    ),
    "dead.job.stop": ("Stop", "Остановить"),
    "dead.job.continue": ("Continue", "Продолжить"),
    "dead.archives": (
        "{n} archive of what was discarded|{n} archives of what was discarded",
        "{n} архив выброшенного|{n} архива выброшенного|{n} архивов выброшенного",
    ),
    "dead.archives.how": (
        "Undo puts back what is not there any more, each letter once.",
        "Вернуть можно то, чего уже нет в очередях, каждое письмо один раз.",
    ),
    "dead.archive.size": ("{size} kB, is kept:", "{size} кБ, хранится:"),
    "dead.archive.download": ("Download", "Скачать"),
    "dead.archive.undo": ("Undo", "Вернуть"),
}

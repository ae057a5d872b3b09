"""From the bytes of a request to a notification that can be sent, or all its faults at once."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from common.channels import Channel
from common.http.problems import FieldFault, pointer
from common.http.validation import invalid_request, problem_of
from common.recipients import Recipient, normalise_email, parse_recipient
from gateway_api.access.caller import Caller
from gateway_api.notifications.content import content_faults
from gateway_api.notifications.email_headers import header_faults
from gateway_api.notifications.options import EmailOptions
from gateway_api.notifications.request import UNION_TAGS, NotificationRequest

_CHANNELS = frozenset(Channel)
_NO_PLAIN = (
    "http:// is for networks in GATEWAY_CALLBACK_ALLOW_NETWORKS, which is not set where the API "
    "runs: use https://"
)


@dataclass(frozen=True, slots=True)
class ValidNotification:
    """A request whose every part was checked.

    recipients: as in `to`; copies: cc and bcc addresses of the one email recipient;
    email: the options with normalised addresses, and without bcc, so that no copy can show it.
    """

    request: NotificationRequest
    recipients: list[Recipient]
    copies: list[Recipient]
    email: EmailOptions | None

    def check_recipients(self, caller: Caller) -> None:
        """Raise Problem unless the key may reach everybody who would get it, copies included."""
        to, email = self.request.to, self.request.email
        places = [_place(to, index) for index in range(len(self.recipients))]
        if email is not None:
            places += [pointer("email", "cc", index) for index in range(len(email.cc))]
            places += [pointer("email", "bcc", index) for index in range(len(email.bcc))]
        reached = [*self.recipients, *self.copies]
        if self.request.callback_url is not None:  # else it could carry metadata to anybody
            reached.append(Recipient(Channel.WEBHOOK, self.request.callback_url))
            places.append(pointer("callback_url"))
        caller.check_recipients(reached, places)


def validate_notification(
    body: bytes, extra_headers: Set[str] = frozenset(), *, may_be_plain: bool = True
) -> ValidNotification:
    """Read and check a whole request. Raises Problem with the path of each fault.

    extra_headers: names of email headers, in lower case, that are allowed beside the usual ones;
    may_be_plain: whether there is a network that webhooks may go to by `http://`.
    """
    try:
        # Strict here and not in the models' configuration: readers of the wire stay tolerant.
        request = NotificationRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise problem_of(error, NotificationRequest, {"to": UNION_TAGS}) from None
    faults: list[FieldFault] = []
    recipients = _read_recipients(request.to, faults, may_be_plain=may_be_plain)
    named = [text.partition(":")[0] for text in _listed(request.to)]
    email, copies = request.email, list[Recipient]()
    if email is not None:
        email, copies = _read_email_addresses(email, recipients, faults)
        faults += _copy_faults(email, named.count(Channel.EMAIL))
        faults += header_faults(email.headers, extra_headers)
    if request.callback_url is not None and not may_be_plain and _is_plain(request.callback_url):
        faults.append(FieldFault("/callback_url", _NO_PLAIN))
    if request.callback_events is not None and request.callback_url is None:
        faults.append(FieldFault("/callback_events", "there is no callback_url to tell them to"))
    channels = set(named)
    if channels <= _CHANNELS:  # else it is unknown what the content has to suit
        faults += content_faults(request, channels)
    if faults:
        raise invalid_request(faults)
    return ValidNotification(request, recipients, copies, email)


def _listed(to: list[str] | str) -> list[str]:
    return [to] if isinstance(to, str) else to


def _is_plain(address: str) -> bool:
    return address.startswith("http://")


def _read_recipients(
    to: list[str] | str, faults: list[FieldFault], *, may_be_plain: bool
) -> list[Recipient]:
    recipients: list[Recipient] = []
    seen: set[str] = set()
    for index, text in enumerate(_listed(to)):
        try:
            recipient = parse_recipient(text)
        except ValueError as error:
            faults.append(FieldFault(_place(to, index), str(error)))
            continue
        if not may_be_plain and _is_plain(recipient.address):
            faults.append(FieldFault(_place(to, index), _NO_PLAIN))
        identity = recipient.identity
        if identity in seen:
            faults.append(FieldFault(_place(to, index), f"{recipient} is given twice"))
        seen.add(identity)
        recipients.append(recipient)
    return recipients


def _place(to: list[str] | str, index: int) -> str:
    return pointer("to") if isinstance(to, str) else pointer("to", index)


def _read_email_addresses(
    email: EmailOptions, recipients: list[Recipient], faults: list[FieldFault]
) -> tuple[EmailOptions, list[Recipient]]:
    """Normalise reply_to, cc and bcc; returns the options to send with, and the copies."""
    seen = {one.identity for one in recipients if one.channel is Channel.EMAIL}
    cc = list(_read_copies("cc", email.cc, seen, faults))
    bcc = list(_read_copies("bcc", email.bcc, seen, faults))
    reply_to = email.reply_to
    if reply_to is not None:
        try:
            reply_to = normalise_email(reply_to)
        except ValueError as error:
            faults.append(FieldFault("/email/reply_to", str(error)))
    changes: dict[str, Any] = {
        "reply_to": reply_to,
        "cc": [recipient.address for recipient in cc],
        "bcc": [],
    }
    return email.model_copy(update=changes), cc + bcc


def _copy_faults(email: EmailOptions, recipients: int) -> Iterator[FieldFault]:
    for name, addresses in (("cc", email.cc), ("bcc", email.bcc)):
        if addresses and recipients != 1:
            sentence = f"{name} needs exactly one email recipient in `to`, not {recipients}"
            yield FieldFault(pointer("email", name), sentence)


def _read_copies(
    name: str, addresses: list[str], seen: set[str], faults: list[FieldFault]
) -> Iterator[Recipient]:
    for index, address in enumerate(addresses):
        path = pointer("email", name, index)
        try:
            recipient = Recipient(Channel.EMAIL, normalise_email(address))
        except ValueError as error:
            faults.append(FieldFault(path, str(error)))
            continue
        if recipient.identity in seen:
            faults.append(FieldFault(path, f"{recipient.address} gets this email already"))
        seen.add(recipient.identity)
        yield recipient

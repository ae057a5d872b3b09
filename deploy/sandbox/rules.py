"""Decides which call fails: first what was asked for with "fail the next n", then magic."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from common.channels import Channel
from deploy.sandbox.faults import FAULTS, Fault, Stage, find_magic

MAX_REMEMBERED: Final = 100_000  # magic recipients that had their turn; the oldest have it again


@dataclass
class Rule:
    """Fail the next calls of a channel: remaining counts down and the rule goes at 0."""

    channel: Channel
    fault: str
    remaining: int
    recipient: str | None
    retry_after_s: int

    def resolve(self) -> Fault:
        """Return the fault with this rule's own values."""
        return replace(FAULTS[self.channel][self.fault], retry_after_s=self.retry_after_s)

    def strikes(self, channel: Channel, recipient: str | None) -> bool:
        """Tell whether a call to this recipient is one of those that fail."""
        if self.channel != channel:
            return False
        if self.recipient is None:
            return True
        return recipient is not None and self.recipient.casefold() == recipient.casefold()


class Faults:
    """The faults that are due; owned by one sandbox."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._met: Counter[tuple[Channel, str]] = Counter()

    def fail_next(
        self,
        channel: Channel,
        fault: str,
        count: int = 1,
        recipient: str | None = None,
        retry_after_s: int = 2,
    ) -> Rule:
        """Make the next `count` calls fail, all or those to one recipient.

        Raises ValueError when the channel has no such fault or the values make no sense.
        """
        known = FAULTS[channel].get(fault)
        if known is None:
            names = ", ".join(sorted(FAULTS[channel]))
            raise ValueError(f"{channel} has no fault {fault!r}; choose one of: {names}.")
        if count < 1:
            raise ValueError(f"count is {count}; give 1 or more.")
        if known.stage is Stage.LOGIN and recipient is not None:
            raise ValueError(f"{fault} strikes before {channel} knows the recipient; leave it out.")
        rule = Rule(channel, fault, count, recipient, retry_after_s)
        self._rules.append(rule)
        return rule

    def pending(self) -> list[Rule]:
        """Return the rules that still have calls to fail, oldest first."""
        return list(self._rules)

    def clear(self) -> None:
        """Forget all rules, and which magic recipients have had their turn."""
        self._rules.clear()
        self._met.clear()

    def take(self, channel: Channel, recipient: str) -> Fault | None:
        """Return the fault that this call meets, and count it as met."""
        return self._take_rule(channel, recipient, login=False) or self._take_magic(
            channel, recipient
        )

    def take_login(self, channel: Channel) -> Fault | None:
        """Return the fault that this login meets, and count it as met."""
        return self._take_rule(channel, None, login=True)

    def _take_rule(self, channel: Channel, recipient: str | None, *, login: bool) -> Fault | None:
        for rule in self._rules:
            fault = rule.resolve()
            if rule.strikes(channel, recipient) and (fault.stage is Stage.LOGIN) == login:
                rule.remaining -= 1
                if rule.remaining == 0:
                    self._rules.remove(rule)
                return fault
        return None

    def _take_magic(self, channel: Channel, recipient: str) -> Fault | None:
        magic = find_magic(channel, recipient)
        if magic is None:
            return None
        key = (channel, recipient.casefold())
        if magic.times is not None and self._met[key] >= magic.times:
            return None
        self._met[key] += 1
        if len(self._met) > MAX_REMEMBERED:
            del self._met[next(iter(self._met))]
        return FAULTS[channel][magic.fault]

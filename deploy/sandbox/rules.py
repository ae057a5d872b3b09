"""Decides which call fails: first what was asked for with "fail the next n", then magic."""

from dataclasses import dataclass, replace
from typing import Final

from common.channels import Channel
from senders.simulator.faults import FAULTS, Fault, Stage, find_magic
from senders.simulator.magic import MagicTurns

MOST_UNBLOCKED: Final = 10_000  # recipients; the oldest fail again


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
        self._magic = MagicTurns()
        self._unblocked: dict[tuple[Channel, str], str] = {}

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

    def unblock(self, channel: Channel, recipient: str) -> None:
        """Accept what is for a recipient that fails on purpose.

        Raises ValueError for any other, who is accepted anyway.
        """
        if find_magic(channel, recipient) is None:
            raise ValueError(f"{channel} refuses nothing to {recipient!r} on purpose.")
        self._unblocked[channel, recipient.casefold()] = recipient
        if len(self._unblocked) > MOST_UNBLOCKED:
            del self._unblocked[next(iter(self._unblocked))]

    def block(self, channel: Channel, recipient: str) -> None:
        """Let it fail again."""
        self._unblocked.pop((channel, recipient.casefold()), None)

    def unblocked(self) -> list[tuple[Channel, str]]:
        """Recipients that would fail on purpose and are accepted, the oldest first."""
        return [(channel, said) for (channel, _), said in self._unblocked.items()]

    def is_blocked(self, channel: Channel, recipient: str) -> bool | None:
        """Whether a recipient fails on purpose; None where it never did."""
        if find_magic(channel, recipient) is None:
            return None
        return (channel, recipient.casefold()) not in self._unblocked

    def clear(self) -> None:
        """Forget all rules, and which magic recipients have had their turn."""
        self._rules.clear()
        self._magic.clear()

    def take(self, channel: Channel, recipient: str) -> Fault | None:
        """Return the fault that this call meets, and count it as met."""
        if fault := self._take_rule(channel, recipient, login=False):
            return fault
        if (channel, recipient.casefold()) in self._unblocked:
            return None
        return self._magic.take(channel, recipient)

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

"""Holds callers to the limits of their keys and tenants. Synchronous, with the clock handed in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from serving.call import Principal
from serving.limits import UNLIMITED, Limits

from gateway.admission import refusals
from gateway.admission.bucket import Bucket
from gateway.admission.quota import Quotas


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: seconds of a monotonic clock, the day of UTC as an ordinal, and seconds until the next."""

    now: float
    day: int
    day_left_s: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: `per_minute` in all, `left` now, negative in debt, and all again after `full_in_s`."""

    per_minute: int
    left: float
    full_in_s: float


@dataclass(slots=True)
class Account:
    """One key, or one tenant."""

    who: str
    limits: Limits
    running: int = 0
    requests: Bucket | None = None
    tokens: Bucket | None = None

    def hold_to(self, limits: Limits, now: float) -> None:
        """The limits as they are now; the key file may have changed."""
        self.limits = limits
        self.requests = _bucket(self.requests, limits.requests_per_minute, now)
        self.tokens = _bucket(self.tokens, limits.tokens_per_minute, now)

    def idle(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        buckets = (self.requests, self.tokens)
        return not self.running and all(b is None or b.level(now) >= b.per_minute for b in buckets)


@dataclass(slots=True)
class Accounts:
    """All who have limits; a caller without any costs nothing here."""

    quotas: Quotas
    most: int = 10_000  # when so many are known, the idle ones are forgotten
    _accounts: dict[str, Account] = field(default_factory=dict)

    def enter(self, principal: Principal, at: Moment) -> tuple[Account, ...]:
        """Begin a request, or raise Overloaded. What is returned must `leave`."""
        accounts = tuple(self._of(principal, at.now))
        for account in accounts:
            limits = account.limits
            if limits.concurrent_requests is not None and account.running >= limits.concurrent_requests:
                raise refusals.concurrency(account.who, limits.concurrent_requests)
        for account in accounts:
            if account.requests is not None and (wait_s := account.requests.wait_s(1, at.now)):
                raise refusals.request_rate(account.who, account.requests.per_minute, wait_s)
        for account in accounts:
            account.running += 1
            if account.requests is not None:
                account.requests.take(1, at.now)
        return accounts

    def leave(self, accounts: tuple[Account, ...]) -> None:
        """End a request."""
        for account in accounts:
            account.running -= 1

    def reserve(self, principal: Principal, tokens: int, at: Moment) -> None:
        """Take what a request is expected to use, or raise Overloaded."""
        accounts = tuple(self._of(principal, at.now))
        for account in accounts:
            quota = account.limits.tokens_per_day
            if quota is not None and self.quotas.used(account.who, at.day) + tokens > quota:
                raise refusals.quota(account.who, quota, at.day_left_s)
            if account.tokens is not None and (wait_s := account.tokens.wait_s(tokens, at.now)):
                raise refusals.token_rate(account.who, account.tokens.per_minute, wait_s)
        self._take(accounts, tokens, at)

    def correct(self, principal: Principal, tokens: int, at: Moment) -> None:
        """Take more than was expected, or give back with a negative number. It never refuses."""
        if tokens:
            self._take(self._of(principal, at.now), tokens, at)

    def left(self, principal: Principal, now: float) -> tuple[Allowance | None, Allowance | None]:
        """What a caller has left of its requests and of its tokens a minute; None where there is no limit."""
        accounts = tuple(self._of(principal, now))
        return _least((one.requests for one in accounts), now), _least((one.tokens for one in accounts), now)

    def _take(self, accounts: "Iterator[Account] | tuple[Account, ...]", tokens: int, at: Moment) -> None:
        for account in accounts:
            if account.tokens is not None:
                account.tokens.take(tokens, at.now)
            if account.limits.tokens_per_day is not None:
                self.quotas.add(account.who, tokens, at.day)

    def _of(self, principal: Principal, now: float) -> Iterator[Account]:
        standing = principal.standing
        for who, limits in (
            (f"key {standing.key}", standing.limits),
            (f"tenant {principal.tenant}", standing.tenant_limits),
        ):
            if limits is UNLIMITED or limits == UNLIMITED:
                continue
            account = self._accounts.get(who)
            if account is None:
                account = self._open(who, limits, now)
            elif account.limits != limits:
                account.hold_to(limits, now)
            yield account

    def _open(self, who: str, limits: Limits, now: float) -> Account:
        if len(self._accounts) >= self.most:
            self._accounts = {name: item for name, item in self._accounts.items() if not item.idle(now)}
        account = self._accounts[who] = Account(who, limits)
        account.hold_to(limits, now)
        return account


def _least(buckets: Iterable[Bucket | None], now: float) -> Allowance | None:
    """Of the buckets of a key and its tenant the one that refuses first."""
    found = [
        Allowance(bucket.per_minute, bucket.level(now), bucket.wait_s(bucket.per_minute, now))
        for bucket in buckets
        if bucket is not None
    ]
    return min(found, key=lambda allowance: allowance.left, default=None)


def _bucket(bucket: Bucket | None, per_minute: int | None, now: float) -> Bucket | None:
    if per_minute is None:
        return None
    if bucket is None:
        return Bucket(per_minute, now)
    if bucket.per_minute != per_minute:
        bucket.resize(per_minute, now)
    return bucket

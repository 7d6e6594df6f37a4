"""The account of a scheme that keeps a balance: what comes in, what each debit takes."""

from datetime import date
from typing import Final

from app.core.days import anniversary
from app.renewal import words
from app.renewal.counting import Count, Entry
from app.renewal.evaluation import Account
from app.renewal.ruleset import BalanceRule
from app.renewal.words import Why

DEBITED: Final = (12, 31)
FIRST_HALF_ENDS: Final = (6, 30)


def account_of(count: Count, entries: list[Entry], rule: BalanceRule) -> Account:
    """Keep the account of a balance: in come credits on the day they were earned, out goes each debit.

    What comes in above the cap is lost, and a debit takes no more than there is: nobody ends up owing.
    """
    cap = count.steps(rule.cap)
    said = words.reason(Why.BALANCE_CAP, most=count.amount(rule.cap))
    balance = min(count.steps(rule.opening), cap)
    begins = count.cycle.begins
    debit_on = date(begins.year, *DEBITED)

    def debited() -> int:
        half = debit_on.year == begins.year and (begins.month, begins.day) > FIRST_HALF_ENDS
        return count.steps_up(rule.debit_half_year if half else rule.debit_per_year)

    for entry in entries:
        if not entry.counted:
            continue
        while debit_on < entry.activity.ended_on:
            balance = max(0, balance - debited())
            debit_on = anniversary(debit_on, 1)
        count.limit(entry, cap - balance, Why.BALANCE_CAP, said)
        balance += entry.counted
    while debit_on <= count.as_of:
        balance = max(0, balance - debited())
        debit_on = anniversary(debit_on, 1)
    return Account(
        opening=rule.opening,
        balance=count.hours(balance),
        min=rule.min,
        cap=rule.cap,
        next_debit_on=debit_on,
        next_debit=count.hours(debited()),
    )

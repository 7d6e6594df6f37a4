"""What is missing: of the total, of categories, topics and years, and of a balance."""

from collections.abc import Iterator
from datetime import date

from app.renewal import words
from app.renewal.counting import Count
from app.renewal.evaluation import Account, Gap
from app.renewal.requirements import Asked, Sums
from app.renewal.words import Missing
from app.verification.words import Fact


def gaps_of(count: Count, sums: Sums, asked: Asked, account: Account | None) -> Iterator[Gap]:
    """Say what is missing of all that is asked; nothing means that the cycle is complete."""
    rules, earned_by = count.rules, count.cycle.earned_by
    if (lacking := asked.total - sums.total - count.carried) > 0:
        yield _gap(count, Missing.TOTAL, "", lacking, earned_by)
    for category in rules.categories:
        if (lacking := asked.of_category[category.id] - sums.by_category.get(category.id, 0)) > 0:
            yield _gap(count, Missing.CATEGORY, category.id, lacking, earned_by, what=category.label)
    for topic in rules.topics:
        if (lacking := count.steps_up(topic.min) - sums.by_topic[topic.id]) > 0:
            yield _gap(count, Missing.TOPIC, topic.id, lacking, earned_by, what=topic.label)
    for (number, begins, ends), counted in zip(asked.years, sums.by_year, strict=True):
        if (lacking := asked.per_year - counted) > 0:
            code = Missing.YEAR_OVER if count.as_of > ends else Missing.YEAR
            yield _gap(count, code, str(number), lacking, ends, begins=begins)
    if account is not None:
        yield from _balance_gaps(count, account)


def _balance_gaps(count: Count, account: Account) -> Iterator[Gap]:
    """Say that the balance is too low, or that it will be at the next debit."""
    least = count.steps_up(account.min)
    has, loses = count.steps(account.balance), count.steps(account.next_debit)
    due = account.next_debit_on
    facts = {
        "balance": count.amount(account.balance),
        "least": count.amount(account.min),
        "debit": count.amount(account.next_debit),
    }
    if has < least:
        yield _gap(count, Missing.BALANCE, "", least - has, due, **facts)
    elif has - loses < least:
        yield _gap(count, Missing.BALANCE_AFTER_DEBIT, "", least + loses - has, due, **facts)


def _gap(count: Count, code: Missing, name: str, lacking: int, due: date, **facts: Fact) -> Gap:
    hours = count.hours(lacking)
    file_by = count.cycle.submitted_by
    due = min(due, file_by)  # a cure may have to be answered before the cycle ends
    said = words.gap(
        code,
        words.so_much_missing(hours, count.rules.unit),
        due=due,
        file_by=file_by,
        as_of=count.as_of,
        exemptible=count.rules.max_reduction_pct > 0,
        **facts,
    )
    return Gap(code, name or code, hours, due, file_by, said)

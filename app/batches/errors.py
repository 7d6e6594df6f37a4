"""What can go wrong with a batch as a whole; what goes wrong with a row stands in its result."""

from app.core.errors import Conflict, NotFound, RuleBroken, TooLarge


class BatchNotFound(NotFound):
    code = "batch-not-found"
    title = "There is no such batch here"


class BatchRowsWrong(RuleBroken):
    code = "batch-rows-wrong"
    title = "Some rows cannot be taken in; nothing was kept"


class BatchTooLong(TooLarge):
    code = "batch-too-long"
    title = "A batch has fewer rows"


class TooManyBatches(Conflict):
    code = "too-many-batches"
    title = "Batches are waiting already: as many as may"


class MinutesTooOld(RuleBroken):
    code = "minutes-too-old"
    title = "Decisions are imported soon after their minutes were recorded"


class MinutesMissing(RuleBroken):
    code = "minutes-missing"
    title = "Decisions are imported by the minutes that state them"


class ExternalIdReused(Conflict):
    code = "external-id-reused"
    title = "The external id stood for another row before"


class PersonOfAnotherName(Conflict):
    code = "person-of-another-name"
    title = "The person whom the row means has another name"

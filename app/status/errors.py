"""What can go wrong with status lists and signatures."""

from app.core.errors import Conflict, NotFound


class ListNotFound(NotFound):
    code = "status-list-not-found"
    title = "There is no such status list"


class SigningFailed(Conflict):
    code = "signing-failed"
    title = "The signature could not be made just now"

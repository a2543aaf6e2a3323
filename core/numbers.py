from typing import Any

from django.db import models


def next_number(model: type[models.Model], **parent: Any) -> int:
    """Return the next of the reference numbers 1…n that rows of `model` have within their parent.

    Call it inside the transaction that makes the row; a unique constraint on (parent, number) catches the race.
    """
    return (model._default_manager.filter(**parent).aggregate(most=models.Max("number"))["most"] or 0) + 1

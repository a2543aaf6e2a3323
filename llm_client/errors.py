"""The three ways in which asking a language model fails. "It said no" is an answer; none of these is."""

from typing import Any


class LLMError(Exception):
    """Nothing usable came back, so nothing may be stored as if it had.

    `reason` says in plain words what happened and holds nobody's words; `detail` may, and is kept in the ledger
    only. `call` is what the ledger returned for the record of the failed call, None if no call was made.
    """

    default = "The language model gave no usable answer."

    def __init__(self, reason: str = "", *, detail: str = "", call: Any = None) -> None:
        self.reason = reason or self.default
        self.detail = detail
        self.call = call
        super().__init__(self.reason)


class LLMUnavailable(LLMError):
    """The model could not be asked, or its answer broke off.

    `temporary` is False where trying again will not help: a refused key, a wrong address or model name, a refused
    request. `status` is the HTTP status, where there was one; `retry_after` the wait in seconds that the server
    asked for.
    """

    default = "The language model could not be reached."

    def __init__(
        self,
        reason: str = "",
        *,
        temporary: bool = True,
        status: int | None = None,
        retry_after: float | None = None,
        detail: str = "",
        call: Any = None,
    ) -> None:
        super().__init__(reason, detail=detail, call=call)
        self.temporary = temporary
        self.status = status
        self.retry_after = retry_after

    @property
    def concerns_all(self) -> bool:
        """Whether every other call would fail too: the key, the account, the address or the model is refused."""
        return self.status in (401, 402, 403, 404)


class LLMBadAnswer(LLMError):
    """The model answered, and the answer cannot be used, also after the one attempt at repair."""

    default = "The language model's answer could not be used."


class LLMBudgetReached(LLMError):
    """The money cap is reached: this call was not made."""

    default = "The budget for the language model is used up."

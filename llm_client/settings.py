"""Which model is asked, where, how patiently and for how much."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

ANTHROPIC = "https://api.anthropic.com"
MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class LLMSettings:
    """Where a model is and how it is asked. Raises ValueError for what cannot work.

    `base_url` is the address up to and without `/chat/completions` (Anthropic: without `/v1/messages`, and may be
    left out). `timeout` is in seconds, for one attempt from sending to the last byte. `max_retry_after` caps the
    wait, in seconds, that a server may ask for. `max_answer_bytes` counts what is read from the network.
    `temperature` and `max_answer_tokens` are sent only when set (Anthropic demands a limit and gets 4096). Prices
    are for a million tokens, in the currency of `budget`: None is unknown, 0 is free.
    """

    model: str
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    provider: Literal["openai", "anthropic"] = "openai"
    timeout: float = 60
    max_attempts: int = 4
    max_concurrency: int = 16
    max_answer_bytes: int = 2_000_000
    max_retry_after: float = 60
    temperature: float | None = None
    max_answer_tokens: int | None = None
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    budget: Decimal | None = None

    def __post_init__(self) -> None:
        if self.provider not in ("openai", "anthropic"):
            raise ValueError(f"the provider is openai or anthropic, not {self.provider!r}")
        if not self.model:
            raise ValueError("the model has no name")
        address = self.base_url or (ANTHROPIC if self.provider == "anthropic" else "")
        if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
            raise ValueError(f"the base URL must be an http or https address, not {address!r}")
        object.__setattr__(self, "base_url", address.rstrip("/"))
        if min(self.timeout, self.max_attempts, self.max_concurrency, self.max_answer_bytes) <= 0:
            raise ValueError("timeout, attempts, concurrency and answer bytes must be positive")
        if self.budget is not None and (self.price_in is None or self.price_out is None):
            raise ValueError("a budget needs the prices of tokens in and out; without them it would never be reached")

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Return what a call cost, rounded up to a millionth; 0 where a price is unknown."""
        millions = tokens_in * (self.price_in or Decimal(0)) + tokens_out * (self.price_out or Decimal(0))
        return (millions * MILLIONTH).quantize(MILLIONTH, rounding="ROUND_UP")

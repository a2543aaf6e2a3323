"""One way to ask a language model: a typed answer, a stored record, or one of three loud failures. See docs/llm.md."""

from llm_client.client import LLM, Asked, Request
from llm_client.errors import LLMBadAnswer, LLMBudgetReached, LLMError, LLMUnavailable
from llm_client.fake import Cut, FakeLLM
from llm_client.ledger import Call, Ledger, MemoryLedger
from llm_client.prompts import Prompt, fence, fence_token, load_prompt
from llm_client.settings import LLMSettings
from llm_client.streaming import StreamedAnswer, sentences

__all__ = [
    "LLM",
    "Asked",
    "Call",
    "Cut",
    "FakeLLM",
    "LLMBadAnswer",
    "LLMBudgetReached",
    "LLMError",
    "LLMSettings",
    "LLMUnavailable",
    "Ledger",
    "MemoryLedger",
    "Prompt",
    "Request",
    "StreamedAnswer",
    "fence",
    "fence_token",
    "load_prompt",
    "sentences",
]

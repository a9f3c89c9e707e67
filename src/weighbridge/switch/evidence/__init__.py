"""What a sample of losses proves: pure statistics, without input or output, of use on its own.

A loss is the reference's quality less the candidate's on one request, in [-1, 1]. Nothing is assumed about its
distribution. "Anytime" means: it holds whenever one stops looking, for whatever reason. What each file does:

- betting: the test that a mean is below a bound, and intervals for it; anytime.
- deadline: a bet on it that is strongest after a number of cases that is set; anytime.
- sequence: the same for policies from strict to loose, without a price for each.
- harm: bounds for a rate, for a sample of a set size, and anytime.
- rectified: the same mean where a judge graded, corrected on cases of which the truth is known.
- spending: one promise over several routes, families and issues.
- planning: how many replays it takes.
- alarm: watching what was proven; anytime.

All but alarm, harm and spending need numpy.
"""

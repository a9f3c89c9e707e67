"""Proof before moving: plans and their runs, reports, certificates, and the rules that requests are moved by."""

from typing import Final

from weighbridge.web.pages.switch import certificate, new, overview, plan, putting, report
from weighbridge.web.visit import Place

PLACES: Final = (
    Place("/switch", overview.overview, may="switch.read"),
    Place("/switch/new", new.form, may="switch.set"),
    Place("/switch/new", new.drafting, "POST", may="switch.set"),
    Place("/switch/plans/{id}", plan.one, may="switch.read"),
    Place("/switch/plans/{id}/run", plan.run, "POST", may="switch.set"),
    Place("/switch/plans/{id}/stop", plan.stop, "POST", may="switch.set"),
    Place("/switch/plans/{id}/forget", plan.forget, "POST", may="switch.set"),
    Place("/switch/plans/{id}/forget-file", plan.forget_file, "POST", may="switch.set"),
    Place("/switch/plans/{id}/report", report.page, may="switch.read"),
    Place("/switch/plans/{id}/apply", putting.steps, may="switch.set"),
    Place("/switch/plans/{id}/apply", putting.apply, "POST", may="switch.set"),
    Place("/switch/certificates/{id}", certificate.one, may="switch.read"),
    Place("/switch/routes/{route}/rollback", putting.sure, may="switch.set"),
    Place("/switch/routes/{route}/rollback", putting.rollback, "POST", may="switch.set"),
)

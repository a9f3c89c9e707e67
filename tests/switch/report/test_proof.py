"""What a report takes from a certificate."""

from msgspec.structs import fields

from weighbridge.switch.certifying import Document
from weighbridge.switch.report.proof import Proof

STORED_BESIDE = {"certificate", "issued", "expires"}


def test_whatever_a_report_reads_of_a_certificate_is_said_there() -> None:
    said = {each.name for each in fields(Document)}
    assert {each.name for each in fields(Proof)} - STORED_BESIDE <= said

"""The templates are Bicep. Apart from what they say, so that a mistake is told with its line."""

from pathlib import Path

import pytest

from tests.infra.bicep import mistakes_in

FILES = sorted((Path(__file__).resolve().parents[2] / "infra").rglob("*.bicep"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_a_template_has_no_syntax_error(file):
    assert mistakes_in(file.read_bytes()) == []


def test_a_syntax_error_would_be_seen():
    assert mistakes_in(b"param a string\nmodule x 'y' = {\n  name: 'x'\n") != []
    assert mistakes_in(b"param a string = = 'b'\n") != []

import re
from textwrap import dedent

import pytest

_FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n(?:\n(?=    ))?)+", re.MULTILINE)


@pytest.fixture(scope="session")
def examples(vectors):
    """Reads the blocks of text of a specification, between fences or indented."""

    def read(name):
        text = (vectors("c2sp-specs") / name).read_text(encoding="utf-8")
        return [*_FENCED.findall(text), *(dedent(block) for block in _INDENTED.findall(_FENCED.sub("", text)))]

    return read

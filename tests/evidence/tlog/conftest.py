import pytest


@pytest.fixture(scope="session")
def examples(vectors):
    """Reads the blocks of text between fences, or indented by four spaces, of a specification."""

    def read(name):
        blocks, kind, block = [], None, []
        for line in [*(vectors("c2sp-specs") / name).read_text(encoding="utf-8").split("\n"), ""]:
            fence = line.startswith("```")
            if kind == "fenced" and not fence:
                block.append(line)
            elif kind is None and fence:
                kind = "fenced"
            elif kind != "fenced" and line.startswith("    "):
                kind = "indented"
                block.append(line[4:])
            elif kind:
                blocks.append("\n".join(block) + "\n")
                kind, block = None, []
        return blocks

    return read

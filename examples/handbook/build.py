"""Set the handbook: `python examples/handbook/build.py [OUT]`, by default `examples/handbook.pdf`.

The chapters are the Markdown files of this folder, in the order of their names. markdown-it
parses them, this file turns the syntax tree into Typst's markup, `template.typ` says how it
looks, and the package `typst` writes the PDF with its own fonts. The same chapters give the same
file each time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "handbook.pdf"
TITLE, SUBTITLE = "edgehybrid", "A handbook for users and for those who change it"

#: Signs of TeX that mean the same in Typst when written so.
_TEX = {"\\,": " ", "{": "(", "}": ")", "\\": ""}


def chapters(folder: Path = HERE) -> list[Path]:
    """The Markdown files of `folder`, in reading order."""
    return sorted(folder.glob("[0-9][0-9]-*.md"))


def parse(text: str) -> SyntaxTreeNode:
    """The syntax tree of one chapter: CommonMark with tables and typographic quotation marks."""
    parser = MarkdownIt("commonmark", {"typographer": True})
    return SyntaxTreeNode(parser.enable(["table", "replacements", "smartquotes"]).parse(text))


def typeset(node: SyntaxTreeNode) -> str:
    """Typst's markup for `node` and all that it holds.

    Raises:
        ValueError: there is no rule for a kind of node.
    """
    if node.type not in _RULES:
        raise ValueError(f"no rule for {node.type!r} in line {node.map}; add one to build.py")
    return _RULES[node.type](node)


def _inner(node: SyntaxTreeNode) -> str:
    return "".join(typeset(child) for child in node.children)


def _string(text: str) -> str:
    """`text` as a literal of Typst, whose escapes are those of JSON, but for `\\u`."""
    return json.dumps(text, ensure_ascii=False)


def _text(node: SyntaxTreeNode) -> str:
    return f"#{_string(node.content)}"


def _code(node: SyntaxTreeNode) -> str:
    return f"#raw({_string(node.content)})"


def _fence(node: SyntaxTreeNode) -> str:
    content = node.content.rstrip("\n")
    if node.info == "math":
        return f"$ {_formula(content)} $\n\n"
    language = _string(node.info) if node.info else "none"
    return f"#raw(block: true, lang: {language}, {_string(content)})\n\n"


def _formula(tex: str) -> str:
    """A simple formula of TeX in Typst's notation: brackets group, and signs have no backslash."""
    for sign, typst_sign in _TEX.items():
        tex = tex.replace(sign, typst_sign)
    return tex


def _heading(node: SyntaxTreeNode) -> str:
    return f"#heading(level: {node.tag[1:]})[{_inner(node)}]\n\n"


def _link(node: SyntaxTreeNode) -> str:
    return f"#link({_string(str(node.attrs['href']))})[{_inner(node)}]"


def _list(function: str) -> Callable[[SyntaxTreeNode], str]:
    def render(node: SyntaxTreeNode) -> str:
        items = ", ".join(f"[{_inner(item)}]" for item in node.children)
        return f"#{function}({items})\n\n"

    return render


def _table(node: SyntaxTreeNode) -> str:
    head, *rest = [row.children for part in node.children for row in part.children]
    columns = ", ".join(["auto"] * (len(head) - 1) + ["1fr"])
    cells = [f"[{_inner(cell)}]" for row in rest for cell in row]
    header = ", ".join(f"[{_inner(cell)}]" for cell in head)
    return f"#table(columns: ({columns}), table.header({header}), {', '.join(cells)})\n\n"


_RULES: dict[str, Callable[[SyntaxTreeNode], str]] = {
    "root": _inner,
    "inline": _inner,
    "paragraph": lambda node: f"{_inner(node)}\n\n",
    "heading": _heading,
    "fence": _fence,
    "bullet_list": _list("list"),
    "ordered_list": _list("enum"),
    "table": _table,
    "text": _text,
    "softbreak": lambda node: " ",
    "code_inline": _code,
    "em": lambda node: f"#emph[{_inner(node)}]",
    "strong": lambda node: f"#strong[{_inner(node)}]",
    "link": _link,
}


def source() -> str:
    """The whole handbook as one document of Typst."""
    import edgehybrid

    text = "".join(typeset(parse(path.read_text(encoding="utf-8"))) for path in chapters())
    names = {"title": TITLE, "subtitle": SUBTITLE, "version": edgehybrid.__version__}
    arguments = ", ".join(f"{name}: {_string(value)}" for name, value in names.items())
    look = (HERE / "template.typ").read_text(encoding="utf-8")
    return f"{look}\n#show: handbook.with({arguments})\n\n{text}"


def build(out: Path) -> None:
    """Write the handbook to `out`."""
    import typst

    # Only the fonts inside the package, and no clock: the same text gives the same file.
    pdf = typst.compile(source().encode("utf-8"), ignore_system_fonts=True, timestamp=0)
    out.write_bytes(pdf)


def main() -> None:
    """Read the arguments and build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", default=OUT, help="the PDF file to write")
    build(parser.parse_args().out)


if __name__ == "__main__":
    main()

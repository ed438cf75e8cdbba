"""Model cards as Markdown and as one self-contained page. Pure; whatever came in is escaped."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, Template

from tasks.tracking.card import Card, Lines, Table, between, number, sections

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Model card: {{ card.title }}</title>
<style>
body { font: 16px/1.55 system-ui, sans-serif; color: #1f2937; background: #fff;
 max-width: 54rem; margin: 2.5rem auto; padding: 0 1.25rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; margin-bottom: .3rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.badge { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; font-size: .9rem;
 background: #f8e6dc; color: #7c3a12; } .good { background: #e2f0e5; color: #20592f; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid #e3e8ee;
 vertical-align: top; }
th { color: #5b6675; font-weight: 600; } .number { text-align: right;
 font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; } img { max-width: 100%; } figcaption { color: #5b6675; }
</style>
</head>
<body>
<h1>{{ card.title }}</h1>
<p><span class="badge{{ " good" if good }}">{{ card.verdict }}</span></p>
{% for title, parts in sections %}
<h2>{{ title }}</h2>
{% for part in parts %}{% if part is string %}
<p>{{ part }}</p>
{% elif part.rows is defined %}
<div class="wide"><table>
<thead><tr>{% for head in part.heads -%}
<th{{ ' class="number"'|safe if loop.index0 in part.numeric }}>{{ head }}</th>
{%- endfor %}</tr></thead>
<tbody>
{% for row in part.rows %}<tr>{% for cell in row -%}
<td{{ ' class="number"'|safe if loop.index0 in part.numeric }}>{{ cell }}</td>
{%- endfor %}</tr>
{% endfor %}</tbody></table></div>
{% else %}
<ul>{% for line in part %}<li>{{ line }}</li>{% endfor %}</ul>
{% endif %}{% endfor %}{% endfor %}
{% for title, data in images %}
<figure><img alt="{{ title }}" src="data:image/png;base64,{{ data }}"></figure>
{% endfor %}
</body>
</html>
"""
SPECIAL = re.compile(r"[\\`*{}\[\]<>|~$&]|^[#+\-]|(?<!\w)_|_(?!\w)|(?<=^\d)[.)](?=\s)")


def to_markdown(card: Card) -> str:
    """Return the card as Markdown; the plots are linked by their path beside it."""
    lines = [f"# {escaped(card.title)}", ""]
    for title, parts in sections(card):
        lines += [f"## {title}", ""]
        for part in parts:
            lines += [_markdown(part), ""]
    for title, path in card.images.items():
        lines += [f"![{escaped(title)}]({path})", ""]
    return "\n".join(lines)


def to_html(card: Card, images: Mapping[str, bytes] | None = None) -> str:
    """Return the card as one page without any outside reference or script.

    `images` is title to PNG bytes; they are put into the page.
    """
    encoded = [(title, b64encode(data).decode()) for title, data in (images or {}).items()]
    good = card.verdict.lower().startswith("pass")
    return _page().render(card=card, sections=sections(card), images=encoded, good=good)


def note(card: Card) -> str:
    """Return the head of the card, for places that show a few lines of Markdown."""
    wanted = {"What it does", "Verdict", "How good it is", "Data"}
    lines = [escaped(summary(card)), ""]
    for title, parts in sections(card):
        if title in wanted:
            lines += [f"### {title}", "", *(f"{_markdown(part)}\n" for part in parts)]
    return "\n".join([*lines, "The whole model card lies among the artifacts: `model-card.html`."])


def summary(card: Card) -> str:
    """Return the card in one sentence, for lists that show a line."""
    scores = [one for one in card.scores if one.name == card.metric]
    told = [
        f"{one.name} {number(one.value)} ({between(one.low, one.high) or 'no interval'})"
        for one in scores
    ]
    rows = f"{card.holdout_rows:,} rows of {card.holdout}"
    return f"{card.verdict.capitalize()}: {card.family}, {', '.join(told)} on {rows}."


def escaped(text: str) -> str:
    r"""Return text that Markdown shows as it is, on one line.

    >>> print(escaped("<b>*roc_auc*|_y_\nz"))
    \<b\>\*roc_auc\*\|\_y\_ z
    """
    return SPECIAL.sub(r"\\\g<0>", " ".join(str(text).split()))


@cache
def _page() -> Template:
    return Environment(autoescape=True, trim_blocks=True).from_string(PAGE)


def _markdown(part: str | Lines | Table) -> str:
    if isinstance(part, str):
        return escaped(part)
    if isinstance(part, tuple):
        return "\n".join(f"- {escaped(line)}" for line in part)
    rule = ("---:" if place in part.numeric else "---" for place in range(len(part.heads)))
    rows = (part.heads, *part.rows)
    head, *body = ("| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows)
    return "\n".join([head, "|" + "|".join(rule) + "|", *body])

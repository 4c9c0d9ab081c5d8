"""The style sheet of the report."""

CSS = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: #1b1b1b;
  background: #fff; margin: 0 auto; padding: 1rem; max-width: 62rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ccc; }
.lead { font-size: 1.08rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .3rem 0; color: #444; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
tbody th { min-width: 8rem; }
th, td { padding: .22rem .7rem; border-bottom: 1px solid #e2e2e2; vertical-align: top; }
td { text-align: right; }
td.text { text-align: left; overflow-wrap: anywhere; }
th { text-align: left; font-weight: 500; }
thead th { text-align: right; font-weight: 600; border-bottom: 2px solid #888; }
thead th.text { text-align: left; }
tr.group th { font-weight: 700; background: #f3f3f3; }
figure { margin: 1.5rem 0 2.2rem; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption { font-size: .93rem; color: #333; margin-top: .5rem; }
nav ul { margin: .2rem 0 .2rem 1.2rem; padding: 0; }
nav > ul { columns: 2 22rem; column-gap: 2rem; margin-left: 0; list-style: none; }
nav > ul > li { break-inside: avoid; margin-bottom: .35rem; }
nav { font-size: .95rem; }
a { color: #00518a; }
td.claimed { overflow-wrap: normal; min-width: 10rem; }
.claim { margin: .6rem 0 1rem; padding: .5rem .8rem; border-left: 4px solid #888; background: #f6f6f6; }
.claim p { margin: .15rem 0; }
.how { font-size: .9rem; color: #333; overflow-wrap: anywhere; }
.verdict { display: inline-block; font-weight: 600; padding: 0 .45rem; white-space: nowrap; color: #1b1b1b; }
.verdict.supported { border: 2px solid #0072B2; border-radius: 1rem; background: #e3f0f8; }
.verdict.not-supported { border: 2px solid #D55E00; background: #fbe9df; }
.verdict.cannot-tell { border: 2px dashed #555; background: #fff; }
@media (max-width: 34rem) { body { padding: .6rem; } th, td { padding: .2rem .4rem; } }
@media print { body { max-width: none; font-size: 11pt; } figure, table { break-inside: avoid; } }
"""

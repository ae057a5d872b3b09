"""How the inbox looks and keeps itself fresh; made for 390 px first, for light and for dark."""

from typing import Final

STYLE: Final = """\
:root { color-scheme: light dark; --line: #8884; --soft: #59616b; --accent: #1d4ed8;
  --bad: #b91c1c; --good: #15803d; --twice: #a16207; }
@media (prefers-color-scheme: dark) {
  :root { --soft: #a8b0ba; --accent: #93b4ff; --bad: #fca5a5; --good: #86efac; --twice: #fcd34d; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: .3rem 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .3rem; }
a { color: inherit; }
header { display: flex; gap: .2rem 1.5rem; align-items: center; flex-wrap: wrap;
  margin-bottom: .5rem; }
nav { display: flex; flex-wrap: wrap; }
nav a, .back a, td a, summary { display: inline-flex; align-items: center; min-height: 44px;
  min-width: 44px; }
nav a { margin-right: .9rem; text-decoration: none; color: var(--soft); justify-content: center; }
nav a[aria-current] { color: inherit; box-shadow: inset 0 -2px var(--accent); }
.back { margin: 0; }
summary { cursor: pointer; color: var(--soft); display: flex; }
summary::before { content: "▸"; margin-right: .5rem; }
details[open] > summary::before { content: "▾"; }
.threads { list-style: none; padding: 0; margin: .5rem 0; }
.threads a { display: grid; grid-template-columns: 1fr auto; gap: .1rem .8rem; min-height: 44px;
  padding: .6rem .3rem; border-top: 1px solid var(--line); text-decoration: none; }
.threads a > * { min-width: 0; }
.threads a:hover { background: #8881; }
.threads .what, .threads .states { grid-column: 1 / -1; }
.what { font-weight: 600; }
.states { display: flex; flex-wrap: wrap; gap: 0 .9rem; font-size: .9rem; color: var(--soft); }
.who { display: flex; flex-wrap: wrap; gap: 0 .5rem; align-items: baseline; align-content: start; }
.who bdi { min-width: 0; }
time { white-space: nowrap; font-variant-numeric: tabular-nums; }
time, .soft { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); } .twice { color: var(--twice); }
.channel { display: inline-block; padding: 0 .6rem; border-radius: 1rem; color: #fff;
  font-size: .9rem; white-space: nowrap; }
.email { background: #b45309; } .telegram { background: #0369a1; } .vk { background: #4338ca; }
.empty { padding: 3rem 1rem; text-align: center; border: 1px dashed var(--line);
  border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; }
tr { border-top: 1px solid var(--line); }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; }
th { font-weight: normal; color: var(--soft); width: 11rem; }
pre { white-space: pre-wrap; font: inherit; margin: 1rem 0; }
iframe { width: 100%; height: 24rem; border: 1px solid var(--line); background: #fff;
  color-scheme: light; }
@media (max-width: 40rem) {
  tr, th, td { display: block; width: auto; padding-right: 0; }
  tr { padding: .35rem 0; }
  th, td { padding: .1rem 0; }
}
@media (min-width: 40.01rem) {
  .threads a { grid-template: auto 1fr / minmax(14rem, 1fr) 2fr auto; }
  .threads .who { grid-column: 1; grid-row: 1 / span 2; }
  .threads time { grid-column: 3; grid-row: 1; }
  .threads .what { grid-column: 2; grid-row: 1; }
  .threads .states { grid-column: 2 / -1; grid-row: 2; }
}
"""

# Swaps the list every two seconds, and only when it changed, so that nothing flickers; what had
# the focus keeps it.
SCRIPT: Final = """\
async function refresh() {
  const list = document.querySelector("#live");
  if (!list || document.hidden) return;
  try {
    const page = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(page, "text/html").querySelector("#live");
    if (!fresh || fresh.innerHTML === list.innerHTML) return;
    const focused = list.contains(document.activeElement) && document.activeElement.id;
    list.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  } catch { /* the sandbox is away; keep what is shown */ }
}
setInterval(refresh, 2000);
"""

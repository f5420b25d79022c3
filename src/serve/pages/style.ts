// The one stylesheet of the pages. It fetches nothing, follows the reader's choice of light or dark, and fits a phone.
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1b1f; --soft: #55555e; --paper: #fff; --line: #c9c9d2; --accent: #0b57a4;
  --good: #11682f; --bad: #a3211b; --tint: #f2f3f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf1; --soft: #b4b4bf; --paper: #17171b; --line: #45454f;
  --accent: #8fc1ff; --good: #7fd69a; --bad: #ff9d96; --tint: #222228; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
header, main { max-width: 60rem; margin: 0 auto; padding: 0 1rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center; padding-block: .75rem;
  border-bottom: 1px solid var(--line); }
header form { margin-left: auto; }
main { padding-bottom: 4rem; }
h1 { font-size: 1.5rem; margin: 1.25rem 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .5rem; }
.soft { color: var(--soft); }
.badge { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; white-space: nowrap; }
.notice { border-left: 4px solid var(--accent); background: var(--tint); padding: .5rem .75rem; }
.problem { border-left-color: var(--bad); }
.profile { background: var(--tint); padding: .75rem 1rem; border-radius: .5rem; overflow-wrap: anywhere; }
.profile ol, .profile ul { margin: 0; padding-left: 1.25rem; }
ul.plain { list-style: none; padding: 0; }
ul.plain > li { padding: .5rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: .5rem 0; }
form.tall { display: block; }
label { display: block; }
input, textarea, select, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft);
  border-radius: .35rem; padding: .4rem .6rem; max-width: 100%; }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; }
textarea { width: 100%; min-height: 7rem; }
.text { flex: 1 1 16rem; }
.text input { width: 100%; }
button { cursor: pointer; border-color: var(--accent); color: var(--accent); min-height: 2.5rem; }
button.grave { border-color: var(--bad); color: var(--bad); }
ins { color: var(--good); text-decoration: underline; }
del { color: var(--bad); }
code { overflow-wrap: anywhere; }
`

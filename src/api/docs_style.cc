#include "api/docs_page.h"

namespace afluente::api {

const std::string_view kDocsStyle = R"css(:root {
  color-scheme: light dark;
  --page: #f6f7f9;
  --card: #ffffff;
  --line: #dfe3e8;
  --text: #1b2330;
  --soft: #5b6676;
  --accent: #0b6e8f;
  --accent-text: #ffffff;
  --good: #1a7f4b;
  --bad: #b3261e;
  --code: #eef1f5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c;
    --card: #1a2029;
    --line: #2c3542;
    --text: #e6eaf0;
    --soft: #98a4b3;
    --accent: #4fb6d6;
    --accent-text: #0c1116;
    --good: #5bc98f;
    --bad: #ff8a80;
    --code: #10151b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--page);
  color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header, main, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
header {
  display: flex;
  flex-wrap: wrap;
  gap: 1rem;
  align-items: end;
  justify-content: space-between;
  padding-top: 2.5rem;
  padding-bottom: 1rem;
}
h1 { margin: 0; font-size: 1.75rem; letter-spacing: -0.01em; }
header p { margin: 0; color: var(--soft); }
footer { padding-bottom: 3rem; color: var(--soft); display: flex; gap: 1.25rem; }
a { color: var(--accent); }
code, pre, .path, input, td {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  font-size: 0.9rem;
}
input, select, button {
  font-size: 0.95rem;
  color: inherit;
  background: var(--page);
  border: 1px solid var(--line);
  border-radius: 6px;
  padding: 0.45rem 0.6rem;
  min-width: 0;
  height: 2.3rem;
}
input:focus-visible, select:focus-visible, button:focus-visible, summary:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 1px;
}
button {
  background: var(--accent);
  border-color: var(--accent);
  color: var(--accent-text);
  font-weight: 600;
  cursor: pointer;
}
button:disabled { opacity: 0.6; cursor: progress; }
#search { flex: 0 1 16rem; background: var(--card); }
details {
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: 10px;
  margin: 0.75rem 0;
}
summary {
  display: flex;
  flex-wrap: wrap;
  gap: 0.75rem;
  align-items: baseline;
  padding: 0.8rem 1rem;
  cursor: pointer;
  list-style: none;
}
summary::-webkit-details-marker { display: none; }
.method { color: var(--good); font-weight: 700; font-size: 0.8rem; }
.path { overflow-wrap: anywhere; font-weight: 600; }
.path b { color: var(--accent); font-weight: 600; }
.summary { color: var(--soft); }
.inside { padding: 0 1rem 1rem; border-top: 1px solid var(--line); }
h2 { font-size: 0.95rem; margin: 1rem 0 0.4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid var(--line); }
th { font-size: 0.8rem; color: var(--soft); font-weight: 600; }
form {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr));
  gap: 0.75rem;
  align-items: end;
}
label { display: grid; gap: 0.2rem; font-size: 0.85rem; }
label span { color: var(--soft); }
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; font-size: 0.85rem; }
legend { padding: 0; color: var(--soft); margin-bottom: 0.2rem; }
label b, legend b { color: var(--text); }
.choices { display: flex; flex-wrap: wrap; gap: 0.25rem 0.9rem; }
.choices label { display: flex; align-items: center; gap: 0.35rem; }
.choices input { height: auto; }
.rows, .list { display: grid; gap: 0.35rem; }
.row { display: grid; grid-template-columns: 1fr auto; gap: 0.35rem; }
.buttons { display: flex; gap: 0.5rem; }
.quiet { background: var(--card); color: var(--accent); border-color: var(--line); }
[hidden] { display: none; }
.url { display: flex; gap: 0.75rem; align-items: start; margin: 0.9rem 0 0; }
.url code { color: var(--soft); overflow-wrap: anywhere; flex: 1; padding-top: 0.4rem; }
.url button { flex: none; }
.answer { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: baseline; }
.answer { margin: 0.75rem 0 0.3rem; }
.good { color: var(--good); font-weight: 700; }
.bad { color: var(--bad); font-weight: 700; }
pre {
  background: var(--code);
  border: 1px solid var(--line);
  border-radius: 6px;
  padding: 0.75rem;
  margin: 0;
  overflow: auto;
  max-height: 28rem;
}
.empty { color: var(--soft); padding: 1rem 0; }
)css";

}  // namespace afluente::api

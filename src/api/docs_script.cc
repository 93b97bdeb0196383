#include "api/docs_page.h"

namespace afluente::api {

// Text from the document only ever becomes text nodes and properties, never markup.
const std::string_view kDocsScript = R"js("use strict";

const SHOWN_MAX = 200000, EVENTS_MAX = 200;

function pathLabel(path) {
  const label = make("span", { className: "path" });
  for (const piece of path.split(/(\{[^}]*\})/)) {
    label.append(piece.startsWith("{") ? make("b", { textContent: piece }) : piece);
  }
  return label;
}

function columnTable(operation) {
  const content = operation.responses["200"].content["application/json"];
  const rows = content.schema.properties.rows;
  if (!rows) return [];
  const body = make("tbody", {});
  for (const [name, schema] of Object.entries(rows.items.properties)) {
    body.append(make("tr", {}, make("td", { textContent: name }),
      make("td", { textContent: typeOf(schema) }),
      make("td", { textContent: schema.description || "" })));
  }
  const head = make("tr", {}, ...["Column", "Type", "Meaning"].map(
    (text) => make("th", { scope: "col", textContent: text })));
  return [make("h2", { textContent: "Columns" }), make("table", {}, make("thead", {}, head), body)];
}

function exampleAnswer(operation) {
  const example = operation.responses["200"].content["application/json"].example;
  if (example === undefined) return [];
  return [make("h2", { textContent: "Example" }), block(JSON.stringify(example, null, 2))];
}

// Scrolls, so that the keyboard must reach it.
const block = (text) => make("pre", { textContent: text, tabIndex: 0 });

function pretty(text, type) {
  if (!type.includes("json") || type.includes("ndjson")) return text;
  // Only white space is added: parsing would round large integers.
  let out = "", depth = 0, quoted = false;
  const line = () => "\n" + "  ".repeat(depth);
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      out += c;
      if (c === "\\") out += text[++i];
      else if (c === '"') quoted = false;
    } else if (c === '"') {
      quoted = true;
      out += c;
    } else if (c === "{" || c === "[") {
      const empty = text[i + 1] === "}" || text[i + 1] === "]";
      depth++;
      out += c + (empty ? "" : line());
    } else if (c === "}" || c === "]") {
      depth--;
      out += ("{[".includes(text[i - 1]) ? "" : line()) + c;
    } else {
      out += c + (c === "," ? line() : c === ":" ? " " : "");
    }
  }
  return out;
}

// Shows events as they come, until the reader or `stop` ends it.
async function follow(answer, shown) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let events = 0; events < EVENTS_MAX;) {
    const { done, value } = await reader.read();
    if (done) return;
    events += value.split("\n\n").length - 1;
    shown.append(value);
  }
  reader.cancel();
}

function download(blob, path) {
  const link = make("a", { textContent: "Download", href: URL.createObjectURL(blob) });
  const endings = { json: ".json", "x-ndjson": ".ndjson", csv: ".csv",
    "vnd.apache.arrow.stream": ".arrow", "vnd.apache.parquet": ".parquet" };
  const kind = blob.type.split(";")[0].split("/")[1];
  const name = path.replace(/\W+/g, "_").replace(/^_|_$/g, "") || "answer";
  link.download = name + (endings[kind] || "");
  return link;
}

async function show(answer, milliseconds, path, output) {
  const blob = await answer.blob();
  const type = answer.headers.get("Content-Type") || "";
  const facts = ["ETag", "X-Data-Freshness", "X-RateLimit-Remaining", "Retry-After", "X-Request-Id"]
    .filter((name) => answer.headers.get(name))
    .map((name) => make("span", { textContent: name + ": " + answer.headers.get(name) }));
  output.replaceChildren(make("div", { className: "answer" },
    make("span", { className: answer.ok ? "good" : "bad", textContent: answer.status }),
    make("span", { textContent: milliseconds + " ms" }),
    make("span", { textContent: blob.size + " bytes" }), ...facts,
    ...(answer.ok ? [download(blob, path)] : [])));
  if (/arrow|parquet/.test(type)) {
    output.append(make("p",
      { textContent: "This format is not text: download it to look at it." }));
    return;
  }
  const text = await blob.text();
  const cut = text.length > SHOWN_MAX;
  output.append(block(cut ? text.slice(0, SHOWN_MAX) + "\n\u2026" : pretty(text, type)));
}

async function send(path, url, accept, output, button, stop) {
  const leave = new AbortController();
  const start = performance.now();
  button.disabled = true;
  stop.onclick = () => leave.abort();
  stop.hidden = false;
  try {
    const answer = await fetch(url, { headers: { Accept: accept }, signal: leave.signal });
    const type = answer.headers.get("Content-Type") || "";
    if (answer.ok && type.startsWith("text/event-stream")) {
      const shown = block("");
      output.replaceChildren(make("p", { textContent: "New rows appear as they come." }), shown);
      await follow(answer, shown);
    } else {
      await show(answer, Math.round(performance.now() - start), path, output);
    }
    const next = /<\?([^>]*)>;\s*rel="next"/.exec(answer.headers.get("Link") || "");
    return next ? new URLSearchParams(next[1]).get("cursor") : null;
  } catch (error) {
    if (!leave.signal.aborted) {
      output.replaceChildren(make("p", { className: "bad", textContent: String(error) }));
    }
    return null;
  } finally {
    button.disabled = false;
    stop.hidden = true;
  }
}

function examplesOf(parameter) {
  if (parameter.example === undefined) return [];
  return [].concat(parameter.example).map(asText);
}

function tryForm(path, operation) {
  const parameters = operation.parameters || [];
  const controls = new Map();
  const form = make("form", {});
  for (const parameter of parameters) {
    const control = controlOf(parameter);
    control.put(examplesOf(parameter));
    controls.set(parameter.name, control);
    form.append(labelled(parameter, control));
  }
  const accept = make("select", { name: "Accept" });
  for (const type of Object.keys(operation.responses["200"].content)) {
    accept.append(make("option", { textContent: type }));
  }
  form.append(make("label", {}, make("span", {}, make("b", { textContent: "format" })), accept));
  const button = make("button", { textContent: "Send" });
  const quiet = { type: "button", className: "quiet" };
  const stop = make("button", { ...quiet, textContent: "Stop", hidden: true });
  const next = make("button", { ...quiet, textContent: "Next page", hidden: true });
  form.append(make("span", { className: "buttons" }, button, stop, next));
  const command = make("code", {});
  const copier = make("button", { ...quiet, textContent: "Copy as curl" });
  const output = make("div", {});
  output.setAttribute("aria-live", "polite");
  const redraw = () => {
    const filled = requestUrl(path, parameters, controls);
    command.textContent = filled
      ? asCurl(new URL(filled, document.baseURI).href, accept.value, operation) : "";
    copier.disabled = !filled;
  };
  copier.addEventListener("click", async () => {
    await copy(command.textContent, command);
    copier.textContent = "Copied";
    setTimeout(() => { copier.textContent = "Copy as curl"; }, 2000);
  });
  const ask = async () => {
    redraw();
    const url = requestUrl(path, parameters, controls);
    if (url === null) return;
    const cursor = await send(path, url, accept.value, output, button, stop);
    next.hidden = cursor === null;
    next.onclick = () => { controls.get("cursor").put([cursor]); ask(); };
  };
  form.addEventListener("input", redraw);
  form.addEventListener("click", redraw);
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  redraw();
  return [make("h2", { textContent: "Try it" }), form,
    make("p", { className: "url" }, command, copier), output];
}

function card(path, operation) {
  const inside = make("div", { className: "inside" });
  const details = make("details", { id: operation.operationId },
    make("summary", {}, make("span", { className: "method", textContent: "GET" }),
      pathLabel(path), make("span", { className: "summary", textContent:
        operation.summary === path ? "" : operation.summary })), inside);
  details.addEventListener("toggle", () => {
    if (inside.hasChildNodes()) return;
    if (operation.description) inside.append(make("p", { textContent: operation.description }));
    inside.append(...tryForm(path, operation), ...exampleAnswer(operation),
      ...columnTable(operation));
  });
  details.dataset.words = (path + " " + operation.summary).toLowerCase();
  return details;
}

async function start() {
  const about = document.getElementById("about");
  const list = document.getElementById("endpoints");
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error("openapi.json: " + answer.status);
    const description = await answer.json();
    document.title = description.info.title;
    document.getElementById("title").textContent = description.info.title;
    const entries = Object.entries(description.paths);
    about.textContent = entries.length + " endpoints \u00b7 version " + description.info.version;
    for (const [path, methods] of entries) list.append(card(path, methods.get));
    if (entries.length && location.hash === "") list.firstChild.open = true;
    const linked = document.getElementById(location.hash.slice(1));
    if (linked && linked.matches("details")) linked.open = true;
  } catch (error) {
    about.textContent = "The description cannot be read: " + error.message;
  }
  document.getElementById("search").addEventListener("input", (event) => {
    const word = event.target.value.toLowerCase();
    for (const node of list.children) node.hidden = !node.dataset.words.includes(word);
  });
}

start();
)js";

}  // namespace afluente::api

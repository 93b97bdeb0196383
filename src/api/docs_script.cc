#include "api/docs_page.h"

namespace afluente::api {

// Text from the document only ever becomes text nodes and properties, never markup.
const std::string_view kDocsScript = R"js("use strict";

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function typeOf(schema) {
  if (!schema) return "any";
  if (schema["x-googlesql-type"]) return schema["x-googlesql-type"];
  if (schema.anyOf) return schema.anyOf.map(typeOf).filter((t) => t !== "null").join(" or ");
  let name = [].concat(schema.type || "any").filter((t) => t !== "null").join(" or ");
  if (name === "array") return "list of " + typeOf(schema.items);
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" or ");
  if (schema.format) name += " (" + schema.format + ")";
  if (schema.contentEncoding) name += " (" + schema.contentEncoding + ")";
  return name;
}

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
  const head = make("tr", {}, ...["Column", "Type", ""].map(
    (text) => make("th", { textContent: text })));
  return [make("h2", { textContent: "Columns" }), make("table", {}, make("thead", {}, head), body)];
}

// The request's URL, relative to this page so that any path prefix holds.
function requestUrl(path, parameters, inputs) {
  if (parameters.some((p) => p.in === "path" && inputs.get(p.name).value === "")) return null;
  const query = new URLSearchParams();
  let filled = path;
  for (const parameter of parameters) {
    const text = inputs.get(parameter.name).value;
    if (parameter.in === "path") {
      filled = filled.replace("{" + parameter.name + "}", () => encodeURIComponent(text));
    } else if (parameter.schema.type === "array") {
      for (const item of text.split("\n").join(",").split(",")) query.append(parameter.name, item);
    } else {
      query.append(parameter.name, text);
    }
  }
  const tail = query.toString();
  return "." + filled + (tail ? "?" + tail : "");
}

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

async function send(url, accept, output, button) {
  button.disabled = true;
  const start = performance.now();
  try {
    const answer = await fetch(url, { headers: { Accept: accept } });
    const text = await answer.text();
    const shown = pretty(text.slice(0, 200000), answer.headers.get("Content-Type") || "");
    output.replaceChildren(
      make("div", { className: "answer" },
        make("span", { className: answer.ok ? "good" : "bad", textContent: answer.status }),
        make("span", { textContent: Math.round(performance.now() - start) + " ms" }),
        make("span", { textContent: text.length + " characters" })),
      make("pre", { textContent: shown + (text.length > 200000 ? "\n\u2026" : "") }));
  } catch (error) {
    output.replaceChildren(make("p", { className: "bad", textContent: String(error) }));
  }
  button.disabled = false;
}

function tryForm(path, operation) {
  const parameters = operation.parameters || [];
  const inputs = new Map();
  const form = make("form", {});
  for (const parameter of parameters) {
    const input = make("input", { name: parameter.name, required: parameter.in === "path",
      placeholder: typeOf(parameter.schema), autocomplete: "off", spellcheck: false });
    inputs.set(parameter.name, input);
    form.append(make("label", {}, make("span", { textContent:
      parameter.name + " \u00b7 " + (parameter.description || typeOf(parameter.schema)) }), input));
  }
  const accept = make("select", {});
  for (const type of Object.keys(operation.responses["200"].content)) {
    accept.append(make("option", { textContent: type }));
  }
  form.append(make("label", {}, make("span", { textContent: "format" }), accept));
  const button = make("button", { textContent: "Send" });
  form.append(button);
  const url = make("p", { className: "url" });
  const show = () => {
    const filled = requestUrl(path, parameters, inputs);
    url.textContent = filled ? new URL(filled, document.baseURI).href : "";
  };
  form.addEventListener("input", show);
  show();
  const output = make("div", {});
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(requestUrl(path, parameters, inputs), accept.value, output, button);
  });
  return [make("h2", { textContent: "Try it" }), form, url, output];
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
    inside.append(...tryForm(path, operation), ...columnTable(operation));
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

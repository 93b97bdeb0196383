#include "api/docs_page.h"

namespace afluente::api {

// The forms that ask an endpoint: one control a parameter, by its schema. A control has `node`,
// `texts()`, which is what to send for it (nothing where it is left empty), and `put(texts)`.
const std::string_view kDocsForm = R"js("use strict";

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

const asText = (value) => typeof value === "string" ? value : JSON.stringify(value);

// What the specification says of the values, beside their type.
function limitsOf(schema) {
  const of = schema.type === "array" ? schema.items : schema;
  const low = of.minimum ?? of["x-minimum"], high = of.maximum ?? of["x-maximum"];
  return (low === undefined ? "" : " \u2265 " + low) +
    (high === undefined ? "" : " \u2264 " + high);
}

function chooser(choices, parameter) {
  const select = make("select", { required: parameter.required });
  const unset = parameter.schema.default === undefined ? "not sent"
    : "default: " + asText(parameter.schema.default);
  if (!parameter.required) select.append(make("option", { value: "", textContent: unset }));
  choices.forEach((choice, i) =>
    select.append(make("option",
      { value: String(i), textContent: asText(choice) || "\u201c\u201d" })));
  return { node: select, texts: () => select.value === "" ? [] : [asText(choices[select.value])],
    put: (texts) => {
      const place = choices.findIndex((choice) => asText(choice) === texts[0]);
      if (place >= 0) select.value = String(place);
    } };
}

function checkboxes(choices) {
  const boxes = choices.map((choice) => make("input", { type: "checkbox", value: asText(choice) }));
  const node = make("span", { className: "choices" }, ...boxes.map((box) =>
    make("label", {}, box, make("span", { textContent: box.value }))));
  return { node, group: true, texts: () => boxes.filter((b) => b.checked).map((b) => b.value),
    put: (texts) => { for (const box of boxes) box.checked = texts.includes(box.value); } };
}

function entry(schema, parameter) {
  const input = make("input",
    { autocomplete: "off", spellcheck: false, required: parameter.required });
  if (schema.type === "integer") {
    Object.assign(input, { type: "number", step: "1" });
    if (schema.minimum !== undefined) input.min = schema.minimum;
    if (schema.maximum !== undefined) input.max = schema.maximum;
  } else if (schema.format === "date") {
    input.type = "date";
  } else if (schema.pattern) {
    Object.assign(input, { pattern: schema.pattern, inputMode: "decimal" });
  }
  const hint = { "date-time": "2026-01-31T12:00:00Z" }[schema.format] || typeOf(schema);
  input.placeholder = parameter.schema.default === undefined || parameter.schema.type === "array"
    ? hint : "default: " + asText(parameter.schema.default);
  // A text that must be sent may be empty, but not as a piece of the path.
  if (schema.type === "string" && parameter.in !== "path") input.required = false;
  return { node: input, put: (texts) => { input.value = texts[0] ?? ""; },
    texts: () => input.value === "" && !(parameter.required && schema.type === "string")
      ? [] : [input.value] };
}

// As many entries as one likes.
function repeated(schema, parameter) {
  const rows = make("span", { className: "rows" });
  const entries = new Map();
  const add = (text, focus) => {
    const one = entry(schema, { ...parameter, required: false });
    one.node.setAttribute("aria-label", parameter.name + " value");
    one.put([text]);
    const row = make("span", { className: "row" }, one.node);
    const remove = make("button", { type: "button", className: "quiet", textContent: "\u2212",
      ariaLabel: "Remove this value of " + parameter.name });
    remove.addEventListener("click", () => {
      entries.delete(row);
      row.dispatchEvent(new Event("input", { bubbles: true }));
      row.remove();
      more.focus();
    });
    row.append(remove);
    entries.set(row, one);
    rows.append(row);
    if (focus) one.node.focus();
  };
  const more = make("button", { type: "button", className: "quiet", textContent: "Add a value",
    ariaLabel: "Add a value of " + parameter.name });
  more.addEventListener("click", () => add("", true));
  return { node: make("span", { className: "list" }, rows, more), group: true,
    texts: () => [...entries.values()].flatMap((one) => one.texts()),
    put: (texts) => {
      rows.replaceChildren();
      entries.clear();
      for (const text of texts) add(text, false);
    } };
}

function controlOf(parameter) {
  const schema = parameter.schema, list = schema.type === "array";
  const of = list ? schema.items : schema;
  const choices = of.enum || (of.type === "boolean" ? [true, false] : null);
  if (list) return of.enum ? checkboxes(of.enum) : repeated(of, parameter);
  return choices ? chooser(choices, parameter) : entry(of, parameter);
}

function labelled(parameter, control) {
  const about = parameter.description || typeOf(parameter.schema);
  const name = make("span", {}, make("b", { textContent: parameter.name }),
    parameter.required ? " (required)" : "", " \u00b7 " + about + limitsOf(parameter.schema));
  if (!control.group) {
    control.node.name = parameter.name;
    return make("label", {}, name, control.node);
  }
  return make("fieldset", { name: parameter.name }, make("legend", {}, name), control.node);
}

// The request's URL, relative to this page so that any path prefix holds.
function requestUrl(path, parameters, controls) {
  const query = new URLSearchParams();
  let filled = path;
  for (const parameter of parameters) {
    const texts = controls.get(parameter.name).texts();
    if (parameter.in === "path") {
      if (texts.length === 0 || texts[0] === "") return null;
      filled = filled.replace("{" + parameter.name + "}", () => encodeURIComponent(texts[0]));
    } else {
      for (const text of texts) query.append(parameter.name, text);
    }
  }
  const tail = query.toString();
  return "." + filled + (tail ? "?" + tail : "");
}

const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

// The request as a shell's command.
function asCurl(url, accept, operation) {
  const who = operation.responses["401"] ? ' -H "Authorization: Bearer $TOKEN"' : "";
  const wait = accept === "text/event-stream" ? " -N" : "";
  return "curl" + wait + who + " -H " + quoted("Accept: " + accept) + " " + quoted(url);
}

async function copy(text, node) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // only pages of secure origins have that
    getSelection().selectAllChildren(node);
    document.execCommand("copy");
  }
}
)js";

}  // namespace afluente::api

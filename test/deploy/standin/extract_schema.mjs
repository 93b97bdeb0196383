// Writes a Terraform schema (resources, blocks, types, enumerations) of the google provider out of the npm package
// @cdktf/provider-google, whose TypeScript sources lie in its source maps. Nothing of it is committed: set-up runs this.
// Usage: node extract_schema.mjs PACKAGE_FOLDER OUTPUT RESOURCE_FOLDER...
import fs from "fs";
import path from "path";

const [packageFolder, output, ...names] = process.argv.slice(2);
const primitives = { string: "string", number: "number", boolean: "bool" };

function sourceOf(name) {
  const script = fs.readFileSync(path.join(packageFolder, "lib", name, "index.js"), "utf8");
  const map = script.match(/sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)/);
  return JSON.parse(Buffer.from(map[1], "base64")).sourcesContent[0];
}

function classesOf(source) {
  const found = {};
  for (const match of source.matchAll(/^export class (\w+) extends cdktf\.(\w+) \{\n([\s\S]*?)^\}/gm)) {
    found[match[1]] = { parent: match[2], body: match[3] };
  }
  return found;
}

// name -> {isBlock, type, storage}, as the package's own HCL writer declares them.
function hclEntries(text) {
  const found = {};
  const entry = /^\s+(\w+): \{\n\s+value: ([\s\S]*?),\n\s+isBlock: (true|false),\n\s+type: "(\w+)",\n\s+storageClassType: "(\w+)",/gm;
  for (const match of text.matchAll(entry)) {
    found[match[1]] = { isBlock: match[3] === "true", type: match[4], storage: match[5] };
  }
  return found;
}

function storageType({ storage, type }) {
  if (primitives[storage]) return primitives[storage];
  let match = storage.match(/^(string|number|boolean)List$/);
  if (match) return [type === "set" ? "set" : "list", primitives[match[1]]];
  match = storage.match(/^(string|number|boolean|any)Map$/);
  if (match) return ["map", primitives[match[1]] ?? "string"];
  match = storage.match(/^(string|number|boolean)ListList$/);
  return match ? ["list", ["list", primitives[match[1]]]] : null;
}

// From the accessor that reads a computed attribute.
function accessorType(code) {
  const map = code.match(/new cdktf\.(String|Number|Boolean|Any)Map\(/);
  if (map) return ["map", primitives[map[1].toLowerCase()] ?? "string"];
  if (/new cdktf\.StringMapList\(/.test(code)) return ["list", ["map", "string"]];
  if (/Fn\.tolist\(this\.getListAttribute/.test(code)) return ["set", "string"];
  if (/getListAttribute/.test(code)) return ["list", "string"];
  if (/getNumberListAttribute/.test(code)) return ["list", "number"];
  if (/getNumberAttribute/.test(code)) return "number";
  if (/getBooleanAttribute/.test(code)) return "bool";
  return "string";
}

function enumerations(source, name) {
  const begin = source.indexOf(`export interface ${name} `);
  if (begin < 0) return {};
  const text = source.slice(begin, source.indexOf("\n}\n", begin));
  const found = {};
  for (const match of text.matchAll(/\/\*\*([\s\S]*?)\*\/\n {2}readonly (\w+)\??:/g)) {
    const comment = match[1].slice(match[1].lastIndexOf("/**") + 1);
    const values = comment.match(/Possible values: (\[[^\]]*\])/);
    const attribute = comment.match(/#\w+ \w+#(\w+)\}/);
    if (!values || !attribute) continue;
    try {
      found[attribute[1]] = JSON.parse(values[1]);
    } catch {
      // A list in prose: no enumeration.
    }
  }
  return found;
}

function objectType({ attributes, block_types: blocks }) {
  const fields = {};
  for (const [name, attribute] of Object.entries(attributes)) fields[name] = attribute.type;
  for (const [name, nested] of Object.entries(blocks)) {
    fields[name] = [nested.nesting_mode === "set" ? "set" : "list", objectType(nested.block)];
  }
  return ["object", fields];
}

class Reader {
  constructor(source) {
    this.source = source;
    this.classes = classesOf(source);
  }

  hclOf(name) {
    const writer = `${name[0].toLowerCase()}${name.slice(1)}ToHclTerraform`;
    const begin = this.source.indexOf(`export function ${writer}(`);
    return begin < 0 ? {} : hclEntries(this.source.slice(begin, this.source.indexOf("\n}\n", begin)));
  }

  block(body, hcl, name) {
    const out = { attributes: {}, block_types: {} };
    const enums = enumerations(this.source, name);
    const field = /^ {2}\/\/ (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n([\s\S]*?)(?=^ {2}\/\/ \w+ - computed|^ {2}\/\/ ===|(?![\s\S]))/gm;
    for (const [, key, computed, optional, required, code] of body.matchAll(field)) {
      const flags = {};
      for (const [flag, value] of Object.entries({ computed, optional, required })) if (value === "true") flags[flag] = true;
      const nested = code.match(/new (\w+(?:OutputReference|List))\(this, "\w+"(?:, (true|false))?\)/);
      if (nested && this.classes[nested[1]]) this.addNested(out, key, flags, hcl[key], nested);
      else this.addAttribute(out, key, flags, hcl[key], code, enums[key]);
    }
    return out;
  }

  addNested(out, key, flags, entry, [, className, wrapsSet]) {
    const many = className.endsWith("List") && this.classes[className].parent !== "ComplexObject";
    const element = many ? className.replace(/List$/, "OutputReference") : className;
    const name = element.replace(/OutputReference$/, "");
    const inner = this.block(this.classes[element].body, this.hclOf(name), name);
    const mode = entry?.type === "set" || wrapsSet === "true" ? "set" : "list";
    if (!entry?.isBlock) {
      out.attributes[key] = { type: [mode, objectType(inner)], ...flags };
    } else if (entry.type === "struct") {
      out.block_types[key] = { nesting_mode: "single", block: inner };
    } else {
      out.block_types[key] = { nesting_mode: mode, block: inner };
      if (!many) out.block_types[key].max_items = 1;
      if (flags.required) out.block_types[key].min_items = 1;
    }
  }

  addAttribute(out, key, flags, entry, code, values) {
    out.attributes[key] = { type: (entry && storageType(entry)) ?? accessorType(code), ...flags };
    if (values) out.attributes[key].enum = values;
  }

  top() {
    const found = Object.entries(this.classes).find(([, c]) => /^Terraform(Resource|DataSource|Provider)$/.test(c.parent));
    const [name, { parent, body }] = found;
    const split = body.indexOf("synthesizeHclAttributes");
    const hcl = hclEntries(body.slice(split));
    const type = body.match(/tfResourceType = "(\w+)"/)?.[1];
    if (parent !== "TerraformProvider") return { parent, type, block: this.block(body.slice(0, split), hcl, `${name}Config`) };
    const attributes = {};
    for (const [key, entry] of Object.entries(hcl)) {
      attributes[key] = { type: storageType(entry) ?? ["list", ["map", "string"]], optional: true };
    }
    return { parent, type, block: { attributes, block_types: {} } };
  }
}

const schema = { resource_schemas: {}, data_source_schemas: {} };
for (const name of [...names, "provider"]) {
  const source = sourceOf(name);
  schema.version ??= source.match(/providerVersion: '([\d.]+)'/)?.[1];
  const { parent, type, block } = new Reader(source).top();
  if (parent === "TerraformProvider") schema.provider = { block };
  else (parent === "TerraformResource" ? schema.resource_schemas : schema.data_source_schemas)[type] = { block };
}
fs.writeFileSync(output, JSON.stringify(schema, null, 1));

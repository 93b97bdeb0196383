// Packs a folder of built pages into one archive, gzipped file by file; src/console/pages.h describes it.
// Usage: node pack.mjs FOLDER ARCHIVE
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join, relative} from 'node:path';
import {gzipSync} from 'node:zlib';

const [folder, archive] = process.argv.slice(2);

function number(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const parts = [];
const files = readdirSync(folder, {recursive: true, withFileTypes: true}).filter(entry => entry.isFile());
for (const file of files.map(entry => join(entry.parentPath, entry.name)).sort()) {
  const path = Buffer.from(relative(folder, file));
  const packed = gzipSync(readFileSync(file), {level: 9});
  parts.push(number(path.length), number(packed.length), path, packed);
}
writeFileSync(archive, Buffer.concat(parts));

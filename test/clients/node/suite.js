'use strict';
// Judges the servers of PUBSUB_EMULATOR_HOST and JUDGED_BIGQUERY with Google's Node client and prints a JSON line a feature.

const {Session, UNIMPLEMENTED, add} = require('./session');
require('./resources');
require('./delivery');
require('./guarantees');
require('./schemas');
require('./warehouse');

const WORKERS = 8;
const SECONDS = 90;

async function judge(session, feature) {
  const line = {feature, client: 'node', result: 'ok', detail: ''};
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('did not end')), SECONDS * 1000);
  });
  try {
    await Promise.race([add.scenarios[feature](session), late]);
  } catch (error) {
    line.result = error.code === UNIMPLEMENTED ? 'unimplemented' : 'wrong';
    line.detail = String(error.message || error).replace(/\s+/g, ' ').slice(0, 300);
  }
  clearTimeout(timer);
  console.log(JSON.stringify(line));
}

async function main() {
  const wanted = process.argv.slice(2);
  const features = Object.keys(add.scenarios).filter(f => !wanted.length || wanted.includes(f));
  const session = new Session();
  const worker = async () => {
    for (let feature = features.shift(); feature; feature = features.shift()) await judge(session, feature);
  };
  await Promise.all(Array.from({length: WORKERS}, worker));
  await session.close();
}

// A stream that fails after its scenario ended must not end the others.
process.on('unhandledRejection', error => console.error('unhandled', error));
main().then(() => process.exit(0), error => {
  console.error(error);
  process.exit(1);
});

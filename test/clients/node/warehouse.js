'use strict';
// BigQuery's REST door, by @google-cloud/bigquery.

const fs = require('fs');
const os = require('os');
const path = require('path');
const {BigQuery} = require('@google-cloud/bigquery');
const {OAuth2Client} = require('google-auth-library');
const {add, equal, require_} = require('./session');

let count = 0;
let client;

function bigquery() {
  if (client) return client;
  // Without any credentials the client's own multipart upload fails before it sends a byte.
  const authClient = new OAuth2Client();
  authClient.setCredentials({access_token: 'nobody-asks-for-it', expiry_date: Date.now() + 3600 * 1000});
  client = new BigQuery({projectId: process.env.PUBSUB_PROJECT_ID, apiEndpoint: process.env.JUDGED_BIGQUERY, authClient});
  return client;
}

async function dataset() {
  const [made] = await bigquery().createDataset(`node_${process.pid}_${++count}`);
  return made;
}

async function rows(query, options = {}) {
  return (await bigquery().query({query, ...options}))[0];
}

/** The promise must fail with this HTTP status and one of Google's reasons. */
async function refusedFor(what, code, reason, promise) {
  let failure;
  try {
    await promise;
  } catch (error) {
    failure = error;
  }
  require_(failure, `${what}: accepted instead of ${code}`);
  const found = failure.errors && failure.errors[0] && failure.errors[0].reason;
  equal(what, [failure.code, found], [code, reason]);
}

add('bq-datasets', async () => {
  const made = await dataset();
  await made.setMetadata({description: 'of the suite', labels: {team: 'a'}});
  const [metadata] = await made.getMetadata();
  equal('metadata', [metadata.description, metadata.labels, metadata.location], ['of the suite', {team: 'a'}, 'US']);
  const [listed] = await bigquery().getDatasets({filter: 'labels.team:a'});
  require_(listed.some(d => d.id === made.id), 'getDatasets lacks it');
  await refusedFor('again', 409, 'duplicate', bigquery().createDataset(made.id));
  await made.delete();
  equal('exists after delete', (await made.exists())[0], false);
});

add('bq-tables', async () => {
  const set = await dataset();
  const schema = [{name: 'id', type: 'INTEGER', mode: 'REQUIRED'}, {name: 'day', type: 'DATE'},
    {name: 'tags', type: 'STRING', mode: 'REPEATED'},
    {name: 'point', type: 'RECORD', fields: [{name: 'x', type: 'FLOAT'}]}];
  const [table] = await set.createTable('events', {schema, timePartitioning: {type: 'DAY', field: 'day'},
    clustering: {fields: ['id']}, description: 'events'});
  const [metadata] = await table.getMetadata();
  equal('layout', [metadata.timePartitioning.field, metadata.clustering.fields, metadata.type],
    ['day', ['id'], 'TABLE']);
  equal('fields', metadata.schema.fields.map(f => `${f.name} ${f.type} ${f.mode}`),
    ['id INTEGER REQUIRED', 'day DATE NULLABLE', 'tags STRING REPEATED', 'point RECORD NULLABLE']);
  metadata.schema.fields.push({name: 'more', type: 'STRING'});
  const [changed] = await table.setMetadata({schema: metadata.schema, description: 'changed'});
  equal('after setMetadata', [changed.description, changed.schema.fields.length], ['changed', 5]);
  const view = set.table('v');
  await set.createTable('v', {view: `SELECT id FROM \`${set.id}.events\``});
  equal('the view', (await view.getMetadata())[0].type, 'VIEW');
  equal('getTables', (await set.getTables())[0].map(t => t.id).sort(), ['events', 'v']);
  await view.delete();
  await refusedFor('a dataset with tables', 400, 'resourceInUse', set.delete());
  await set.delete({force: true});
  equal('exists after delete', (await table.exists())[0], false);
});

add('bq-insert', async () => {
  const set = await dataset();
  const [table] = await set.createTable('t', {schema: 'id:integer, name:string'});
  const raw = (id, json) => ({insertId: id, json});
  await table.insert([raw('a', {id: 1, name: 'x'}), raw('b', {id: 2})], {raw: true});
  await table.insert([raw('b', {id: 2}), raw('c', {id: 3})], {raw: true});
  await table.insert({id: 4, name: 'made id'});
  equal('rows', (await rows(`SELECT id FROM ${set.id}.t ORDER BY id`)).map(r => r.id), [1, 2, 3, 4]);
  let failure;
  await table.insert([{id: 5}, {id: 'no'}], {partialRetries: 0}).catch(error => (failure = error));
  require_(failure && failure.name === 'PartialFailureError', `a bad row: ${failure}`);
  require_(failure.errors.some(e => e.errors[0].reason === 'invalid'), 'a bad row has no reason invalid');
  equal('rows after a bad one', (await rows(`SELECT COUNT(*) AS n FROM ${set.id}.t`))[0].n, 4);
});

function file(name, text) {
  const written = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'suite-')), name);
  fs.writeFileSync(written, text);
  return written;
}

add('bq-load', async () => {
  const set = await dataset();
  const table = set.table('loaded');
  const load = async (source, metadata) => {
    const [job] = await table.load(source, {...metadata});
    return Number(job.statistics.load.outputRows);
  };
  const parquet = {sourceFormat: 'PARQUET'};
  equal('Parquet', await load(process.env.JUDGED_PARQUET, parquet), 2);
  const json = file('rows.json', '{"id": 3, "name": "c"}\n{"id": 4}\n');
  equal('NDJSON', await load(json, {sourceFormat: 'NEWLINE_DELIMITED_JSON'}), 2);
  const csv = file('rows.csv', 'id,name\n5,"e, f"\n');
  equal('CSV', await load(csv, {sourceFormat: 'CSV', skipLeadingRows: 1}), 1);
  const more = file('more.json', '{"id": 6, "extra": true}\n');
  await load(more, {sourceFormat: 'NEWLINE_DELIMITED_JSON', autodetect: true, schemaUpdateOptions: ['ALLOW_FIELD_ADDITION']});
  equal('rows', await rows(`SELECT id, name, extra FROM ${set.id}.loaded ORDER BY id`), [
    {id: 1, name: 'a', extra: null}, {id: 2, name: null, extra: null}, {id: 3, name: 'c', extra: null},
    {id: 4, name: null, extra: null}, {id: 5, name: 'e, f', extra: null}, {id: 6, name: null, extra: true}]);
  const broken = file('broken.json', '{"id": 7}\n{"id": "seven"}\n');
  let failure;
  await table.load(broken, {sourceFormat: 'NEWLINE_DELIMITED_JSON'}).catch(error => (failure = error));
  require_(failure && failure.errors[0].reason === 'invalid', `a broken file: ${failure && failure.message}`);
  for (const one of [json, csv, more, broken]) fs.rmSync(path.dirname(one), {recursive: true});
});

add('bq-types', async () => {
  const [row] = await rows(`SELECT 1 AS i, 1.5 AS f, TRUE AS b, 'é"' AS s, b'\\x00\\xff' AS y, NUMERIC '1.25' AS n,
    BIGNUMERIC '1e-30' AS bn, DATE '2024-02-29' AS d, TIME '12:34:56.789' AS t, DATETIME '2024-02-29T01:02:03' AS dt,
    TIMESTAMP '2024-02-29 01:02:03.456789+00' AS ts, JSON '{"a":[1]}' AS j, CAST(NULL AS STRING) AS z, [1, 2] AS a,
    STRUCT(1 AS x, ['p'] AS y) AS st, INTERVAL '1-2 3 4:5:6' YEAR TO SECOND AS iv,
    RANGE(DATE '2024-01-01', NULL) AS r`);
  equal('row', [row.i, row.f, row.b, row.s, [...row.y], row.n.toString(), row.bn.toString(), row.d.value, row.t.value,
    row.dt.value, row.ts.value, row.j, row.z, row.a, row.st, row.iv, row.r.start.value, row.r.end],
  [1, 1.5, true, 'é"', [0, 255], '1.25', '1e-30', '2024-02-29', '12:34:56.789000', '2024-02-29T01:02:03',
    '2024-02-29T01:02:03.456789000Z', '{"a":[1]}', null, [1, 2], {x: 1, y: ['p']}, '1-2 3 4:5:6', '2024-01-01', null]);
});

add('bq-parameters', async () => {
  const [named] = await rows('SELECT @i AS i, @t AS t, @n AS n, @a AS a, @s.p AS p, @s.q AS q', {
    params: {i: 7, t: bigquery().timestamp('2024-01-01T00:00:00Z'), n: null, a: ['x', "y'; DROP"], s: {p: 1, q: [0.5]}},
    types: {n: 'STRING'}});
  equal('named', [named.i, named.t.value, named.n, named.a, named.p, named.q],
    [7, '2024-01-01T00:00:00.000Z', null, ['x', "y'; DROP"], 1, [0.5]]);
  const [positional] = await rows("SELECT ? AS a, '?' AS b, ? AS c", {params: ['?', 2]});
  equal('positional', positional, {a: '?', b: '?', c: 2});
  const [empty] = await rows('SELECT ARRAY_LENGTH(@a) AS n', {params: {a: []}, types: {a: ['INT64']}});
  equal('an empty array', empty, {n: 0});
});

add('bq-paging', async () => {
  const query = 'SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n ORDER BY n';
  const [job] = await bigquery().createQueryJob(query);
  let seen = 0;
  let pages = 0;
  let options = {maxResults: 7000, autoPaginate: false};
  while (options) {
    const [page, next] = await job.getQueryResults(options);
    page.forEach(row => require_(row.n === ++seen, `row ${seen} is ${row.n}`));
    ++pages;
    options = next;
  }
  equal('rows and pages', [seen, pages], [25000, 4]);
  const set = await dataset();
  await rows(`CREATE TABLE ${set.id}.t AS ${query}`);
  const [listed] = await set.table('t').getRows();
  equal('getRows', listed.length, 25000);
});

add('bq-jobs', async () => {
  const set = await dataset();
  await rows(`CREATE TABLE ${set.id}.t AS SELECT 1 AS id, 'abc' AS name`);
  const [dry] = await bigquery().createQueryJob({query: `SELECT id FROM ${set.id}.t`, dryRun: true});
  require_(Number(dry.metadata.statistics.totalBytesProcessed) > 0, 'a dry run says no bytes');
  const [job] = await bigquery().createQueryJob({query: 'SELECT 1', labels: {of: 'suite'}});
  await job.getQueryResults();
  const [metadata] = await job.getMetadata();
  equal('job', [metadata.status.state, metadata.configuration.labels, metadata.statistics.query.statementType],
    ['DONE', {of: 'suite'}, 'SELECT']);
  const [listed] = await bigquery().getJobs({maxResults: 1000});
  require_(listed.some(j => j.id === job.id), 'getJobs lacks it');
  const slow = 'SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, UNNEST(GENERATE_ARRAY(1, 1000000)) b WHERE MOD(a * b, 7) = 1';
  const [long] = await bigquery().createQueryJob(slow);
  await long.cancel();
  let failure;
  await long.getQueryResults().catch(error => (failure = error));
  require_(failure, 'a cancelled job gave rows');
  equal('reason of a cancelled job', failure.errors[0].reason, 'stopped');
  const [copied] = await set.table('t').copy(set.table('copied'));
  equal('copy', [copied.status.state, (await rows(`SELECT * FROM ${set.id}.copied`))[0]], ['DONE', {id: 1, name: 'abc'}]);
});

add('bq-errors', async () => {
  const set = await dataset();
  await refusedFor('a syntax error', 400, 'invalidQuery', rows('SELEC 1'));
  await refusedFor('no such table', 404, 'notFound', rows(`SELECT * FROM ${set.id}.nothing`));
  await refusedFor('no such table', 404, 'notFound', set.table('nothing').getMetadata());
  await refusedFor('legacy SQL', 501, 'notImplemented', rows('SELECT 1', {useLegacySql: true}));
  const [job] = await bigquery().createQueryJob("SELECT ERROR('mine')");
  let failure;
  await job.getQueryResults().catch(error => (failure = error));
  require_(failure && failure.message.includes('mine'), `ERROR(): ${failure && failure.message}`);
});

add('bq-routines', async () => {
  const set = await dataset();
  const int64 = {typeKind: 'INT64'};
  const [made] = await set.createRoutine('twice', {arguments: [{name: 'x', dataType: int64}],
    definitionBody: 'x * 2', routineType: 'SCALAR_FUNCTION', language: 'SQL', returnType: int64});
  const [script] = await set.createRoutine('shout', {arguments: [{name: 's', dataType: {typeKind: 'STRING'}}],
    definitionBody: 'return s.toUpperCase() + "\\"!";', routineType: 'SCALAR_FUNCTION', language: 'JAVASCRIPT',
    returnType: {typeKind: 'STRING'}});
  equal('called', await rows(`SELECT ${set.id}.twice(4) AS n, ${set.id}.shout('a') AS s`), [{n: 8, s: 'A"!'}]);
  const [metadata] = await made.getMetadata();
  equal('metadata', [metadata.definitionBody, metadata.returnType, metadata.arguments[0].name],
    ['x * 2', int64, 'x']);
  await rows(`CREATE FUNCTION ${set.id}.seen(a ARRAY<STRUCT<n INT64>>, b ANY TYPE) AS (ARRAY_LENGTH(a))`);
  const [seen] = await set.routine('seen').getMetadata();
  equal('CREATE FUNCTION', [seen.definitionBody, seen.arguments[0].dataType, seen.arguments[1].argumentKind],
    ['ARRAY_LENGTH(a)', {typeKind: 'ARRAY', arrayElementType: {typeKind: 'STRUCT',
      structType: {fields: [{name: 'n', type: int64}]}}}, 'ANY_TYPE']);
  equal('getRoutines', (await set.getRoutines())[0].map(r => r.id).sort(), ['seen', 'shout', 'twice']);
  await made.setMetadata({definitionBody: 'x * 3'});
  equal('after update', await rows(`SELECT ${set.id}.twice(4) AS n`), [{n: 12}]);
  await refusedFor('again', 409, 'duplicate', set.createRoutine('twice', metadata));
  await refusedFor('two statements', 400, 'invalidQuery', set.createRoutine('bad', {routineType: 'SCALAR_FUNCTION',
    definitionBody: `1); DROP SCHEMA ${set.id}; SELECT (1`}));
  await script.delete();
  await refusedFor('deleted', 404, 'notFound', script.getMetadata());
});

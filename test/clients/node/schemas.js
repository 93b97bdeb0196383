'use strict';
const {Encodings, SchemaTypes} = require('@google-cloud/pubsub');
const {QUICK, add, equal, project, refused, require_, texts} = require('./session');

const field = (name, type, rest) => ({name, type, ...rest});
const record = (...fields) => JSON.stringify({type: 'record', name: 'State', fields});
const AVRO = record(field('name', 'string'), field('id', 'int'));
const AVRO_MORE = record(field('name', 'string'), field('id', 'int'), field('note', 'string', {default: ''}));
const PROTO = 'syntax = "proto3"; message State { string name = 1; int32 id = 2; }';
const SCRIPT = `function upper(message, metadata) {
  if (message.attributes.drop) return null;
  return {data: message.data.toUpperCase(), attributes: message.attributes};
}`;

async function make(s, type, definition) {
  const schemaId = s.name('schemas').split('/').pop();
  return (await s.schemas.createSchema({parent: project, schemaId, schema: {type, definition}}, QUICK))[0];
}

add('schema-admin', async s => {
  const id = s.name('schemas').split('/').pop();
  const schema = await s.pubsub.createSchema(id, SchemaTypes.Avro, AVRO);
  const stored = await schema.get('FULL');
  equal('definition', stored.definition, AVRO);
  require_(stored.revisionId, 'no revision id');
  let found = false;
  for await (const one of s.pubsub.listSchemas()) found = found || one.name === stored.name;
  require_(found, 'listSchemas lacks it');
  await refused('a wrong definition', 'INVALID_ARGUMENT', make(s, 'AVRO', '{"type": "nonsense"}'));
  await s.pubsub.validateSchema({type: SchemaTypes.ProtocolBuffer, definition: PROTO});
  // This client takes the bytes as base64.
  const base64 = text => Buffer.from(text).toString('base64');
  await schema.validateMessage(base64('{"name": "Alaska", "id": 1}'), Encodings.Json);
  await refused('validateMessage of a wrong one', 'INVALID_ARGUMENT',
    schema.validateMessage(base64('{"name": 1}'), Encodings.Json));
  await schema.delete();
  await refused('after delete', 'NOT_FOUND', schema.get('FULL'));
});

function validated(type, definition, encoding, good, bad) {
  return async s => {
    const schema = await make(s, type, definition);
    const topic = await s.topic({schemaSettings: {schema: schema.name, encoding}});
    const subscription = await s.subscription(topic);
    await s.pubsub.topic(topic).publishMessage({data: Buffer.from(good, 'latin1')});
    const {data, attributes} = (await s.take(subscription, 1))[0].message;
    equal('data', data.toString('latin1'), good);
    equal('the schema of the message', [attributes.googclient_schemaencoding, attributes.googclient_schemarevisionid],
      [encoding, schema.revisionId]);
    await refused('a message that does not fit', 'INVALID_ARGUMENT',
      s.post(topic, [{data: Buffer.from(good, 'latin1')}, {data: Buffer.from(bad, 'latin1')}]));
    await s.none(subscription, 'part of a refused request was stored');
  };
}

add('schema-avro-json', validated('AVRO', AVRO, 'JSON', '{"name": "Alaska", "id": 1}', '{"name": "A"}'));
add('schema-avro-binary', validated('AVRO', AVRO, 'BINARY', '\x0cAlaska\x02', '\x0cAla'));
add('schema-proto-json', validated('PROTOCOL_BUFFER', PROTO, 'JSON', '{"name": "A", "id": 1}', '{"x": 1}'));
add('schema-proto-binary', validated('PROTOCOL_BUFFER', PROTO, 'BINARY', '\x0a\x06Alaska\x10\x01', '\xff\xff'));

add('schema-revisions', async s => {
  const first = await make(s, 'AVRO', AVRO);
  const name = first.name;
  const [second] = await s.schemas.commitSchema({name, schema: {name, type: 'AVRO', definition: AVRO_MORE}}, QUICK);
  require_(second.revisionId !== first.revisionId, "the second revision has the first's id");
  const revisions = async () =>
    (await s.schemas.listSchemaRevisions({name}, QUICK))[0].map(x => x.revisionId).sort();
  equal('revisions', await revisions(), [first.revisionId, second.revisionId].sort());
  const [third] = await s.schemas.rollbackSchema({name, revisionId: first.revisionId}, QUICK);
  const [latest] = await s.schemas.getSchema({name, view: 'FULL'}, QUICK);
  equal('after the rollback', [latest.revisionId, latest.definition], [third.revisionId, AVRO]);
  await s.schemas.deleteSchemaRevision({name: `${name}@${second.revisionId}`}, QUICK);
  equal('after deleting the second', await revisions(), [first.revisionId, third.revisionId].sort());
});

const messageTransforms = [{javascriptUdf: {functionName: 'upper', code: SCRIPT}}];
const TWO = [{data: Buffer.from('hello')}, {data: Buffer.from('gone'), attributes: {drop: '1'}}];

add('transform-topic', async s => {
  const topic = await s.topic({messageTransforms});
  const subscription = await s.subscription(topic);
  await s.post(topic, TWO);
  equal('the messages', texts(await s.take(subscription, 1)), ['HELLO']);
  await s.none(subscription, 'a dropped message arrived');
});

add('transform-subscription', async s => {
  const [topic, plain] = await s.pair();
  const changed = await s.subscription(topic, {messageTransforms});
  await s.post(topic, TWO);
  equal('without a transform', texts(await s.take(plain, 2)), ['gone', 'hello']);
  equal('with it', texts(await s.take(changed, 1)), ['HELLO']);
  await s.none(changed, 'a dropped message arrived');
});

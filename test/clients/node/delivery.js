'use strict';
const {add, equal, refused, require_, sleep, texts} = require('./session');

const ORDERED = {enableMessageOrdering: true};

add('publish', async s => {
  const [topic, subscription] = await s.pair(ORDERED);
  const attributes = {a: '1', 'ü': 'größe', empty: ''};
  const publisher = s.pubsub.topic(topic, {messageOrdering: true});
  const id = await publisher.publishMessage({data: Buffer.from([0, 1, 255]), attributes, orderingKey: 'k'});
  const [{message}] = await s.take(subscription, 1);
  equal('data', [...message.data], [0, 1, 255]);
  equal('attributes', Object.entries(message.attributes).sort(), Object.entries(attributes).sort());
  equal('ordering key and id', [message.orderingKey, message.messageId], ['k', id]);
  const age = Date.now() / 1000 - Number(message.publishTime.seconds);
  require_(age > -5 && age < 60, `publish time is ${age} s old`);
});

add('batching', async s => {
  const [topic, subscription] = await s.pair();
  const publisher = s.pubsub.topic(topic, {batching: {maxMessages: 50, maxMilliseconds: 50}});
  const sent = await Promise.all(Array.from({length: 300}, async (_, n) =>
    [await publisher.publishMessage({data: Buffer.from(String(n))}), String(n)]));
  const received = (await s.take(subscription, 300)).map(r => [r.message.messageId, r.message.data.toString()]);
  equal('the messages', received.sort(), sent.sort());
});

add('publish-limits', async s => {
  const [topic, subscription] = await s.pair();
  const many = Object.fromEntries(Array.from({length: 101}, (_, n) => [`k${n}`, 'v']));
  const cases = {
    'an empty message': {},
    '101 attributes': {attributes: many},
    'a key of 257 bytes': {attributes: {['k'.repeat(257)]: 'v'}},
    'a value of 1025 bytes': {attributes: {k: 'v'.repeat(1025)}},
    'an ordering key of 1025 bytes': {data: Buffer.from('x'), orderingKey: 'k'.repeat(1025)},
  };
  for (const [what, message] of Object.entries(cases)) {
    await refused(what, 'INVALID_ARGUMENT', s.post(topic, [{data: Buffer.from('good')}, message]));
  }
  await s.none(subscription, 'something of a refused request was stored');
});

add('publish-10mb', async s => {
  const [topic, subscription] = await s.pair();
  const big = Buffer.alloc(9900000, '0123456789abcdef');
  await s.post(topic, [{data: big}], 60000);
  const received = await s.pull(subscription, 1, 30);
  require_(received.length === 1 && big.equals(received[0].message.data), 'it did not arrive as it was sent');
  await refused('11 MB', 'INVALID_ARGUMENT', s.post(topic, [{data: Buffer.alloc(11000000)}], 30000));
});

add('pull', async s => {
  const [topic, subscription] = await s.pair();
  await s.put(topic, 'a', 'b', 'c');
  const received = await s.take(subscription, 3);
  equal('messages', texts(received), ['a', 'b', 'c']);
  await s.ack(subscription, received);
  await s.none(subscription, 'an acknowledged message came back');
});

add('streaming-pull', async s => {
  const [topic, subscription] = await s.pair();
  await s.put(topic, ...Array.from({length: 500}, (_, n) => String(n)));
  const seen = new Set();
  const arrived = await s.receive(subscription, 20, message => {
    seen.add(message.id);
    message.ack();
    return seen.size === 500;
  });
  require_(arrived, `${seen.size} of 500 messages arrived`);
  await s.none(subscription, 'an acknowledged message came back');
});

add('flow-control', async s => {
  const [topic, subscription] = await s.pair();
  await s.put(topic, ...Array.from({length: 30}, (_, n) => String(n)));
  const stream = s.subscriber.streamingPull();
  const received = [];
  stream.on('data', answer => received.push(...answer.receivedMessages));
  stream.on('error', () => {});
  stream.write({subscription, streamAckDeadlineSeconds: 60, maxOutstandingMessages: 5});
  await sleep(2000);
  const first = received.length;
  stream.write({ackIds: received.slice(0, 2).map(r => r.ackId)});
  await sleep(2000);
  stream.cancel();
  equal('messages with max_outstanding_messages=5', first, 5);
  equal('messages after two acknowledgements', received.length, 7);
});

add('lease-extension', async s => {
  const [topic, subscription] = await s.pair({ackDeadlineSeconds: 10});
  await s.put(topic, 'slow');
  let deliveries = 0;
  await s.receive(subscription, 25, async message => {
    deliveries++;
    await sleep(13000);
    message.ack();
    return true;
  });
  equal('deliveries to a callback of 13 s with a deadline of 10 s', deliveries, 1);
  await s.none(subscription, 'an acknowledged message came back');
});

add('nack', async s => {
  const [topic, subscription] = await s.pair();
  await s.put(topic, 'three times');
  let tries = 0;
  await s.receive(subscription, 15, message => {
    tries++;
    if (tries < 3) {
      message.nack();
      return false;
    }
    message.ack();
    return true;
  });
  equal('deliveries', tries, 3);
});

add('redelivery', async s => {
  const [topic, subscription] = await s.pair({ackDeadlineSeconds: 10});
  await s.put(topic, 'again');
  const [first] = await s.take(subscription, 1);
  await s.none(subscription, 'redelivered before its deadline', 8);
  const [second] = await s.take(subscription, 1);
  equal('the message', second.message.messageId, first.message.messageId);
});

add('ordering', async s => {
  const [topic, subscription] = await s.pair(ORDERED);
  const publisher = s.pubsub.topic(topic, {messageOrdering: true});
  await Promise.all(Array.from({length: 150}, (_, n) =>
    publisher.publishMessage({data: Buffer.from(String(n)), orderingKey: `k${n % 3}`})));
  const seen = {};
  let total = 0;
  const arrived = await s.receive(subscription, 20, message => {
    (seen[message.orderingKey] = seen[message.orderingKey] || []).push(Number(message.data));
    message.ack();
    return ++total === 150;
  });
  require_(arrived, `${total} of 150 messages arrived`);
  for (const [key, numbers] of Object.entries(seen)) {
    equal(`order of ${key}`, numbers, [...numbers].sort((a, b) => a - b));
  }
});

add('ordering-nack', async s => {
  const [topic, subscription] = await s.pair(ORDERED);
  await s.post(topic, Array.from({length: 5}, (_, n) => ({data: Buffer.from(String(n)), orderingKey: 'k'})));
  const seen = [];
  let nacked = false;
  const arrived = await s.receive(subscription, 20, message => {
    const number = Number(message.data);
    if (number === 1 && !nacked) {
      nacked = true;
      message.nack();
      return false;
    }
    seen.push(number);
    message.ack();
    return number === 4 && seen.includes(1);
  });
  require_(arrived, `the key stopped: ${seen}`);
  equal('after the nack of 1, in order', seen.slice(seen.indexOf(1)), [1, 2, 3, 4]);
});

add('delivery-attempt', async s => {
  const topic = await s.topic();
  const deadLetterPolicy = {deadLetterTopic: await s.topic(), maxDeliveryAttempts: 10};
  const subscription = await s.subscription(topic, {deadLetterPolicy});
  await s.put(topic, 'x');
  const attempts = [];
  await s.receive(subscription, 15, message => {
    attempts.push(message.deliveryAttempt);
    if (attempts.length === 4) {
      message.ack();
      return true;
    }
    message.nack();
    return false;
  });
  equal('attempts', attempts, [1, 2, 3, 4]);
});

add('dead-letter', async s => {
  const [topic, deadLetterTopic] = [await s.topic(), await s.topic()];
  const letters = await s.subscription(deadLetterTopic);
  const subscription = await s.subscription(topic, {deadLetterPolicy: {deadLetterTopic, maxDeliveryAttempts: 5}});
  await s.post(topic, [{data: Buffer.from('poison'), attributes: {own: 'kept'}}]);
  let tries = 0;
  await s.receive(subscription, 8, message => {
    tries++;
    message.nack();
  });
  equal('deliveries', tries, 5);
  const {data, attributes} = (await s.take(letters, 1))[0].message;
  equal('data and own attribute', [data.toString(), attributes.own], ['poison', 'kept']);
  equal('delivery count', attributes.CloudPubSubDeadLetterSourceDeliveryCount, '5');
  equal('source', attributes.CloudPubSubDeadLetterSourceSubscription, subscription.split('/').pop());
});

add('filter', async s => {
  const topic = await s.topic();
  const same = await s.subscription(topic, {filter: 'attributes.kind = "a"'});
  const prefix = await s.subscription(topic, {filter: 'hasPrefix(attributes.kind, "b") AND NOT attributes:extra'});
  await s.post(topic, ['a', 'b-1', 'c'].map(kind => ({data: Buffer.from(kind), attributes: {kind}})));
  equal('equality', texts(await s.take(same, 1)), ['a']);
  equal('prefix and not', texts(await s.take(prefix, 1)), ['b-1']);
  await s.none(same, 'more than the filter asks for');
  await refused('a wrong filter', 'INVALID_ARGUMENT', s.subscription(topic, {filter: 'attributes.kind = = "a"'}));
});


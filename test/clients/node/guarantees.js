'use strict';
const {QUICK, add, equal, refused, require_, texts} = require('./session');

const EXACTLY_ONCE = {enableExactlyOnceDelivery: true};

add('exactly-once', async s => {
  const [topic, subscription] = await s.pair(EXACTLY_ONCE);
  await s.put(topic, ...'abcdefghijklmnopqrst');
  const answers = [];
  const arrived = await s.receive(subscription, 20, async message => {
    answers.push(await message.ackWithResponse());
    return answers.length === 20;
  });
  require_(arrived, `${answers.length} of 20 acknowledgements were confirmed`);
  equal('the acknowledgements', [...new Set(answers)], ['SUCCESS']);
  await s.none(subscription, 'an acknowledged message came back');
});

add('exactly-once-expired', async s => {
  const [topic, subscription] = await s.pair({...EXACTLY_ONCE, ackDeadlineSeconds: 10});
  await s.put(topic, 'late');
  const late = await s.take(subscription, 1);
  await s.none(subscription, 'given out while it is leased', 8);
  const again = await s.take(subscription, 1);
  await refused('acknowledging with the expired id', 'INVALID_ARGUMENT', s.ack(subscription, late));
  await s.ack(subscription, again);
  await s.none(subscription, 'came back after the right acknowledgement');
  await s.put(topic, 'expired on the stream');
  let answer;
  await s.receive(subscription, 20, async message => {
    if (answer) return true;
    await s.extend(subscription, [message], 0);
    answer = await message.ackWithResponse().catch(error => error.errorCode || error);
    return true;
  });
  equal('ackWithResponse after the lease ended', answer, 'INVALID');
});

add('seek-time', async s => {
  const [topic, subscription] = await s.pair({retainAckedMessages: true});
  await s.put(topic, 'one', 'two');
  await s.ack(subscription, await s.take(subscription, 2));
  await s.pubsub.subscription(subscription).seek(new Date(Date.now() - 600000));
  equal('after a seek back', texts(await s.take(subscription, 2)), ['one', 'two']);
  await s.pubsub.subscription(subscription).seek(new Date(Date.now() + 60000));
  await s.none(subscription, 'a seek forward left messages');
});

add('seek-snapshot', async s => {
  const [topic, subscription] = await s.pair();
  await s.put(topic, 'left');
  const name = s.name('snapshots');
  await s.pubsub.subscription(subscription).createSnapshot(name);
  await s.put(topic, 'after');
  await s.ack(subscription, await s.take(subscription, 2));
  await s.pubsub.subscription(subscription).snapshot(name).seek();
  equal('after the seek', texts(await s.take(subscription, 2)), ['after', 'left']);
  const [, stranger] = await s.pair();
  await refused('a subscription of another topic', ['INVALID_ARGUMENT', 'FAILED_PRECONDITION'],
    s.subscriber.seek({subscription: stranger, snapshot: name}, QUICK));
});

add('snapshots', async s => {
  const [topic, subscription] = await s.pair();
  const name = s.name('snapshots');
  await s.subscriber.createSnapshot({name, subscription}, QUICK);
  const [stored] = await s.subscriber.getSnapshot({snapshot: name}, QUICK);
  equal('its topic', stored.topic, topic);
  const days = (Number(stored.expireTime.seconds) - Date.now() / 1000) / 86400;
  require_(days > 6.9 && days < 7.1, `it expires in ${days} days, not in seven`);
  const [listed] = await s.pubsub.getSnapshots();
  require_(listed.some(x => x.name === name), 'getSnapshots lacks it');
  equal('ListTopicSnapshots', (await s.publisher.listTopicSnapshots({topic}, QUICK))[0], [name]);
  const [changed] = await s.subscriber.updateSnapshot(
    {snapshot: {name, labels: {c: 'd'}}, updateMask: {paths: ['labels']}}, QUICK);
  equal('updated labels', changed.labels, {c: 'd'});
  await s.pubsub.snapshot(name).delete();
  await refused('after delete', 'NOT_FOUND', s.subscriber.getSnapshot({snapshot: name}, QUICK));
});

'use strict';
const {QUICK, add, equal, project, refused, require_} = require('./session');

add('topics', async s => {
  const [topic, subscription] = await s.pair();
  equal('the topic', (await s.publisher.getTopic({topic}, QUICK))[0].name, topic);
  const [listed] = await s.pubsub.getTopics();
  require_(listed.some(t => t.name === topic), 'getTopics lacks it');
  equal('ListTopicSubscriptions', (await s.publisher.listTopicSubscriptions({topic}, QUICK))[0], [subscription]);
  await s.pubsub.topic(topic).delete();
  equal('exists after delete', (await s.pubsub.topic(topic).exists())[0], false);
  const [orphan] = await s.subscriber.getSubscription({subscription}, QUICK);
  equal('topic of the subscription left behind', orphan.topic, '_deleted-topic_');
});

add('topic-update', async s => {
  const name = await s.topic();
  const update = (change, ...paths) => s.publisher.updateTopic({topic: {name, ...change}, updateMask: {paths}}, QUICK);
  const [changed] = await update({labels: {a: 'b'}, messageRetentionDuration: {seconds: 3600}}, 'labels');
  equal('labels', changed.labels, {a: 'b'});
  equal('a field outside the mask', changed.messageRetentionDuration, null);
  const [kept] = await update({messageRetentionDuration: {seconds: 3600}}, 'message_retention_duration');
  equal('retention', Number(kept.messageRetentionDuration.seconds), 3600);
  await refused('an empty mask', 'INVALID_ARGUMENT', update({}));
});

add('subscriptions', async s => {
  const topic = await s.topic();
  const name = await s.subscription(topic, {ackDeadlineSeconds: 25, enableMessageOrdering: true,
    retainAckedMessages: true, messageRetentionDuration: {seconds: 1200}});
  const [stored] = await s.pubsub.subscription(name).getMetadata();
  equal('settings', [stored.topic, stored.ackDeadlineSeconds, stored.enableMessageOrdering, stored.retainAckedMessages,
    Number(stored.messageRetentionDuration.seconds)], [topic, 25, true, true, 1200]);
  const [listed] = await s.pubsub.getSubscriptions();
  require_(listed.some(x => x.name === name), 'getSubscriptions lacks it');
  await s.pubsub.subscription(name).delete();
  equal('exists after delete', (await s.pubsub.subscription(name).exists())[0], false);
});

add('subscription-update', async s => {
  const [, name] = await s.pair();
  const update = (change, ...paths) =>
    s.subscriber.updateSubscription({subscription: {name, ...change}, updateMask: {paths}}, QUICK);
  const retryPolicy = {minimumBackoff: {seconds: 1}, maximumBackoff: {seconds: 9}};
  const [changed] = await update({ackDeadlineSeconds: 40, labels: {not: 'masked'}, retryPolicy},
    'ack_deadline_seconds', 'retry_policy');
  equal('changes', [changed.ackDeadlineSeconds, Number(changed.retryPolicy.maximumBackoff.seconds), changed.labels],
    [40, 9, {}]);
  await refused('changing the ordering', 'INVALID_ARGUMENT', update({enableMessageOrdering: true},
    'enable_message_ordering'));
});

add('labels', async s => {
  const labels = {team: 'data', empty: ''};
  const topic = await s.topic({labels});
  equal("topic's labels", (await s.pubsub.topic(topic).getMetadata())[0].labels, labels);
  const name = await s.subscription(topic, {labels});
  equal("subscription's labels", (await s.pubsub.subscription(name).getMetadata())[0].labels, labels);
});

add('paging', async s => {
  const topic = await s.topic();
  const made = [];
  for (let n = 0; n < 5; n++) made.push(await s.subscription(topic));
  const names = [];
  let pageToken = '';
  do {
    const [page, , answer] = await s.publisher.listTopicSubscriptions({topic, pageSize: 2, pageToken},
      {...QUICK, autoPaginate: false});
    require_(page.length <= 2, `a page of ${page.length} where 2 were asked for`);
    names.push(...page);
    pageToken = answer.nextPageToken;
  } while (pageToken && names.length < 20);
  equal('the pages together', names.sort(), made.sort());
});

add('error-codes', async s => {
  const [topic, subscription] = await s.pair();
  await refused('a topic twice', 'ALREADY_EXISTS', s.publisher.createTopic({name: topic}, QUICK));
  await refused('publish to no topic', 'NOT_FOUND', s.put(`${project}/topics/missing`, 'x'));
  await refused('subscription of no topic', 'NOT_FOUND', s.subscription(`${project}/topics/missing`));
  for (const bad of ['goog-reserved', 'ab', '1digit', 'x'.repeat(256)]) {
    await refused(`a topic named ${bad.slice(0, 10)}`, 'INVALID_ARGUMENT',
      s.publisher.createTopic({name: `${project}/topics/${bad}`}, QUICK));
  }
  await refused('max_messages 0', 'INVALID_ARGUMENT', s.subscriber.pull({subscription, maxMessages: 0}, QUICK));
  await refused('pull from no subscription', 'NOT_FOUND',
    s.subscriber.pull({subscription: `${project}/subscriptions/missing`, maxMessages: 1}, QUICK));
});

add('detach', async s => {
  const [topic, subscription] = await s.pair();
  await s.pubsub.detachSubscription(subscription);
  equal('detached', (await s.pubsub.subscription(subscription).detached())[0], true);
  await refused('pull from it', 'FAILED_PRECONDITION', s.subscriber.pull({subscription, maxMessages: 1}, QUICK));
  equal("the topic's subscriptions", (await s.publisher.listTopicSubscriptions({topic}, QUICK))[0], []);
});

add('iam', async s => {
  const topic = s.pubsub.topic(await s.topic());
  const [policy] = await topic.iam.getPolicy();
  policy.bindings = [{role: 'roles/pubsub.viewer', members: ['user:a@example.com']}];
  await topic.iam.setPolicy(policy);
  const [stored] = await topic.iam.getPolicy();
  equal('bindings', stored.bindings.map(b => [b.role, b.members]), [['roles/pubsub.viewer', ['user:a@example.com']]]);
  await topic.iam.testPermissions(['pubsub.topics.publish']);
});

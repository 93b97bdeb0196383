'use strict';
// The clients of one server and the waits that the scenarios share.

const {PubSub, v1} = require('@google-cloud/pubsub');
const {credentials} = require('@grpc/grpc-js');

const UNIMPLEMENTED = 12;
const DEADLINE_EXCEEDED = 4;
const CODES = {INVALID_ARGUMENT: 3, NOT_FOUND: 5, ALREADY_EXISTS: 6, FAILED_PRECONDITION: 9};
const project = `projects/${process.env.PUBSUB_PROJECT_ID}`;

class Wrong extends Error {}

function require_(condition, what) {
  if (!condition) throw new Wrong(what);
}

/** JSON with the keys of plain objects sorted. */
function canonical(value) {
  return JSON.stringify(value, (_, inner) => inner && inner.constructor === Object
    ? Object.fromEntries(Object.entries(inner).sort()) : inner);
}

function equal(what, actual, expected) {
  const [a, e] = [canonical(actual), canonical(expected)];
  require_(a === e, `${what}: ${String(a).slice(0, 150)} instead of ${String(e).slice(0, 150)}`);
}

/** The promise must fail with one of these codes, given by name. */
async function refused(what, codes, promise) {
  let failure;
  try {
    await promise;
  } catch (error) {
    failure = error;
  }
  require_(failure, `${what}: accepted instead of ${codes}`);
  if (failure.code === UNIMPLEMENTED) throw failure;
  const expected = [].concat(codes).map(name => CODES[name]);
  require_(expected.includes(failure.code), `${what}: ${failure.code} instead of ${codes} (${failure.message})`);
}

const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

/** Resolves to whether `promise` did within the time. */
async function within(seconds, promise) {
  let timer;
  const late = new Promise(resolve => (timer = setTimeout(() => resolve(false), seconds * 1000)));
  const answer = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return answer;
}

const QUICK = {timeout: 15000, retry: null};
let count = 0;

class Session {
  constructor() {
    this.pubsub = new PubSub();
    const [host, port] = process.env.PUBSUB_EMULATOR_HOST.split(/:(?=\d+$)/);
    const options = {servicePath: host, port: Number(port), sslCreds: credentials.createInsecure(),
      projectId: process.env.PUBSUB_PROJECT_ID};
    this.publisher = new v1.PublisherClient(options);
    this.subscriber = new v1.SubscriberClient(options);
    this.schemas = new v1.SchemaServiceClient(options);
  }

  async close() {
    await this.pubsub.close();
    await Promise.all([this.publisher, this.subscriber, this.schemas].map(client => client.close()));
  }

  name(kind) {
    return `${project}/${kind}/node-${Date.now().toString(36)}-${process.pid}-${++count}`;
  }

  async topic(settings = {}) {
    const [topic] = await this.publisher.createTopic({name: this.name('topics'), ...settings}, QUICK);
    return topic.name;
  }

  async subscription(topic, settings = {}) {
    const [subscription] = await this.subscriber.createSubscription(
      {name: this.name('subscriptions'), topic, ackDeadlineSeconds: 60, ...settings}, QUICK);
    return subscription.name;
  }

  async pair(settings) {
    const topic = await this.topic();
    return [topic, await this.subscription(topic, settings)];
  }

  /** One Publish call with exactly these messages; the client's own publishMessage batches. */
  async post(topic, messages, timeout = 20000) {
    const [answer] = await this.publisher.publish({topic, messages}, {...QUICK, timeout});
    return answer.messageIds;
  }

  put(topic, ...texts) {
    return this.post(topic, texts.map(text => ({data: Buffer.from(text)})));
  }

  async pull(subscription, maxMessages = 100, seconds = 5) {
    try {
      const [answer] = await this.subscriber.pull({subscription, maxMessages}, {timeout: seconds * 1000, retry: null});
      return answer.receivedMessages;
    } catch (error) {
      if (error.code === DEADLINE_EXCEEDED) return [];
      throw error;
    }
  }

  async take(subscription, want, seconds = 15) {
    const received = [];
    const end = Date.now() + seconds * 1000;
    while (received.length < want && Date.now() < end) {
      received.push(...(await this.pull(subscription, want - received.length)));
    }
    require_(received.length === want, `${received.length} messages within ${seconds} s instead of ${want}`);
    return received;
  }

  async none(subscription, what, seconds = 1.5) {
    const received = await this.pull(subscription, 10, seconds);
    require_(received.length === 0, `${what}: ${texts(received)}`);
  }

  ack(subscription, received) {
    return this.subscriber.acknowledge({subscription, ackIds: received.map(r => r.ackId)}, QUICK);
  }

  extend(subscription, received, seconds) {
    return this.subscriber.modifyAckDeadline(
      {subscription, ackIds: received.map(r => r.ackId), ackDeadlineSeconds: seconds}, QUICK);
  }

  /** Runs the client's own subscriber until `callback` returns true or the time is up. */
  async receive(subscription, seconds, callback, options = {}) {
    const stream = this.pubsub.subscription(subscription, options);
    let failure;
    const done = new Promise(resolve => {
      stream.on('error', error => resolve((failure = error)));
      stream.on('message', async message => {
        try {
          if (await callback(message)) resolve();
        } catch (error) {
          resolve((failure = error));
        }
      });
    });
    const arrived = await within(seconds, done);
    await stream.close();
    if (failure) throw failure;
    return arrived;
  }
}

function texts(received) {
  return received.map(r => r.message.data.toString()).sort();
}

const add = (feature, scenario) => (add.scenarios[feature] = scenario);
add.scenarios = {};

module.exports = {QUICK, Session, UNIMPLEMENTED, Wrong, add, equal, project, refused, require_, sleep, texts, within};

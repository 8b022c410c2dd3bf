// What programs in JavaScript do with the API, whatever they send their requests with.

const { BASE, KEY, LIMITED_KEY, GOOD, BAD } = process.env;
const good = GOOD.split(' ');
const bad = BAD.split(' ');
const PAUSE_MS = 50;
const TRIES = 3;
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error || body?.message || 'no word of why');
    this.status = status;
    this.body = body;
  }
}

export class NoConnection extends Error {}

/**
 * Goes through everything. `send({method, url, headers, body})` gives the parsed body, or throws one of the two errors.
 */
export async function play(name, send) {
  const call = (method, path, { key = KEY, headers = {}, base = BASE, body } = {}) =>
    send({
      method,
      url: base + path,
      headers: { 'content-type': 'application/json', ...(key ? { 'x-api-key': key } : {}), ...headers },
      body,
    });

  // Asks again, later and later, while the trouble is the server's or the network's.
  const patiently = async (method, path, options) => {
    let trouble;
    for (let tried = 0; tried <= TRIES; tried++) {
      try {
        return await call(method, path, options);
      } catch (error) {
        if (error instanceof ApiError && error.status >= 500) trouble = `${error.status} ${error.message}`;
        else if (error instanceof NoConnection) trouble = 'no connection';
        else throw error;
      }
      if (tried < TRIES) {
        console.log(`  ${trouble}; again in ${2 ** tried} pauses`);
        await rest(PAUSE_MS * 2 ** tried);
      }
    }
    throw new RangeError(`${trouble}, ${TRIES + 1} times`);
  };

  const told = async (label, method, path, options) => {
    try {
      const body = await patiently(method, path, options);
      console.log(`${label}: done, success is ${body.success}`);
    } catch (error) {
      if (error instanceof RangeError) return console.log(`${label}: gave up: ${error.message}`);
      if (!(error instanceof ApiError)) throw error;
      const extra = ['code', 'metric', 'limit', 'used', 'remaining'].filter((key) => key in error.body);
      const shown = extra.map((key) => `${key}=${error.body[key]}`).join(' ');
      console.log(`${label}: ${error.status} ${error.message} ${shown}`.trimEnd());
    }
  };

  const post = async (text, platforms) => {
    const body = { content: `${text}, from ${name}`, platforms, scheduledTime: '2026-01-01T00:00:00.000Z' };
    const { postGroupId } = await call('POST', '/create-post', { body });
    for (const until = Date.now() + 60_000; Date.now() < until; await rest(200)) {
      const { posts } = await call('GET', `/get-post/${postGroupId}`);
      if (posts.every(({ status }) => status === 'published' || status === 'failed')) return postGroupId;
    }
    throw new Error(`${postGroupId} is not done`);
  };

  const outcome = async (group) => {
    const [found, { logs }] = await Promise.all([call('GET', `/get-post/${group}`), call('GET', `/post-logs/${group}`)]);
    const is = (state) => found.posts.every(({ status }) => status === state);
    const whole = is('published') ? 'all' : is('failed') ? 'none' : 'partly';
    console.log(`published: ${whole}; keys ${Object.keys(found).join(' ')}`);
    for (const { platform, platformId, status, postedId, error } of found.posts) {
      console.log(`  ${platform} ${platformId}: ${status} ${postedId ?? 'without an id'}`);
      if (error) {
        const { code, message, platformStatusCode, retryable } = error;
        console.log(`    ${code}: ${message} (HTTP ${platformStatusCode}, retryable ${retryable})`);
      }
    }
    const byPlatform = {};
    for (const entry of logs) (byPlatform[entry.platform] ??= []).push(entry);
    for (const platform of Object.keys(byPlatform).sort()) {
      console.log(`  ${platform}: ${byPlatform[platform].map(({ event }) => event).join(', ')}`);
      for (const { event, error, httpStatus, metadata, createdAt } of byPlatform[platform]) {
        if (event !== 'publish_failed') continue;
        const when = new Date(createdAt).toISOString();
        console.log(`    [${when}] ${error} (HTTP ${httpStatus}): ${metadata?.retryable ? 'try again' : 'do not try again'}`);
      }
    }
  };

  console.log('# Posts');
  const groups = [];
  for (const [text, platforms] of [['to all', [...good, ...bad]], ['to the good', good], ['to the bad', bad]]) {
    groups.push(await post(text, platforms));
    await outcome(groups.at(-1));
  }

  console.log('# Errors');
  await told('no key', 'GET', '/list-posts', { key: '' });
  await told('a wrong key', 'GET', '/list-posts', { key: 'sk_wrong_00000000.00' });
  await told('acting for nobody', 'GET', '/list-posts', { headers: { 'x-postpost-user-id': 'nobody' } });
  await told('acting for a stranger', 'GET', '/list-posts', { headers: { 'x-postpost-user-id': '0'.repeat(24) } });
  for (const [label, body] of [
    ['no content', { platforms: good }],
    ['no platforms', { content: 'x' }],
    ['an empty list', { content: 'x', platforms: [] }],
    ['half a list', { content: 'x', platforms: '["a' }],
    ['no list', { content: 'x', platforms: { a: 1 } }],
    ['no id', { content: 'x', platforms: ['twitter'] }],
    ['a broken time', { content: 'x', platforms: good, scheduledTime: 'March 15, 2026' }],
    ['broken settings', { content: 'x', platforms: good, platformSettings: '{' }],
    ['settings in a list', { content: 'x', platforms: good, platformSettings: [] }],
  ]) {
    await told(label, 'POST', '/create-post', { body });
  }
  const beyond = { content: 'x', platforms: ['twitter-123456789'], scheduledTime: '2026-01-01T00:00:00.000Z' };
  await told('beyond the plan', 'POST', '/create-post', { key: LIMITED_KEY, body: beyond });
  await told('nothing to change', 'PUT', `/update-post/${groups[0]}`, { body: {} });
  await told('a state of one\'s own', 'PUT', `/update-post/${groups[0]}`, { body: { status: 'published' } });
  await told('too late', 'PUT', `/update-post/${groups[1]}`, { body: { status: 'draft' } });
  await told('an upload of nothing', 'POST', '/get-upload-url', { body: { fileName: 'a.jpg' } });
  await told('an unknown post', 'GET', `/get-post/${'0'.repeat(24)}`);
  await told('no post\'s history', 'GET', `/post-logs/${'0'.repeat(24)}`);
  await told('what is no id', 'GET', '/get-post/none');
  await told('no id\'s history', 'GET', '/post-logs/none');
  await told('nobody there', 'GET', '/list-posts', { base: 'http://127.0.0.1:9' });
  await told('removed', 'DELETE', `/delete-post/${groups[2]}`);
  await told('removed twice', 'DELETE', `/delete-post/${groups[2]}`);
}

// The library `ws`, as server or client, see README.md: node ws.js FOLDER server|client ARGUMENTS

'use strict';

const [, , folder, role, ...args] = process.argv;
const { WebSocket, WebSocketServer } = require(require.resolve('ws', { paths: [folder] }));

setTimeout(() => { throw new Error('it hangs'); }, 15000).unref();

// Rejected promises and failed checks end the process, as everywhere else.
function check(condition, what) {
  if (!condition) throw new Error(`failed: ${what}`);
}

function reportAtEnd(socket) {
  socket.on('close', (code, reason) => {
    const both = socket._closeFrameReceived && socket._closeFrameSent;
    console.log(`closed ${code} ${reason} ${both && code !== 1006 ? 'clean' : 'unclean'}`);
  });
  socket.on('error', (error) => { throw error; });
}

const options = (compression) => ({ perMessageDeflate: compression === 'deflate', maxPayload: 0 });

// Cuts text within a character.
function sendInFragments(socket, pieces, binary) {
  pieces.forEach((piece, index) => {
    socket.send(Buffer.from(piece), { binary, fin: index === pieces.length - 1 });
  });
}

const cut = [[0xce, 0xba, 0xcf], [0x8c, 0xcf, 0x83], [], [0xce, 0xbc, 0xce, 0xb5, 0x21]];

function serve(compression) {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
    ...options(compression),
  });
  server.on('headers', (headers, request) => {
    headers.push(`X-Answer: ${request.headers['x-question']}`);
  });
  server.on('listening', () => console.log(`port ${server.address().port}`));
  server.on('connection', (socket) => {
    reportAtEnd(socket);
    socket.on('close', () => server.close());
    socket.on('message', (data, isBinary) => {
      const text = isBinary ? '' : data.toString();
      const [command, first, ...rest] = text.split(' ');
      if (command === 'command:fragments') {
        sendInFragments(socket, cut, false);
      } else if (command === 'command:ping') {
        const payload = [first, ...rest].join(' ');
        socket.once('pong', (answer) => {
          check(answer.toString() === payload, 'pong');
          socket.send(`pong ${payload}`);
        });
        socket.ping(payload);
      } else if (command === 'command:close') {
        socket.close(Number(first), rest.join(' '));
      } else {
        socket.send(data, { binary: isBinary });
      }
    });
  });
}

async function drive(url, closer, compression) {
  const socket = new WebSocket(url, ['chat', 'unknown'], {
    headers: { 'X-Question': 'who?' },
    ...options(compression),
  });
  reportAtEnd(socket);
  const next = (event) => new Promise((resolve) => { socket.once(event, (...it) => resolve(it)); });
  socket.on('upgrade', (response) => check(response.headers['x-answer'] === 'who?', 'header'));
  await next('open');
  check(socket.protocol === 'chat', 'subprotocol');
  check(socket.extensions === '', 'no extension');
  const echoes = async (sent, expected, binary) => {
    const received = next('message');
    sent();
    const [data, isBinary] = await received;
    check(isBinary === binary && Buffer.compare(data, Buffer.from(expected)) === 0, expected);
  };
  for (const text of ['Hello', '', 'κόσμε — 日本語 🦀'.repeat(100)]) {
    await echoes(() => socket.send(text), text, false);
  }
  for (const size of [0, 125, 126, 65535, 65536, 1 << 20]) {
    const data = Buffer.alloc(size).map((_, index) => index % 251);
    await echoes(() => socket.send(data), data, true);
  }
  await echoes(() => sendInFragments(socket, cut, false), 'κόσμε!', false);
  await echoes(() => sendInFragments(socket, [[0, 1], [], [2]], true), [0, 1, 2], true);
  await echoes(() => socket.send('command:fragments'), 'κόσμε!', false);
  const pong = next('pong');
  socket.ping('are you there?');
  check((await pong)[0].toString() === 'are you there?', 'pong');
  const ping = next('ping');
  await echoes(() => socket.send('command:ping and you?'), 'pong and you?', false);
  check((await ping)[0].toString() === 'and you?', 'ping');
  if (closer === 'client') socket.close(4001, 'done here');
  else socket.send('command:close 4002 enough');
}

if (role === 'server') serve(...args);
else drive(...args);

// The library `ws` with compression, as server or client, see README.md:
// node compressed.js FOLDER server|client PARAMETERS [URL]

'use strict';

const [, , folder, role, parameters, url] = process.argv;
const { WebSocket, WebSocketServer } = require(require.resolve('ws', { paths: [folder] }));

setTimeout(() => { throw new Error('it hangs'); }, 15000).unref();

function check(condition, what) {
  if (!condition) throw new Error(`failed: ${what}`);
}

// `server_max_window_bits` is `serverMaxWindowBits` here.
const perMessageDeflate = {};
for (const parameter of parameters.split(' ').filter(Boolean)) {
  const [name, value] = parameter.split('=');
  const camel = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  perMessageDeflate[camel] = value ? Number(value) : true;
}

function agreed(socket) {
  check(socket.extensions === 'permessage-deflate', `extensions ${socket.extensions}`);
  const { params } = socket._extensions['permessage-deflate'];
  const bits = (side) => params[`${side}_max_window_bits`] || 15;
  const takeover = (side) => !params[`${side}_no_context_takeover`];
  const words = [takeover('server'), bits('server'), takeover('client'), bits('client')];
  return `agreed ${words.join(' ')}`;
}

function reportAtEnd(socket) {
  const extension = agreed(socket);
  socket.on('close', (code, reason) => {
    const both = socket._closeFrameReceived && socket._closeFrameSent;
    console.log(extension);
    console.log(`closed ${code} ${reason} ${both && code !== 1006 ? 'clean' : 'unclean'}`);
  });
  socket.on('error', (error) => { throw error; });
}

function lines(size) {
  let text = '';
  for (let i = 0; i < size / 25; i += 1) text += `{"id": ${i * i}, "name": "κόσμε ${i % 7}"}\n`;
  return text.slice(0, size * 2 / 3);
}

function noise(size) {
  let state = 1;
  return Buffer.alloc(size).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function sendInFragments(socket, pieces, binary) {
  pieces.forEach((piece, index) => {
    socket.send(Buffer.from(piece), { binary, fin: index === pieces.length - 1 });
  });
}

function serve() {
  const server = new WebSocketServer({
    host: '127.0.0.1', port: 0, maxPayload: 0, perMessageDeflate,
  });
  server.on('listening', () => console.log(`port ${server.address().port}`));
  server.on('connection', (socket) => {
    reportAtEnd(socket);
    socket.on('close', () => server.close());
    socket.on('message', (data, isBinary) => {
      if (!isBinary && data.toString() === 'command:fragments') {
        sendInFragments(socket, [lines(3000), lines(200), '!'], false);
      } else {
        socket.send(data, { binary: isBinary });
      }
    });
  });
}

async function drive() {
  const socket = new WebSocket(url, { maxPayload: 0, perMessageDeflate });
  const next = (event) => new Promise((resolve) => { socket.once(event, (...it) => resolve(it)); });
  await next('open');
  reportAtEnd(socket);
  const echoes = async (send, expected, binary) => {
    const received = next('message');
    send();
    const [data, isBinary] = await received;
    check(isBinary === binary && Buffer.compare(data, Buffer.from(expected)) === 0, 'an echo');
  };
  const small = lines(2000);
  const messages = [small, small, 'hi', noise(65536), lines(65536), Buffer.from(small)];
  messages.push(lines(1 << 20), Buffer.from(lines(1 << 20)), Buffer.alloc(0), '', small);
  for (const message of messages) {
    await echoes(() => socket.send(message), message, typeof message !== 'string');
  }
  const pieces = [lines(3000), lines(200), '!'];
  await echoes(() => sendInFragments(socket, pieces, false), pieces.join(''), false);
  const data = [noise(3000), Buffer.alloc(0), Buffer.from('x')];
  await echoes(() => sendInFragments(socket, data, true), Buffer.concat(data), true);
  await echoes(() => socket.send('command:fragments'), small.repeat(3), false);
  socket.close(1000, '');
}

if (role === 'server') serve();
else drive();

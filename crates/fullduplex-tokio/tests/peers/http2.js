// WebSockets over HTTP/2: Node.js, with the frames of the library `ws`, see README.md:
// node http2.js FOLDER server|client [URL]

'use strict';

const http2 = require('node:http2');
const path = require('node:path');

const [, , folder, role, url] = process.argv;
const ws = path.join(folder, 'node_modules', 'ws');
const { WebSocket } = require(ws);
// What `ws` does with an offer of permessage-deflate once it has read the head of a request.
const extension = require(path.join(ws, 'lib', 'extension.js'));
const PerMessageDeflate = require(path.join(ws, 'lib', 'permessage-deflate.js'));

const NAME = PerMessageDeflate.extensionName;
const LIMITS = { allowSynchronousEvents: true, maxPayload: 0, skipUTF8Validation: false };

setTimeout(() => { throw new Error('it hangs'); }, 15000).unref();

function check(condition, what) {
  if (!condition) throw new Error(`failed: ${what}`);
}

function websocket(stream, isServer, deflate) {
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30000 });
  socket._isServer = isServer;
  if (deflate) socket._extensions[NAME] = deflate;
  socket.setSocket(stream, Buffer.alloc(0), LIMITS);
  return socket;
}

function serve() {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, headers) => {
    check(headers[':method'] === 'CONNECT' && headers[':protocol'] === 'websocket', 'a CONNECT');
    check(headers[':scheme'] === 'http' && headers[':path'] === '/chat?a=b', 'the target');
    check(headers['sec-websocket-version'] === '13', 'the version');
    check(headers['sec-websocket-key'] === undefined, 'no key');
    const response = { ':status': 200, 'sec-websocket-protocol': 'chat' };
    const offers = extension.parse(headers['sec-websocket-extensions'] || 'none');
    let deflate = null;
    if (offers[NAME]) {
      deflate = new PerMessageDeflate({ isServer: true, threshold: 0 });
      deflate.accept(offers[NAME]);
      response['sec-websocket-extensions'] = extension.format({ [NAME]: [deflate.params] });
    }
    stream.respond(response);
    const socket = websocket(stream, true, deflate);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
}

async function converse(socket) {
  const next = (event) => new Promise((resolve) => { socket.once(event, (...it) => resolve(it)); });
  for (const size of [0, 1, 125, 126, 65535, 65536, 300000]) {
    const received = next('message');
    socket.send(Buffer.alloc(size, size));
    const [data, isBinary] = await received;
    check(isBinary && Buffer.compare(data, Buffer.alloc(size, size)) === 0, `${size} bytes`);
  }
  const received = next('message');
  socket.send('κόσμε');
  const [text, isBinary] = await received;
  check(!isBinary && text.toString() === 'κόσμε', 'the text');
  const pong = next('pong');
  socket.ping('ping');
  check((await pong)[0].toString() === 'ping', 'the Pong');
  socket.close(1000, 'done');
  return next('close');
}

function drive() {
  const { origin, pathname, search } = new URL(url);
  const session = http2.connect(origin);
  session.once('remoteSettings', (settings) => {
    check(settings.enableConnectProtocol, 'SETTINGS_ENABLE_CONNECT_PROTOCOL');
    const offer = new PerMessageDeflate({ isServer: false, threshold: 0 });
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': pathname + search,
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'other, chat',
      'sec-websocket-extensions': extension.format({ [NAME]: offer.offer() }),
      origin: 'https://a.example',
    });
    stream.once('response', async (headers) => {
      check(headers[':status'] === 200, `status ${headers[':status']}`);
      check(headers['sec-websocket-protocol'] === 'chat', 'the subprotocol');
      const answer = extension.parse(headers['sec-websocket-extensions'] || 'none');
      if (answer[NAME]) offer.accept(answer[NAME]);
      const socket = websocket(stream, false, answer[NAME] ? offer : null);
      const [code] = await converse(socket);
      const both = socket._closeFrameReceived && socket._closeFrameSent;
      console.log(`closed ${code} ${both ? 'clean' : 'unclean'}`);
      session.close();
    });
  });
}

if (role === 'server') serve();
else drive();

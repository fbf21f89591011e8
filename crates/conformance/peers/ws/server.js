// An echo server over the npm package ws: server.js PORT
'use strict';

const { WebSocketServer } = require('ws');

const LIMIT = 64 << 20;

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  perMessageDeflate: true,
  maxPayload: LIMIT,
});
server.on('connection', (socket) => {
  // Many cases are meant to end in a failure. The suite judges them.
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});

#!/usr/bin/env node
// Every connection receives what one connection sends, with the package ws. It has the interface of the other servers.
'use strict';

const { WebSocket, WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('listening', () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, binary) => {
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary });
    }
  });
});

// Prints the processor time in nanoseconds for each line of the input.
process.stdin.on('data', (lines) => {
  for (const byte of lines) {
    if (byte !== 10) continue;
    const { user, system } = process.cpuUsage();
    console.log((user + system) * 1000);
  }
});
process.stdin.on('end', () => process.exit(0));

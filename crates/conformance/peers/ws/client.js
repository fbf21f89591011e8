// An echo client over the npm package ws, which runs all cases of a fuzzing server: client.js URL
'use strict';

const WebSocket = require('ws');

const AGENT = 'ws';
const LIMIT = 64 << 20;
const url = process.argv[2].replace(/\/+$/, '');

function echo(target) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url + target, { maxPayload: LIMIT });
    // Many cases are meant to end in a failure. The suite judges them.
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('close', resolve);
  });
}

function count() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url + '/getCaseCount');
    socket.on('error', reject);
    socket.on('message', (data) => resolve(Number(data)));
  });
}

(async () => {
  const cases = await count();
  for (let number = 1; number <= cases; number += 1) {
    await echo(`/runCase?case=${number}&agent=${AGENT}`);
  }
  await echo(`/updateReports?agent=${AGENT}`);
})();

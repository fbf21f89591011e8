// `@stomp/stompjs` over `ws`: node stomp.mjs NPM URL
import { createRequire } from "node:module";
import { once, EventEmitter } from "node:events";

const [npm, url] = process.argv.slice(2);
const require = createRequire(npm + "/");
const { Client, StompConfig, Versions } = require("@stomp/stompjs");
const { WebSocket } = require("ws");

const happens = new EventEmitter();
const say = (...what) => console.log(what.map((it) => typeof it === "string" ? it : JSON.stringify(it)).join(" "));

function client(config) {
  const beats = { sent: 0, received: 0 };
  const it = new Client({
    reconnectDelay: 0,
    heartbeatIncoming: 100,
    heartbeatOutgoing: 100,
    webSocketFactory: () => new WebSocket(url, it.stompVersions.protocolVersions()),
    onConnect: (frame) => happens.emit("connected", frame),
    onDisconnect: (frame) => happens.emit("disconnected", frame),
    onStompError: (frame) => happens.emit("error frame", frame),
    onWebSocketError: () => {},
    onWebSocketClose: (event) => happens.emit("closed", event),
    debug: (line) => {
      if (line === ">>> PING") beats.sent++;
      if (line === "<<< PONG") beats.received++;
    },
    ...config,
  });
  return Object.assign(it, { beats });
}

async function connected(it) {
  const connected = once(happens, "connected");
  it.activate();
  return (await connected)[0];
}

// Resolves once the broker has confirmed what was done with the headers.
function receipt(it, act) {
  const id = `receipt ${Math.random()}`;
  return new Promise((done) => {
    it.watchForReceipt(id, done);
    act({ receipt: id });
  });
}

function heard(message) {
  const { "message-id": id, ...headers } = message.headers;
  if (!/^[0-9]+$/.test(id)) throw new Error(`message-id ${id}`);
  say("message", Object.fromEntries(Object.entries(headers).sort()), [...message.binaryBody].join());
  happens.emit("message");
}

const one = client();
const frame = await connected(one);
say("connected", frame.headers.version, frame.headers["heart-beat"], one.webSocket.protocol);

let subscription;
await receipt(one, (headers) => {
  subscription = one.subscribe("/topic/a:b", heard, { id: "s\\1", ...headers });
});
let message = once(happens, "message");
one.publish({ destination: "/topic/a:b", body: "grüße", headers: { "a-b": "c\nd\r\\", priority: "9" } });
await message;
message = once(happens, "message");
one.publish({ destination: "/topic/a:b", binaryBody: new Uint8Array([0, 255, 0, 10]), headers: { "content-type": "application/x" } });
await message;

await receipt(one, (headers) => subscription.unsubscribe(headers));
await receipt(one, (headers) => one.publish({ destination: "/topic/a:b", body: "to nobody", headers }));

await new Promise((done) => setTimeout(done, 4500));
say("beats", one.connected, one.beats.sent >= 3, one.beats.received >= 3);

const disconnected = once(happens, "disconnected"), left = once(happens, "closed");
await one.deactivate();
await disconnected;
say("disconnected", (await left)[0].code);

const two = client();
await connected(two);
const failed = once(happens, "error frame"), closed = once(happens, "closed");
two.subscribe("/topic/a", () => {}, { ack: "client", receipt: "r" });
const { message: reason, "receipt-id": id } = (await failed)[0].headers;
const { code, reason: why } = (await closed)[0];
say("error", reason, id, code, why);
await two.deactivate();

const old = client({ stompVersions: new Versions([Versions.V1_1]) });
const refused = once(happens, "closed");
old.activate();
say("refused", (await refused)[0].code);
await old.deactivate();
